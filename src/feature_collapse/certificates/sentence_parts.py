"""Sentences in parts that fit the processor's cache, and sums over their words."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Part:
    """Rows start..stop of the data.

    Attributes:
        words: (n, L) and `flat` (n·L,) the same on the device.
        labels, omega: (n,).
        n_w: number of words.
    """

    start: int
    stop: int
    words: np.ndarray
    flat: Tensor
    labels: Tensor
    omega: Tensor
    n_w: int

    @property
    def rows(self) -> slice:
        """The rows among all sentences."""
        return slice(self.start, self.stop)

    def own(self, low: int, high: int) -> tuple[Tensor, Tensor]:
        """Return the sentences of the classes low..high, and their classes less `low`."""
        here = ((self.labels >= low) & (self.labels < high)).nonzero().squeeze(1)
        return here, self.labels[here] - low

    def by_word(self, z: Tensor) -> WordSums:
        """Return the sums over words of (ω_i/z_i) times something for each sentence."""
        L = self.words.shape[1]
        factor = self.omega / z
        indices = (self.words + np.arange(L) * self.n_w).T
        if z.device.type == "cpu":
            return WordSums(_sparse(indices.ravel(), factor.numpy(), L * self.n_w), None, None)
        return WordSums(None, torch.from_numpy(indices).to(z.device), factor.unsqueeze(1))


@dataclass(frozen=True, eq=False)
class WordSums:
    """Σ_i (ω_i/z_i) e_i ⊗ ζ(x_i): a sparse matrix on the CPU, indices and factors on a GPU."""

    matrix: Tensor | None
    indices: Tensor | None
    factor: Tensor | None

    def add_to(self, G: Tensor, e: Tensor) -> None:
        """Add the sums to G, whose rows are (position, word); `e` may be overwritten."""
        if self.matrix is not None:
            G.addmm_(self.matrix, e)
            return
        assert self.indices is not None
        assert self.factor is not None
        e.mul_(self.factor)
        for at in self.indices:
            G.index_add_(0, at, e)


@dataclass(frozen=True, eq=False)
class Parts:
    """All sentences, `rows` at a time."""

    words: np.ndarray
    labels: Tensor
    omega: Tensor
    n_w: int
    rows: int

    def __iter__(self) -> Iterator[Part]:
        """Yield the parts in order."""
        return self.between(0, len(self.words))

    def between(self, first: int, last: int) -> Iterator[Part]:
        """Yield the parts of the rows first..last in order."""
        for low in range(first, last, self.rows):
            yield self.one(low, min(low + self.rows, last))

    def one(self, low: int, high: int) -> Part:
        """Return the rows low..high."""
        words = self.words[low:high].astype(np.int64)
        flat = torch.from_numpy(words.reshape(-1)).to(self.labels.device)
        return Part(low, high, words, flat, self.labels[low:high], self.omega[low:high], self.n_w)

    def word_sums(self, values: Tensor) -> Tensor:
        """Return (n_w,) Σ ω_i values_i over the occurrences of each word."""
        sums = self.omega.new_zeros(self.n_w)
        for part in self:
            each_word = (part.omega * values[part.rows]).repeat_interleave(part.words.shape[1])
            sums.index_add_(0, part.flat, each_word)
        return sums


def _sparse(rows: np.ndarray, factor: np.ndarray, height: int) -> Tensor:
    """Return the height × n matrix with factor[t mod n] at (rows[t], t mod n), compressed by rows."""
    width = len(factor)
    # numpy sorts integers of 16 bits by their digits, which is several times faster
    order = np.argsort(rows.astype(np.uint16) if height <= 2**16 else rows, kind="stable")
    column = order % width
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=height))))
    with warnings.catch_warnings():  # "sparse CSR is in beta": we use one product of it
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts.astype(np.int32)),
            torch.from_numpy(column.astype(np.int32)),
            torch.from_numpy(factor[column]),
            size=(height, width),
            check_invariants=False,
        )
