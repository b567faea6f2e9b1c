"""Per-concept mean and sum of squares, and the pooled within-concept scatter matrix: one pass, mergeable.

Sums are kept of x − r_c, with r_c the first row seen of the concept (the shifted-data algorithm of Chan,
Golub, LeVeque 1983): a spread that is tiny beside the means is not lost to cancellation, equal rows give
zeros, and a batch costs one d × d product. All sums are float64.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from feature_collapse.metrics.arrays import Floats, Ints, lengths_of


class GroupMoments:
    """Running count (C,), and of x − r_c sums (C, d), squares (C,) = Σ‖·‖² and, if asked, products (d, d).

    Memory 16·C·d bytes, and 8·d² with the scatter; an update takes O(n·d) time, O(n·d²) with the scatter.
    """

    def __init__(self, n_concepts: int, d: int, *, scatter: bool) -> None:
        """Start empty."""
        self.count: Ints = np.zeros(n_concepts, dtype=np.int64)
        self.reference: Floats = np.zeros((n_concepts, d))
        self.sums: Floats = np.zeros((n_concepts, d))
        self.squares: Floats = np.zeros(n_concepts)
        self.products: Floats | None = np.zeros((d, d)) if scatter else None

    def update(self, x: Floats, groups: BatchGroups) -> None:
        """Add rows x (n, d) whose concepts are in `groups`."""
        new = self.count[groups.ids] == 0
        self.reference[groups.ids[new]] = x[groups.first[new]]
        off = self.reference[groups.codes]
        np.subtract(x, off, out=off)
        if self.products is not None:
            self.products += off.T @ off
        self.sums[groups.ids] += groups.sums(off)
        self.squares[groups.ids] += groups.sums(np.einsum("ij,ij->i", off, off))
        self.count[groups.ids] += groups.count

    @property
    def mean(self) -> Floats:
        """Mean of each concept (C, d), 0 where it is empty."""
        return np.asarray(self.reference + self.sums / np.maximum(self.count, 1)[:, None])

    @property
    def m2(self) -> Floats:
        """Σ‖x − mean‖² of each concept, (C,)."""
        inside = np.einsum("ij,ij->i", self.sums, self.sums) / np.maximum(self.count, 1)
        return np.asarray(np.maximum(self.squares - inside, 0.0))

    @property
    def scatter(self) -> Floats:
        """Σ (x − mean)(x − mean)ᵀ over all concepts, (d, d)."""
        assert self.products is not None
        scaled = self.sums / np.sqrt(np.maximum(self.count, 1))[:, None]
        return np.asarray(self.products - scaled.T @ scaled)

    def merge(self, other: GroupMoments) -> None:
        """Add what another worker has seen: its sums are first referred to this one's rows r_c."""
        new = (self.count == 0) & (other.count > 0)
        self.reference[new] = other.reference[new]
        n = other.count[:, None]
        shift = np.where(n > 0, other.reference - self.reference, 0.0)
        if self.products is not None and other.products is not None:
            cross = shift.T @ other.sums
            self.products += other.products + cross + cross.T + (n * shift).T @ shift
        self.squares += (
            other.squares + np.einsum("ij,ij->i", shift, 2 * other.sums) + np.sum(n * shift**2, axis=1)
        )
        self.sums += other.sums + n * shift
        self.count += other.count


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
        size = lengths_of(rows)
        self.features.update(rows, groups)
        self.lengths.update(size[:, None], groups)
        if self.weighted is not None:
            self.weighted[groups.ids] += groups.sums(size[:, None] * rows)

    def merge(self, other: RowSums) -> None:
        """Add what another worker has seen."""
        self.features.merge(other.features)
        self.lengths.merge(other.lengths)
        if self.weighted is not None and other.weighted is not None:
            self.weighted += other.weighted

    def moments(self, directions: RowSums) -> ConceptMoments:
        """Return the moments of these rows, whose directions (up to one common length) are given."""
        f, u, one = self.features, directions.features, directions.length or 1.0
        mean = f.mean
        weighted = (self.length or 0.0) * f.count[:, None] * mean if self.weighted is None else self.weighted
        return ConceptMoments(
            f.count,
            mean,
            f.m2,
            u.mean / one,
            u.m2 / one**2,
            self.lengths.mean[:, 0],
            self.lengths.m2,
            weighted,
        )


class BatchGroups:
    """The concepts of one batch, codes (n,).

    ids (g,): those that occur; count, first (g,): their members and first row; inverse (n,): into `ids`.
    """

    def __init__(self, codes: Ints) -> None:
        """Prepare the sparse matrix (g, n) that sums over concepts, once for every sum of the batch."""
        self.codes, n = codes, len(codes)
        found = np.unique(codes, return_index=True, return_inverse=True, return_counts=True)
        self.ids, self.first, self.inverse, self.count = found
        order = np.argsort(self.inverse, kind="stable")
        starts = np.concatenate([[0], np.cumsum(self.count)])
        self._matrix = csr_matrix((np.ones(n), order, starts), shape=(len(self.ids), n))

    def sums(self, values: Floats) -> Floats:
        """Return the sums of rows of `values` (n, …) over each concept, (g, …)."""
        return np.asarray(self._matrix @ values)


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
