"""Classifier rows with the concept that each belongs to: one per concept, or many (the paper's u_{k,ℓ})."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import InputError
from feature_collapse.metrics import arrays
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.frames import ClassifierRows


@dataclass(frozen=True)
class Classifier:
    """rows (R, d) in float64; codes (R,) of their concepts among n_concepts."""

    rows: Floats
    codes: Ints
    n_concepts: int

    def of_concepts(self, kept: NDArray[np.bool_]) -> Classifier:
        """Return the rows of the marked concepts (C,), numbered anew."""
        chosen = kept[self.codes]
        return Classifier(self.rows[chosen], (np.cumsum(kept) - 1)[self.codes[chosen]], int(kept.sum()))

    def summed(self, codes: Ints | None = None) -> ClassifierRows:
        """Return the sums per concept; `codes` replaces the rows' own concepts (for shuffles)."""
        codes = self.codes if codes is None else codes
        order = np.argsort(codes, kind="stable")
        ids, starts = np.unique(codes[order], return_index=True)
        total = np.zeros((self.n_concepts, self.rows.shape[1]))
        if len(ids):
            total[ids] = np.add.reduceat(self.rows[order], starts, axis=0)
        count = np.bincount(codes, minlength=self.n_concepts).astype(np.float64)
        return ClassifierRows(total, count, float(np.sum(self.rows * self.rows)))


def check_classifier(value: Any, names: Sequence[str], d: int) -> Classifier | None:
    """Return the user's classifier: an array (C, d) in the order of `names`, or a pair (rows, concepts).

    Raises:
        InputError: for a wrong shape, a concept without a row or an unknown concept.
    """
    if value is None:
        return None
    labels: NDArray[np.int64]
    if isinstance(value, tuple):
        if len(value) != 2:
            raise InputError(
                f"classifier is a tuple of {len(value)}, but must be an array or (rows, concept of each row)"
            )
        rows = arrays.feature_rows("classifier rows", value[0])
        codes, known = arrays.encode_concepts(value[1], len(rows))
        index = {name: i for i, name in enumerate(names)}
        missing = [k for k in known if k not in index]
        if missing:
            raise InputError(
                f"classifier has rows for concepts that the embeddings do not have: {', '.join(missing[:5])}"
            )
        labels = np.array([index[k] for k in known], dtype=np.int64)[codes]
    else:
        rows = arrays.feature_rows("classifier", value)
        if len(rows) != len(names):
            raise InputError(
                f"classifier has {len(rows)} rows, but must have one for each of the {len(names)} concepts "
                "in sorted order, or be a pair (rows, concept of each row)"
            )
        labels = np.arange(len(names), dtype=np.int64)
    if rows.shape[1] != d:
        raise InputError(f"classifier has {rows.shape[1]} columns, but must have d = {d} like the embeddings")
    return Classifier(arrays.finite_batch("classifier", rows), labels, len(names))
