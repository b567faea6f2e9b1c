"""Weights of few coordinates as weights in R^d."""

from __future__ import annotations

import numpy as np

from feature_collapse.errors import check_int


def lift(V: np.ndarray, U: np.ndarray, d: int, *, mean_zero: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return weights of few coordinates as weights in R^d with the same scores and norms.

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
