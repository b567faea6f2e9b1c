"""Factors V (n_w, r) and U (K L, r) of one matrix: balanced, on the sphere."""

from __future__ import annotations

import torch
from torch import Tensor


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
