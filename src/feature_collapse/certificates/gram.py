"""The Gram matrix GᵀG of the gradient, added up over blocks of its rows, in a precision that is stated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

WIDE_FROM = 4000  # from so many words on the Gram matrix is what costs, and wants large tiles
_SINGLE_FROM = 2e13  # a Gram matrix that costs more flops is multiplied in float32


def is_single(K: int, L: int, n_w: int) -> bool:
    """Return whether the products are in float32, with its larger rounding bound."""
    return 2.0 * K * L * n_w**2 > _SINGLE_FROM


def add_gram(gram: Float[Tensor, "n_w n_w"], G: Float[Tensor, "L n_w b"], single: bool) -> None:
    """Add Σ_ℓ G_ℓ G_ℓᵀ in place, the upper triangle by tiles and mirrored. L n_w² b flops."""
    n_w = G.shape[1]
    tile = math.ceil(n_w / max(1, n_w // 400)) if n_w < WIDE_FROM else 1000
    with _exact_products():
        for g in G:
            g = g.float() if single else g
            for i in range(0, n_w, tile):
                for j in range(i, n_w, tile):
                    product = torch.mm(g[i : i + tile], g[j : j + tile].T)
                    gram[i : i + tile, j : j + tile] += product
                    if j > i:
                        gram[j : j + tile, i : i + tile] += product.T


@contextmanager
def _exact_products() -> Iterator[None]:
    """Keep float32 products in float32, whatever the user has allowed torch to round them to."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
