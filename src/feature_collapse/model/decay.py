"""Weight decay of the words in proportion to a power of their frequency (theory R8).

    penalty (λ/2)(Σ_j a_j ‖w_j‖² + ‖U‖²),    a_j = (n_w p_j)^q

q = 0 is the paper's (every a_j = 1). q = 1 with the law's frequencies restores full collapse for every word
law.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.errors import InputError, check_choice, check_real
from feature_collapse.task.sentences import Sentences
from feature_collapse.task.task import Task

FREQUENCIES = ("law", "data")
LARGEST_EXPONENT = 10.0


@dataclass(frozen=True)
class Decay:
    """How the decay of a word depends on its frequency.

    Attributes:
        exponent: q ≥ 0, at most 10.
        frequency: `law` for p_j = μ_β/n_c, `data` for the share of the words of the training sentences; a
            word that never occurs there has a_j = 0 and gets the zero vector.

    Raises:
        InputError: an exponent out of range, or another name.

    >>> task = Task.of([[0, 1], [1, 0]], mu=[0.75, 0.25], n_c=2)
    >>> Decay(1.0).weights(task, task.train_set(5))
    array([1.5, 0.5, 1.5, 0.5])
    """

    exponent: float = 0.0
    frequency: str = "law"

    def __post_init__(self) -> None:
        """Check both."""
        check_real("decay_exponent", self.exponent, 0.0, LARGEST_EXPONENT)
        check_choice("decay_frequency", self.frequency, FREQUENCIES)

    def weights(self, task: Task, sentences: Sentences | None = None) -> Float[np.ndarray, " n_w"] | None:
        """Return (n_w,) a_j, or None where all are 1 (q = 0). O(N L).

        Raises:
            InputError: shares in the data are asked for, and no sentences are given.
        """
        if self.exponent == 0.0:
            return None
        if self.frequency == "law":
            share = np.tile(task.mu, task.n_c) / task.n_c
        elif sentences is None:
            raise InputError("decay_frequency = 'data', but no sentences are given to count the words of")
        else:
            share = np.bincount(sentences.words.reshape(-1), minlength=task.n_w) / sentences.words.size
        return np.asarray((task.n_w * share) ** self.exponent)
