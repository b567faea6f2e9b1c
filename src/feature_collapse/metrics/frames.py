"""Definitions 1–3 of the paper as distances: how far are embeddings and classifier from types I, II, III?

The frame f_1..f_C (equation 4: ‖f_α‖ = 1, ⟨f_α, f_β⟩ = −1/(C − 1)) is fitted. With S (C, d) the sums of the
vectors of each concept, the best frame is √(C/(C−1)) times the orthogonal polar factor of the row-centred S
(`model.geometry.nearest_frame`), and max_f Σ_i ⟨x_i, f_{c(i)}⟩ = √(C/(C−1)) ‖S centred‖_* =: A. All constants
are then in closed form:

- type I,  x_i = c f:        residual² = 1 − A²/(N Σ‖x‖²),            c = A/N
- type II, φ(x_i) = c f:     the same for the normalised vectors (c is then at most their common length)
- type III, x_i = r_i f:     S holds Σ‖x‖x, r_i = κ‖x_i‖,   residual² = 1 − (A/Σ‖x‖²)²

Residuals are ‖x − fit‖/‖x‖ in Frobenius norm: 0 is exact collapse, 1 is nothing explained. Rounding leaves
about 1e-8. A frame of C vectors needs d ≥ C − 1; below that the residual is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.moments import ConceptMoments
from feature_collapse.model.geometry import nearest_frame, smallest_d

NAN = float("nan")


@dataclass(frozen=True)
class ClassifierRows:
    """Classifier vectors summed per concept: total (C, d), count (C,), energy Σ‖u‖²."""

    total: Floats
    count: Floats
    energy: float

    @property
    def mean(self) -> Floats:
        """Mean row per concept (C, d); zero where a concept has no row."""
        return np.asarray(self.total / np.maximum(self.count, 1)[:, None])


def frame_exists(n_concepts: int, d: int) -> bool:
    """Return whether `n_concepts` ≥ 2 equiangular vectors fit into d dimensions."""
    return n_concepts >= 2 and d >= smallest_d(n_concepts)


def frame_alignment(sums: Floats) -> float:
    """Return max over equiangular frames of Σ_c ⟨sums_c, f_c⟩, for sums (C, d) with d ≥ C − 1."""
    c = len(sums)
    centred = sums - sums.mean(axis=0)
    return float(np.sqrt(c / (c - 1)) * np.linalg.svd(centred, compute_uv=False).sum())


def _residual(explained: float) -> float:
    return float(np.sqrt(max(0.0, 1.0 - max(0.0, explained) ** 2)))


def residual_equal_lengths(m: ConceptMoments) -> float:
    """Return the residual of x_i = c f_{c(i)}: type I, or type II for moments of normalised vectors."""
    energy, n = m.energy, int(m.count.sum())
    if not frame_exists(*m.mean.shape) or energy <= 0:
        return NAN
    return _residual(frame_alignment(m.count[:, None] * m.mean) / np.sqrt(n * energy))


def residual_free_lengths(m: ConceptMoments) -> float:
    """Return the residual of x_i = κ‖x_i‖ f_{c(i)}: type III with every entity's own length."""
    energy = m.energy
    if not frame_exists(*m.mean.shape) or energy <= 0:
        return NAN
    return _residual(frame_alignment(m.weighted) / energy)


def residual_classifier(m: ConceptMoments, rows: ClassifierRows) -> float:
    """Return the residual of u = c' f, c' ≥ 0, with one frame fitted to embeddings and classifier together.

    The embeddings enter by Σ‖x‖x (free lengths), both parts scaled to the same energy.
    """
    if not frame_exists(*m.mean.shape) or m.energy <= 0 or rows.energy <= 0:
        return NAN
    scale = np.sqrt(rows.count.sum() * rows.energy)
    frame = nearest_frame(m.weighted / m.energy + rows.total / scale)
    return _residual(float(np.sum(rows.total * frame)) / scale)


@dataclass(frozen=True)
class Shape:
    """Residuals of C mean vectors to C directions of one length, NaN where d is too small for them.

    frame: equiangular, around the origin; centred: equiangular, around the mean of the vectors; orthogonal.
    """

    frame: float
    centred: float
    orthogonal: float


def shape(means: Floats) -> Shape:
    """Return how far the rows (C, d) are from the three shapes; every concept weighs the same.

    Orthogonal directions are equiangular around their mean, so that `orthogonal` = 0 makes `centred` = 0.
    """
    c, d = means.shape
    away = means - means.mean(axis=0) if c else means
    size, rest = float(np.linalg.norm(means)), float(np.linalg.norm(away))
    exists = frame_exists(c, d)
    return Shape(
        _residual(frame_alignment(means) / (np.sqrt(c) * size)) if exists and size else NAN,
        _residual(frame_alignment(away) / (np.sqrt(c) * rest)) if exists and rest > 1e-13 * size else NAN,
        _residual(float(np.linalg.svd(means, compute_uv=False).sum()) / (np.sqrt(c) * size))
        if 2 <= c <= d and size
        else NAN,
    )


def residual_shared_lengths(x: Floats, codes: Ints, slots: Ints, sweeps: int = 100) -> float:
    """Return the residual of definition 3 word for word: x_(α,β) = r_β f_α with one r_β ≥ 0 for all concepts.

    x (N, d); codes (N,) and slots (N,) give α and β. Frame and lengths are fitted in turn (each step in
    closed form, the residual never grows) until it moves by less than 1e-12. O(N·d) time per sweep.
    """
    c, n_slots = int(codes.max()) + 1, int(slots.max()) + 1
    if not frame_exists(c, x.shape[1]):
        return NAN
    members = np.bincount(slots, minlength=n_slots)
    lengths = np.ones(n_slots)
    energy, last = float(np.sum(x * x)), 2.0
    if energy <= 0:
        return NAN
    for _ in range(sweeps):
        sums = np.zeros((c, x.shape[1]))
        np.add.at(sums, codes, lengths[slots][:, None] * x)
        frame = nearest_frame(sums)
        along = np.einsum("ij,ij->i", x, frame[codes])
        lengths = np.maximum(np.bincount(slots, weights=along, minlength=n_slots) / members, 0.0)
        square = 1.0 - float(members @ lengths**2) / energy
        if last - square < 1e-12:
            break
        last = square
    return float(np.sqrt(max(0.0, square)))
