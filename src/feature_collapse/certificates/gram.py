"""The Gram matrix GᵀG of the gradient, added up over blocks of its rows, in a precision that is stated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.threads import each

WIDE_FROM = 4000  # from so many words on the Gram matrix is what costs, and wants large tiles
_TILE, _WIDE_TILE = 200, 500
_SINGLE_FROM = 2e13  # a Gram matrix that costs more flops is multiplied in float32


def is_single(K: int, L: int, n_w: int) -> bool:
    """Return whether the products are in float32, with its larger rounding bound."""
    return 2.0 * K * L * n_w**2 > _SINGLE_FROM


def add_gram(gram: Float[Tensor, "n_w n_w"], G: Float[Tensor, "L n_w b"], single: bool) -> None:
    """Add Σ_ℓ G_ℓ G_ℓᵀ to the upper triangle, by tiles that threads share. L n_w² b flops."""
    n_w = G.shape[1]
    tile = _TILE if n_w < WIDE_FROM else _WIDE_TILE
    starts = range(0, n_w, tile)

    def add(corner: tuple[int, int], _: int) -> None:
        rows, columns = (slice(at, at + tile) for at in corner)
        for g in G:
            if single:
                gram[rows, columns] += torch.mm(g[rows], g[columns].T)
            else:
                gram[rows, columns].addmm_(g[rows], g[columns].T)

    with exact_products():
        G = G.float() if single else G
        each(add, [(i, j) for i in starts for j in starts if j >= i], gram.device)


def mirror(gram: Float[Tensor, "n_w n_w"]) -> None:
    """Copy the upper triangle to the lower one, in place."""
    tile = _WIDE_TILE
    for i in range(0, len(gram), tile):
        for j in range(i + tile, len(gram), tile):
            gram[j : j + tile, i : i + tile] = gram[i : i + tile, j : j + tile].T
        gram[i : i + tile, i : i + tile] = _symmetric(gram[i : i + tile, i : i + tile])


def _symmetric(A: Tensor) -> Tensor:
    return A.triu() + A.triu(1).T


class _Precision:
    """torch keeps one precision for the process: the first inside sets it, the last gives back what was."""

    lock, inside, before = threading.Lock(), 0, "highest"


@contextmanager
def exact_products() -> Iterator[None]:
    """Keep float32 products in float32, whatever the user has allowed torch to round them to."""
    with _Precision.lock:
        if _Precision.inside == 0:
            _Precision.before = torch.get_float32_matmul_precision()
            torch.set_float32_matmul_precision("highest")
        _Precision.inside += 1
    try:
        yield
    finally:
        with _Precision.lock:
            _Precision.inside -= 1
            if _Precision.inside == 0:
                torch.set_float32_matmul_precision(_Precision.before)
