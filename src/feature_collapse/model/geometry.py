"""Equiangular and mean-zero equiangular vectors (paper §3, equation 4).

    ‖f_α‖ = 1,  ⟨f_α, f_α'⟩ = -1/(n_c - 1) for α ≠ α';  mean-zero: also ⟨f_α, 1⟩ = 0.

They exist if and only if d ≥ n_c - 1, mean-zero d ≥ n_c. A frame is an array (n_c, d): row α is f_α. Every
frame is F = E Qᵀ, with E (n_c, n_c - 1) one fixed frame and Q (d, n_c - 1) with orthonormal columns.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import as_array
from feature_collapse.errors import InputError, check_int, check_real

Frame = Float[np.ndarray, "n_c d"]

TOLERANCE = 0.2
"""Largest residual to a configuration that counts as collapse: 96 % of the squared norm explained.

`theory` (which type do W and U have together?) and `metrics` (what shape do these features have?) share it.
"""


def simplex(n_c: int) -> Float[np.ndarray, "n_c n_c_1"]:
    """Return the frame E in n_c - 1 dimensions: Helmert's basis of the vectors that sum to zero, by rows.

    Raises:
        InputError: n_c < 2.
    """
    n_c = check_int("n_c", n_c, 2, 10_000)
    columns = np.zeros((n_c, n_c - 1))
    for i in range(1, n_c):
        columns[:i, i - 1], columns[i, i - 1] = 1.0, -i
        columns[:, i - 1] /= np.sqrt(i * (i + 1))
    return np.asarray(columns * np.sqrt(n_c / (n_c - 1)))


def smallest_d(n_c: int, mean_zero: bool = False) -> int:
    """Return the smallest dimension in which n_c (mean-zero) equiangular vectors exist: n_c - 1 (n_c)."""
    if not isinstance(mean_zero, bool):
        raise InputError(f"mean_zero = {mean_zero!r}, but must be True or False")
    return n_c if mean_zero else n_c - 1


def equiangular(n_c: int, d: int, rng: np.random.Generator | None = None, mean_zero: bool = False) -> Frame:
    """Return n_c (mean-zero) equiangular vectors in R^d, rotated at random by a generator. O(d n_c²).

    >>> (equiangular(3, 2) @ equiangular(3, 2).T).round(2)
    array([[ 1. , -0.5, -0.5],
           [-0.5,  1. , -0.5],
           [-0.5, -0.5,  1. ]])

    Raises:
        InputError: n_c < 2, or d too small for such vectors to exist.
    """
    n_c = check_int("n_c", n_c, 2, 10_000)
    d = check_int("d", d, smallest_d(n_c, mean_zero), 10**8)
    free = d - 1 if mean_zero else d
    Q = np.eye(free, n_c - 1) if rng is None else _orthonormal(rng.standard_normal((free, n_c - 1)))
    frame = simplex(n_c) @ Q.T
    return from_mean_zero(frame) if mean_zero else frame


def equiangular_residual(frame: Frame, mean_zero: bool = False) -> float:
    """Return the largest violation of (4) by the rows of an array (n_c, d): 0 if and only if it is a frame.

    Raises:
        InputError: no array of at least two rows of finite numbers.
    """
    F = as_array("frame", frame, 2)
    n_c = check_int("n_c, the number of rows,", len(F), 2)
    gram = (n_c * np.eye(n_c) - 1.0) / (n_c - 1)
    residual = float(np.abs(F @ F.T - gram).max())
    return max(residual, float(np.abs(F.sum(axis=1)).max())) if mean_zero else residual


def is_equiangular(frame: Frame, mean_zero: bool = False, tolerance: float = 1e-10) -> bool:
    """Return whether the rows of an array are (mean-zero) equiangular, to a tolerance on every inner product.

    Raises:
        InputError: no array of at least two rows of finite numbers, or a negative tolerance.
    """
    check_real("tolerance", tolerance, 0.0)
    return equiangular_residual(frame, mean_zero) <= tolerance


def nearest_frame(vectors: Float[np.ndarray, "n_c d"], mean_zero: bool = False) -> Frame:
    """Return the (mean-zero) frame that maximises Σ ⟨f_α, v_α⟩: the nearest one (orthogonal Procrustes).

    O(d n_c²).

    Raises:
        InputError: fewer than two vectors, non-finite numbers, or d too small for such a frame to exist.
    """
    V = as_array("vectors", vectors, 2)
    n_c, d = check_int("n_c, the number of vectors,", len(V), 2), V.shape[1]
    check_int("d", d, smallest_d(n_c, mean_zero))
    E = simplex(n_c)
    frame = E @ polar((to_mean_zero(V) if mean_zero else V).T @ E).T
    return from_mean_zero(frame) if mean_zero else frame


def polar(matrix: Float[np.ndarray, "d m"]) -> Float[np.ndarray, "d m"]:
    """Return the matrix Q with orthonormal columns that maximises ⟨Q, matrix⟩, d ≥ m."""
    left, _, right = np.linalg.svd(matrix, full_matrices=False)
    return np.asarray(left @ right)


def to_mean_zero(rows: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d_1"]:
    """Return coordinates of the rows projected onto the vectors that sum to zero (d - 1 of them)."""
    return _reflect(np.asarray(rows, dtype=np.float64))[:, 1:]


def from_mean_zero(coordinates: Float[np.ndarray, "n d_1"]) -> Float[np.ndarray, "n d"]:
    """Return vectors of R^d that sum to zero, from coordinates: the inverse of `to_mean_zero` on them."""
    return _reflect(np.hstack([np.zeros((len(coordinates), 1)), coordinates]))


def _reflect(rows: np.ndarray) -> np.ndarray:
    """Apply Householder's reflection that exchanges 1/√d and the first basis vector."""
    d = rows.shape[1]
    if d == 1:
        return rows
    v = np.full(d, 1.0 / np.sqrt(d))
    v[0] -= 1.0
    v /= np.linalg.norm(v)
    return np.asarray(rows - 2.0 * np.outer(rows @ v, v))


def _orthonormal(matrix: np.ndarray) -> np.ndarray:
    """Return Gram-Schmidt with positive diagonal, so that a Gaussian matrix gives a uniformly random Q."""
    Q, R = np.linalg.qr(matrix)
    return np.asarray(Q * np.sign(np.diag(R)))
