"""Factors V (n_w, r) and U (K L, r) of one matrix: balanced, on the sphere, lifted into more dimensions."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from feature_collapse.errors import check_int


def balanced(V: Tensor, U: Tensor) -> tuple[Tensor, Tensor]:
    """Return factors of the same U Vᵀ with equal norms along its singular vectors: the least ‖V‖² + ‖U‖².

    O((n_w + K L) r²).
    """
    qv, rv = torch.linalg.qr(V.double())
    qu, ru = torch.linalg.qr(U.double())
    a, s, b = torch.linalg.svd(rv @ ru.T)
    root = s.sqrt()
    return (qv @ a) * root, (qu @ b.T) * root


def on_sphere(V: Tensor, radius: float) -> Tensor:
    """Return the rows scaled to norm ρ; rows of zeros (words that never occur) become the first axis."""
    norms = V.norm(dim=1, keepdim=True)
    first = torch.zeros_like(V)
    first[:, 0] = 1.0
    return radius * torch.where(norms > 0, V / norms.clamp_min(1e-300), first)


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
