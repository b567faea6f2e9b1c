"""The data model: word laws, vocabulary, latents, sentences (paper §2, A.3)."""

from feature_collapse.task.sentences import Sentences
from feature_collapse.task.task import Task, make_task
from feature_collapse.task.vocabulary import Vocabulary, read_vocabulary

__all__ = ["Sentences", "Task", "Vocabulary", "make_task", "read_vocabulary"]
