"""Neural collapse on concept moments: NC1, NC2, NC3 and the class-distance-normalised variance, as published.

Papyan, Han, Donoho 2020: with class means μ_c and the global mean μ_G over all entities,
Σ_W = Ave_{i,c} (h − μ_c)(h − μ_c)ᵀ, Σ_B = Ave_c (μ_c − μ_G)(μ_c − μ_G)ᵀ; NC1 = tr(Σ_W Σ_B⁺)/C.
Means enter equally, entities enter equally, also when concepts differ in size. Nothing of size C²·d is ever
formed: pairs of means are visited in blocks of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from feature_collapse.metrics.arrays import Floats
from feature_collapse.metrics.moments import ConceptMoments

PSEUDO_INVERSE_CUT = 1e-12
"""Eigenvalues of Σ_B below this share of the largest count as zero."""
BLOCK = 1024

Quadratic = Callable[[Floats], Floats]
"""Given orthonormal columns V (d, r), the within-concept scatter vᵀ(Σ (x − m)(x − m)ᵀ)v of each, (r,)."""


Centre = Literal["entities", "concepts"]
"""Where means are centred: at the mean of all entities (as published), or at that of the concept means.

The two differ only where concepts differ in size.
"""


def centred_means(m: ConceptMoments, centre: Centre = "entities") -> Floats:
    """Return μ_c − μ_G, (C, d), with μ_G the mean over all entities, or over concepts."""
    if centre == "concepts":
        return np.asarray(m.mean - m.mean.mean(axis=0))
    return np.asarray(m.mean - (m.count @ m.mean) / m.count.sum())


def nc1(m: ConceptMoments, within: Quadratic, centre: Centre = "entities") -> float:
    """Return tr(Σ_W Σ_B⁺)/C; NaN if all means coincide. O(C·d·min(C, d)) time."""
    means = centred_means(m, centre)
    c = len(means)
    values, vectors = _principal(means)
    keep = values > PSEUDO_INVERSE_CUT * values.max() if values.size and values.max() > 0 else values > 0
    if not keep.any() or _coincide(m, means):
        return float("nan")
    return float(np.sum(within(vectors[:, keep]) / m.count.sum() / (values[keep] / c)) / c)


def _principal(means: Floats) -> tuple[Floats, Floats]:
    """Eigenvalues (r,) and eigenvectors (d, r) of meansᵀ means, by the smaller Gram matrix if large."""
    c, d = means.shape
    if min(c, d) <= 64:
        _, s, vt = np.linalg.svd(means, full_matrices=False)
        return np.asarray(s**2), np.asarray(vt.T)
    if c <= d:
        values, left = np.linalg.eigh(means @ means.T)
        values = np.maximum(values, 0.0)
        scale = np.sqrt(np.where(values > 0, values, 1.0))
        return values, np.asarray(means.T @ left / scale)
    values, vectors = np.linalg.eigh(means.T @ means)
    return np.maximum(values, 0.0), np.asarray(vectors)


def _coincide(m: ConceptMoments, means: Floats) -> bool:
    """Return whether the concept means differ by no more than rounding errors."""
    size = float(np.max(np.einsum("ij,ij->i", m.mean, m.mean)))
    return float(np.max(np.einsum("ij,ij->i", means, means))) <= 1e-26 * size


def trace_ratio(m: ConceptMoments, centre: Centre = "entities") -> float:
    """Return tr Σ_W / tr Σ_B; NaN if all means coincide."""
    means = centred_means(m, centre)
    if _coincide(m, means):
        return float("nan")
    return float(m.m2.sum() / m.count.sum() / (np.sum(means**2) / len(means)))


def _pairs(means: Floats) -> Iterator[tuple[slice, slice, Floats, Floats]]:
    """Yield blocks (rows, columns, inner products, weights) that cover every unordered pair once.

    Weights (columns,) are 2 for pairs that stand for both orders; in the first columns, the block of the rows
    themselves, both orders are there and the diagonal is the caller's to leave out.
    """
    c = len(means)
    for start in range(0, c, BLOCK):
        stop = min(start + BLOCK, c)
        weights = np.full(c - start, 2.0)
        weights[: stop - start] = 1.0
        yield slice(start, stop), slice(start, c), means[start:stop] @ means[start:].T, weights


def cdnv(m: ConceptMoments) -> float:
    """Return the mean over pairs a ≠ b of (V_a + V_b)/(2‖μ_a − μ_b‖²), V = mean‖x − μ‖² (Galanti et al.).

    Infinite if two concepts share a mean; NaN with one concept or if all points are equal. O(C²·d) time,
    O(C) memory.
    """
    c = len(m.count)
    if c < 2:
        return float("nan")
    means = centred_means(m)
    squares = np.einsum("ij,ij->i", means, means)
    variance = m.m2 / m.count
    floor = 1e-26 * float(np.max(np.einsum("ij,ij->i", m.mean, m.mean)))
    total, twins = 0.0, False
    for rows, columns, gram, weights in _pairs(means):
        distance = squares[rows, None] + squares[columns]
        distance -= 2 * gram
        np.fill_diagonal(distance, np.inf)
        near = distance <= floor
        if near.any():
            twins = True
            distance[near] = np.inf
        inverse = np.divide(1.0, distance, out=distance)
        total += float(
            variance[rows] @ (inverse @ weights) + (variance[columns] * weights) @ inverse.sum(axis=0)
        )
    if twins:
        return float("inf") if variance.max() > floor else float("nan")
    return total / (2 * c * (c - 1))


@dataclass(frozen=True)
class Angles:
    """Of rows f_c: std/mean of ‖f_c‖; mean and std of the cosines; mean |cosine + 1/(C − 1)|."""

    norms: float
    cosine: float
    angles: float
    angle_error: float


UNKNOWN = Angles(*(float("nan"),) * 4)


def norms_and_angles(means: Floats) -> Angles:
    """Return how far the rows (C, d) are from equal norms and equal angles.

    Unknown with one row, or if a row is zero. O(C²·d) time, O(C) memory.
    """
    c = len(means)
    norms = np.linalg.norm(means, axis=1)
    if c < 2 or norms.min() <= 1e-13 * norms.max() or norms.max() == 0:
        return UNKNOWN
    unit = means / norms[:, None]
    pairs = c * (c - 1)
    total = square = error = 0.0
    for _, _, cosines, weights in _pairs(unit):
        off = np.add(cosines, 1 / (c - 1), out=cosines)
        np.fill_diagonal(off, 0.0)
        total += float(off.sum(axis=0) @ weights)
        square += float(np.einsum("ij,ij->j", off, off) @ weights)
        error += float(np.abs(off, out=off).sum(axis=0) @ weights)
    mean = total / pairs
    angles = float(np.sqrt(max(0.0, square / pairs - mean**2)))
    return Angles(float(norms.std() / norms.mean()), mean - 1 / (c - 1), angles, error / pairs)


def distance_to_etf(means: Floats) -> float:
    """Return ‖G/‖G‖_F − (I − 11ᵀ/C)/√(C−1)‖_F, G = means meansᵀ (Zhu et al. 2021); NaN if all rows are 0."""
    c = len(means)
    if c < 2 or not np.any(means):
        return float("nan")
    means = means / np.abs(means).max()  # whose squares' squares are in the range of floats
    if c <= 2 * BLOCK:
        gram = means @ means.T
        etf = (np.eye(c) - 1 / c) / np.sqrt(c - 1)
        return float(np.linalg.norm(gram / np.linalg.norm(gram) - etf))
    total = means.sum(axis=0)
    inner = (np.sum(means**2) - total @ total / c) / np.sqrt(c - 1)
    return float(np.sqrt(max(0.0, 2 - 2 * inner / np.linalg.norm(means.T @ means))))


def nc3_duality(means: Floats, classifier: Floats) -> float:
    """Return ‖AMᵀ/‖AMᵀ‖_F − (I − 11ᵀ/C)/√(C−1)‖_F for rows A and centred means M, (C, d) (Zhu et al. 2021).

    Nothing of size C² is formed: ‖AMᵀ‖_F² = tr(AᵀA MᵀM). O(C·d²) time.
    """
    c = len(means)
    size = float(np.sqrt(max(0.0, np.sum((classifier.T @ classifier) * (means.T @ means)))))
    if c < 2 or size == 0:
        return float("nan")
    inner = float(np.sum(classifier * means) - classifier.sum(axis=0) @ means.sum(axis=0) / c)
    return float(np.sqrt(max(0.0, 2 - 2 * inner / (size * np.sqrt(c - 1)))))


def nc5(means: Floats, outside: Floats) -> float:
    """Return the mean |cosine| of concept means (C, d) with the mean (d,) of what is in no concept.

    Ammar et al. 2024: features from outside end up orthogonal to every class mean. Not centred, as published.
    """
    sizes = np.linalg.norm(means, axis=1) * np.linalg.norm(outside)
    known = sizes > 0
    return float(np.mean(np.abs(means[known] @ outside) / sizes[known])) if known.any() else float("nan")


def nc3(means: Floats, classifier: Floats) -> float:
    """Return ‖classifier/‖·‖_F − means/‖·‖_F‖_F² for class rows (C, d) and centred means (C, d)."""
    a, b = np.linalg.norm(classifier), np.linalg.norm(means)
    if a == 0 or b == 0:
        return float("nan")
    return float(np.sum((classifier / a - means / b) ** 2))
