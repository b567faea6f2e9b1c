"""The Gram matrix GᵀG of the gradient, added up over blocks of its rows, in a precision that is stated."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.threads import each

_WIDE_FROM = 4000  # from so many words on the Gram matrix is what costs, and wants large tiles
_TILE, _WIDE_TILE = 200, 500


def add_gram(gram: Float[Tensor, "n_w n_w"], G: Float[Tensor, "L n_w b"]) -> None:
    """Add Σ_ℓ G_ℓ G_ℓᵀ to the upper triangle, by tiles that threads share. L n_w² b flops, in G's precision.

    Products of float32 are added up in float64.
    """
    n_w = G.shape[1]
    tile = _TILE if n_w < _WIDE_FROM else _WIDE_TILE
    tiles, products = [(at, min(at + tile, n_w)) for at in range(0, n_w, tile)], dict[int, Tensor]()

    def add(corner: tuple[slice, slice], seat: int) -> None:
        rows, columns = corner
        target = gram[rows, columns]
        if G.dtype == gram.dtype:
            for g in G:
                target.addmm_(g[rows], g[columns].T)
            return
        if seat not in products:
            products[seat] = G.new_empty(tile * tile)
        product = products[seat][: target.numel()].view(target.shape)
        for g in G:
            target += torch.mm(g[rows], g[columns].T, out=product)

    above = [(slice(*rows), slice(*columns)) for rows in tiles for columns in tiles if columns > rows]
    with exact_products():
        each(add, above + [corner for low, high in tiles for corner in _upper(low, high)], gram.device)


def _upper(low: int, high: int) -> list[tuple[slice, slice]]:
    """Return three of the four quarters of a tile on the diagonal."""
    first, second = slice(low, (low + high) // 2), slice((low + high) // 2, high)
    return [(first, first), (first, second), (second, second)]


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
