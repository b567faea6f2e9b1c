"""What is measured: checked features with the concept of each row, and what may come with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics import arrays
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.classifier import Classifier, check_classifier
from feature_collapse.metrics.progress import followed

CHUNK_VALUES = 200_000
"""Rows are converted to float64 in chunks of about this many numbers: 1.6 MB stay in a core's own cache."""


def chunks(n: int, d: int) -> Iterator[slice]:
    """Yield slices of n rows of d numbers, each of about `CHUNK_VALUES` numbers."""
    step = max(1, CHUNK_VALUES // d)
    starts = range(0, n, step)
    for start in followed("parts of the rows", starts, len(starts)):
        yield slice(start, start + step)


@dataclass(frozen=True)
class Data:
    """Features x (N, d) of concepts codes (N,) among `names`; frequencies (N,) and classifier, if given."""

    x: NDArray[Any]
    codes: Ints
    names: tuple[str, ...]
    frequencies: Floats | None
    classifier: Classifier | None

    @staticmethod
    def of(embeddings: Any, concepts: Any, frequencies: Any, classifier: Any) -> Data:
        """Return the user's arrays, checked.

        Raises:
            InputError: for wrong shapes or missing labels (values are checked to be finite as they are read).
        """
        x = arrays.feature_rows("embeddings", embeddings)
        codes, names = arrays.encode_concepts(concepts, len(x))
        seen = None if frequencies is None else arrays.check_frequencies(frequencies, len(x))
        return Data(x, codes, tuple(names), seen, check_classifier(classifier, names, x.shape[1]))

    @cached_property
    def count(self) -> Ints:
        """Members of each concept, (C,)."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.int64)

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Which concepts (C,) have two members or more: only they enter the values that use concepts."""
        return self.count >= 2

    @cached_property
    def members(self) -> Ints:
        """Rows of the kept concepts."""
        return np.flatnonzero(self.kept[self.codes])

    def rows(self, chosen: Ints | slice) -> Floats:
        """Return the chosen rows in float64."""
        return np.asarray(self.x[chosen], dtype=np.float64)

    def part(self, chosen: Ints) -> Data:
        """Return the chosen rows alone, sorted by concept; concepts without a row go."""
        chosen = chosen[np.argsort(self.codes[chosen], kind="stable")]
        ids, codes = np.unique(self.codes[chosen], return_inverse=True)
        there = np.zeros(len(self.names), dtype=bool)
        there[ids] = True
        return Data(
            self.rows(chosen),
            codes.astype(np.int64),
            tuple(self.names[i] for i in ids),
            None if self.frequencies is None else self.frequencies[chosen],
            None if self.classifier is None else self.classifier.of_concepts(there),
        )
