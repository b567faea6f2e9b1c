"""Per-concept mean and sum of squares, and the pooled within-concept scatter matrix: one pass, mergeable.

Updates follow Chan, Golub, LeVeque 1983: the mean and the centred sums are carried along, so that a spread
that is tiny beside the mean is not lost to cancellation. All sums are float64.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics.arrays import Floats, Ints


class GroupMoments:
    """Running count (C,), mean (C, d), m2 (C,) = Σ‖x − mean‖², and scatter (d, d) = Σ (x − mean)(x − mean)ᵀ.

    Memory 8·C·d bytes, and 8·d² with the scatter; an update takes O(n·d) time, O(n·d²) with the scatter.
    """

    def __init__(self, n_concepts: int, d: int, *, scatter: bool) -> None:
        """Start empty."""
        self.count: Ints = np.zeros(n_concepts, dtype=np.int64)
        self.mean: Floats = np.zeros((n_concepts, d))
        self.m2: Floats = np.zeros(n_concepts)
        self.scatter: Floats | None = np.zeros((d, d)) if scatter else None

    def update(self, x: Floats, groups: BatchGroups) -> None:
        """Add rows x (n, d) whose concepts are in `groups`."""
        mean = groups.sums(x) / groups.count[:, None]
        centred = x - mean[groups.inverse]
        if self.scatter is not None:
            self.scatter += centred.T @ centred
        self._combine(groups.ids, groups.count, mean, groups.sums(np.einsum("ij,ij->i", centred, centred)))

    def merge(self, other: GroupMoments) -> None:
        """Add what another worker has seen."""
        ids = np.flatnonzero(other.count)
        if self.scatter is not None and other.scatter is not None:
            self.scatter += other.scatter
        self._combine(ids, other.count[ids], other.mean[ids], other.m2[ids])

    def _combine(self, ids: Ints, count: Ints, mean: Floats, m2: Floats) -> None:
        """Return the pairwise formula: the two means' difference adds n·n'/(n + n')·δδᵀ to the scatter."""
        total = self.count[ids] + count
        delta = mean - self.mean[ids]
        weight = self.count[ids] * count / total
        if self.scatter is not None:
            scaled = delta * np.sqrt(weight)[:, None]
            self.scatter += scaled.T @ scaled
        self.m2[ids] += m2 + weight * np.einsum("ij,ij->i", delta, delta)
        self.mean[ids] += delta * (count / total)[:, None]
        self.count[ids] = total


class RowSums:
    """Everything that is kept of one kind of rows: their moments, those of their lengths, and Σ‖x‖x."""

    def __init__(self, n_concepts: int, d: int, length: float | None, *, scatter: bool) -> None:
        """Start empty; `length` is what all rows share, if they do: Σ‖x‖x is then a multiple of Σx."""
        self.length = length
        self.features = GroupMoments(n_concepts, d, scatter=scatter)
        self.lengths = GroupMoments(n_concepts, 1, scatter=False)
        self.weighted: Floats | None = None if length else np.zeros((n_concepts, d))

    def update(self, rows: Floats, groups: BatchGroups) -> None:
        """Add rows (n, d) whose concepts are in `groups`."""
        size = np.linalg.norm(rows, axis=1)[:, None]
        self.features.update(rows, groups)
        self.lengths.update(size, groups)
        if self.weighted is not None:
            self.weighted[groups.ids] += groups.sums(size * rows)

    def merge(self, other: RowSums) -> None:
        """Add what another worker has seen."""
        self.features.merge(other.features)
        self.lengths.merge(other.lengths)
        if self.weighted is not None and other.weighted is not None:
            self.weighted += other.weighted

    def moments(self, directions: RowSums) -> ConceptMoments:
        """Return the moments of these rows, whose directions (up to one common length) are given."""
        f, u, one = self.features, directions.features, directions.length or 1.0
        weighted = (
            (self.length or 0.0) * f.count[:, None] * f.mean if self.weighted is None else self.weighted
        )
        return ConceptMoments(
            f.count,
            f.mean,
            f.m2,
            u.mean / one,
            u.m2 / one**2,
            self.lengths.mean[:, 0],
            self.lengths.m2,
            weighted,
        )


class BatchGroups:
    """The concepts of one batch: `ids` (g,) that occur, `count` (g,), `inverse` (n,) into `ids`."""

    def __init__(self, codes: Ints) -> None:
        """Sort the batch by concept once; every sum over concepts reuses the order."""
        self._order = np.argsort(codes, kind="stable")
        self.ids, inverse, count = np.unique(codes, return_inverse=True, return_counts=True)
        self.inverse: Ints = inverse
        self.count: Ints = count
        self._starts = np.concatenate([[0], np.cumsum(count)[:-1]])

    def sums(self, values: Floats) -> Floats:
        """Return the sums of rows of `values` (n, …) over each concept, (g, …)."""
        return np.asarray(np.add.reduceat(values[self._order], self._starts, axis=0))


@dataclass(frozen=True)
class ConceptMoments:
    """What the values need to know of each concept, for one view of the features. C concepts, d dimensions.

    count (C,); mean (C, d) and m2 (C,) of x; unit_mean (C, d) and unit_m2 (C,) of x/‖x‖; length_mean and
    length_m2 (C,) of ‖x‖; weighted (C, d) = Σ‖x‖x.
    """

    count: Ints
    mean: Floats
    m2: Floats
    unit_mean: Floats
    unit_m2: Floats
    length_mean: Floats
    length_m2: Floats
    weighted: Floats

    @property
    def energy(self) -> float:
        """Σ‖x‖² over all entities."""
        return float(np.sum(self.m2 + self.count * np.einsum("ij,ij->i", self.mean, self.mean)))

    def keep(self, which: NDArray[np.bool_]) -> ConceptMoments:
        """Return the concepts marked in `which` (C,)."""
        if which.all():
            return self
        return ConceptMoments(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def scaled(self, s: float) -> ConceptMoments:
        """Return the moments of s·x."""
        return ConceptMoments(
            self.count,
            s * self.mean,
            s * s * self.m2,
            self.unit_mean,
            self.unit_m2,
            s * self.length_mean,
            s * s * self.length_m2,
            s * s * self.weighted,
        )
