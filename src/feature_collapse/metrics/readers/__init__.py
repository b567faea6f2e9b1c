"""Readers of embeddings, model folders, token lists, groups and frequencies; one file for each."""

from feature_collapse.metrics.readers.embeddings import Embeddings
from feature_collapse.metrics.readers.groups import Groups, read_groups
from feature_collapse.metrics.readers.model_folder import ModelFolder, list_candidates, read_model_folder
from feature_collapse.metrics.readers.read import read_embeddings
from feature_collapse.metrics.readers.selection import Selection, select
from feature_collapse.metrics.readers.source import Source
from feature_collapse.metrics.readers.vocabulary import read_tokens

__all__ = [
    "Embeddings",
    "Groups",
    "ModelFolder",
    "Selection",
    "Source",
    "list_candidates",
    "read_embeddings",
    "read_groups",
    "read_model_folder",
    "read_tokens",
    "select",
]
