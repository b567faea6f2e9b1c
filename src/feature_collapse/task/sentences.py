"""Sentences sampled from latents: x ~ D_z has x_ℓ = (z_ℓ, β_ℓ) with β_ℓ ~ μ independently (paper §2, A.3).

Row i·K + k of a set is the i-th sentence of class k, so the first n·K rows of a larger set with the same seed
are the set with n sentences per class, and any prefix of whole blocks is balanced.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from feature_collapse.errors import InputError, check_int
from feature_collapse.task.frequencies import Law
from feature_collapse.task.latents import Latents

_LARGEST = 2**31 - 1
_CHUNK = 2**20  # random numbers drawn at once: bounds the temporary memory to about 20 MB


@dataclass(frozen=True, eq=False)
class Sentences:
    """Sentences and their classes.

    Attributes:
        words: (N, L) word indices; of a task int16 where n_w ≤ 32767 and int32 beyond.
        labels: (N,) classes 0..K-1; of a task int32.

    Raises:
        InputError: no integers, other shapes, no sentence, or numbers below 0 or beyond int32.

    >>> len(Sentences([[0, 3], [1, 2]], [0, 1]))
    2
    """

    words: Int[np.ndarray, "N L"]
    labels: Int[np.ndarray, " N"]

    def __post_init__(self) -> None:
        """Check and convert: contiguous integer arrays that fit each other."""
        words, labels = _integers("words", self.words, 2), _integers("labels", self.labels, 1)
        if len(labels) != len(words):
            raise InputError(
                f"labels have length {len(labels)}, but must be one for each of {len(words)} sentences"
            )
        object.__setattr__(self, "words", words)
        object.__setattr__(self, "labels", labels)

    def check_range(self, n_w: int, K: int) -> None:
        """Check that words are below n_w and labels below K.

        Raises:
            InputError: naming what is out of range.
        """
        for name, values, end in (("words", self.words, n_w), ("labels", self.labels, K)):
            if values.min() < 0 or values.max() >= end:
                raise InputError(
                    f"{name} run from {values.min()} to {values.max()}, but must be from 0 to {end - 1}"
                )

    def __len__(self) -> int:
        """The number of sentences N."""
        return len(self.words)


def _integers(name: str, value: Any, ndim: int) -> np.ndarray:
    if hasattr(value, "detach"):  # a torch tensor
        value = value.detach().cpu().numpy()
    try:
        array = np.ascontiguousarray(value)
        array = array.astype(array.dtype.newbyteorder("="), copy=False)  # torch reads no foreign order
    except (TypeError, ValueError, OverflowError):
        array = np.empty(0)
    if array.ndim != ndim or array.size == 0 or array.dtype.kind not in "iu":
        shape = "(N, L)" if ndim == 2 else "(N,)"
        raise InputError(
            f"{name} have shape {array.shape} and type {array.dtype}, but must be integers {shape}, N ≥ 1"
        )
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > _LARGEST:
        raise InputError(f"{name} run from {low} to {high}, but must be from 0 to {_LARGEST}")
    return array if array.dtype in (np.int16, np.int32) else array.astype(np.int32)


def word_type(n_w: int) -> type[np.signedinteger]:
    """Return the smallest of int16 and int32 that holds a word index."""
    return np.int16 if n_w <= np.iinfo(np.int16).max else np.int32


def sample(latents: Latents, mu: Law, n_spl: int, rng: np.random.Generator) -> Sentences:
    """Return n_spl sentences for each of the K latents.

    Time O(n_spl K L log s_c); memory 2 bytes (4 where n_w > 32767) for each of the n_spl·K·L words, and
    20 MB.

    Raises:
        InputError: if n_spl < 1.
    """
    n_spl = check_int("n_spl", n_spl, 1)
    K, L = latents.shape
    s_c = len(mu)
    dtype = word_type(s_c * (int(latents.max()) + 1))
    first_word = (latents * s_c).astype(dtype).reshape(-1)
    words = np.empty((n_spl * K, L), dtype=dtype)
    flat = words.reshape(-1)
    cumulative = np.cumsum(mu)
    cumulative[-1] = 1.0
    for start in range(0, flat.size, _CHUNK):
        stop = min(start + _CHUNK, flat.size)
        flat[start:stop] = np.searchsorted(cumulative, rng.random(stop - start), side="right")
    words.reshape(n_spl, K * L)[...] += first_word
    return Sentences(words, np.tile(np.arange(K, dtype=np.int32), n_spl))


def stream(latents: Latents, mu: Law, batch_size: int, rng: np.random.Generator) -> Iterator[Sentences]:
    """Endless batches of fresh sentences of uniformly random classes: the large-sample limit.

    Raises:
        InputError: if batch_size < 1.
    """
    batch_size = check_int("batch_size", batch_size, 1)
    return _batches(latents, mu, batch_size, rng)


def _batches(latents: Latents, mu: Law, batch_size: int, rng: np.random.Generator) -> Iterator[Sentences]:
    while True:
        labels = rng.integers(len(latents), size=batch_size).astype(np.int32)
        batch = sample(latents[labels], mu, 1, rng)
        yield Sentences(batch.words, labels)
