"""How many dimensions do the features use: effective rank, RankMe, participation ratio; and uniformity."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics.arrays import Floats
from feature_collapse.metrics.moments import ConceptMoments

RANKME_EPS = 1e-7
"""Garrido et al.'s ε for single precision."""
PAIR_BLOCK = 128


def clean_eigenvalues(values: NDArray[Any], rank: int) -> Floats:
    """Return the largest `rank` eigenvalues, largest first, with rounding noise set to zero."""
    values = np.sort(values)[::-1][:rank]
    top = max(float(values[0]), 0.0) if len(values) else 0.0
    return np.where(values > 16 * len(values) * np.finfo(float).eps * top, values, 0.0)


def effective_rank(eigenvalues: Floats) -> float:
    """Return exp(−Σ p log p), p = σ/Σσ over σ = √eigenvalues (Roy, Vetterli 2007); NaN if all are 0."""
    s = np.sqrt(np.maximum(eigenvalues, 0.0))
    if s.sum() == 0:
        return float("nan")
    p = s[s > 0] / s.sum()
    return float(np.exp(-np.sum(p * np.log(p))))


def rankme(eigenvalues: Floats) -> float:
    """Return exp(−Σ p log p), p = σ/Σσ + 1e-7, of the uncentred features, as published; NaN if all are 0."""
    s = np.sqrt(np.maximum(eigenvalues, 0.0))
    if s.sum() == 0:
        return float("nan")
    p = s / s.sum() + RANKME_EPS
    return float(np.exp(-np.sum(p * np.log(p))))


def participation_ratio(eigenvalues: Floats) -> float:
    """Return (Σλ)²/Σλ² of the covariance's eigenvalues; NaN if all are 0."""
    square = float(np.sum(eigenvalues**2))
    return float(eigenvalues.sum() ** 2 / square) if square > 0 else float("nan")


def alignment(m: ConceptMoments) -> float:
    """Return the mean of ‖u − u'‖² over all pairs of distinct entities of one concept, u = x/‖x‖ (α = 2)."""
    return float(2 * m.count @ m.unit_m2 / np.sum(m.count * (m.count - 1.0)))


def pair_kernel(units: Floats) -> Floats:
    """Return exp(−2‖u_i − u_j‖²), (n, n), with a zero diagonal, for at most a few thousand rows."""
    squares = np.einsum("ij,ij->i", units, units)
    kernel = _kernel(units @ units.T, squares, squares)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _kernel(gram: Floats, rows: Floats, columns: Floats) -> Floats:
    """Turn inner products into exp(−2·distance²), in place."""
    gram *= 4.0
    gram -= 2.0 * rows[:, None]
    gram -= 2.0 * columns
    return np.asarray(np.exp(np.minimum(gram, 0.0, out=gram), out=gram))


def uniformity_of(units: Floats) -> float:
    """Return the uniformity of rows (n, d) of length one, every pair visited once, in blocks."""
    n, total = len(units), 0.0
    if n < 2:
        return float("nan")
    squares = np.einsum("ij,ij->i", units, units)
    for start in range(0, n, PAIR_BLOCK):
        rows, rest = slice(start, start + PAIR_BLOCK), slice(start, n)
        kernel = _kernel(units[rows] @ units[rest].T, squares[rows], squares[rest])
        m = len(kernel)
        total += (
            2.0 * float(kernel.sum()) - float(kernel[:, :m].sum()) - m
        )  # each pair twice, none with itself
    return float(np.log(total / (n * (n - 1)))) if total > 0 else float("-inf")


def uniformity(kernel: Floats, weights: Floats | None = None) -> float:
    """Return log of the mean of exp(−2‖u − u'‖²) over pairs of distinct rows (t = 2); NaN with one row."""
    if len(kernel) < 2:
        return float("nan")
    w = np.ones(len(kernel)) if weights is None else weights
    pairs = w.sum() ** 2 - w @ w
    return float(np.log(w @ kernel @ w / pairs)) if pairs > 0 else float("nan")
