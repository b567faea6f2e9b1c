"""What the certified solver returns and reports."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from feature_collapse.errors import check_int

COLUMNS = ("iteration", "seconds", "risk", "lower_bound", "rank")


@dataclass(frozen=True)
class Solution:
    """Weights with a proof of how far from the global minimum they are at most.

    Attributes:
        W: (n_w, rank) for the plain network; (n_w, d) before normalisation for a normalised one.
        U: (K, L, ·), the same last size.
        risk: the empirical risk there, in float64.
        lower_bound: proved to be at most the global minimum, over every d (plain) or at this radius
            (normalised).
        gap: risk - lower_bound.
        relative_gap: gap/risk.
        rank: number of directions the words use.
        status: "solved", "zero", "time_limit" or "stalled".
        message: the same as a sentence.
        history: (·, 5) columns `COLUMNS`; lower_bound is NaN where it was not computed. Rows from a part of
            the data have a negative iteration.
        seconds: elapsed, earlier parts of a resumed run included.
        operator_norm: proved upper bound on ‖∇f(M)‖_op.
        data_term: mean cross-entropy.
    """

    W: np.ndarray
    U: np.ndarray
    risk: float
    lower_bound: float
    gap: float
    relative_gap: float
    rank: int
    status: str
    message: str
    history: np.ndarray
    seconds: float
    operator_norm: float
    data_term: float


@dataclass(frozen=True)
class Progress:
    """What a progress display is told.

    Attributes:
        phase: "part of the data", "all data" or "certificate".
        iteration: so far.
        risk: at the present weights.
        lower_bound: the best so far, -inf before the first certificate.
        relative_gap: between the two, inf before the first certificate.
        rank: directions in use.
        seconds: elapsed.
        expected_gap: an estimate of the relative gap; NaN during a certificate.
    """

    phase: str
    iteration: int
    risk: float
    lower_bound: float
    relative_gap: float
    rank: int
    seconds: float
    expected_gap: float = math.nan


def compressed(W: np.ndarray, U: np.ndarray, tolerance: float = 1e-6) -> tuple[np.ndarray, np.ndarray]:
    """The same scores in as few coordinates as the rows of W span: the inverse of `lift`. O((n_w + K L) d²).

    Directions of W below `tolerance` times the largest are dropped, and from U what does not act on W.
    """
    _, values, axes = np.linalg.svd(W, full_matrices=False)
    axes = axes[values > tolerance * values[0]].T
    return W @ axes, U @ axes


def lift(V: np.ndarray, U: np.ndarray, d: int, *, mean_zero: bool) -> tuple[np.ndarray, np.ndarray]:
    """Weights of few coordinates as weights in R^d with the same scores and norms.

    Args:
        V: (n_w, r).
        U: (K, L, r).
        d: the dimension wanted, ≥ r, or > r where `mean_zero`.
        mean_zero: into the hyperplane of vectors of mean zero (LayerNorm), else into the first coordinates.

    Raises:
        InputError: d is too small.
    """
    r = V.shape[1]
    check_int("d", d, r + 1 if mean_zero else r)
    if not mean_zero:
        return np.pad(V, ((0, 0), (0, d - r))), np.pad(U, ((0, 0), (0, 0), (0, d - r)))
    basis = np.zeros((r, d))  # Helmert's rows: orthonormal and orthogonal to (1, …, 1)
    for i in range(r):
        basis[i, : i + 1] = 1.0
        basis[i, i + 1] = -(i + 1.0)
        basis[i] /= np.sqrt((i + 1.0) * (i + 2.0))
    return V @ basis, U @ basis
