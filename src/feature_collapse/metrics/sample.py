"""A fixed-size sample of rows that does not depend on the order of batches or on who saw which batch.

Each row is hashed by its content (its float64 bytes and its concept); the rows with the smallest hashes are
kept. Equal rows share a hash and are kept or dropped together. Used for the uniformity (a mean over pairs)
and the pictures.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics.arrays import Floats, Ints

Hashes = NDArray[np.uint64]
_SCALE = np.uint64(2**64 - 1)
SAMPLE_ROWS = 2048
"""Rows kept if nothing else is asked for."""


class HashSample:
    """The `size` rows of smallest hash seen so far, with their concepts. Memory size·d·8 bytes; mergeable."""

    def __init__(self, size: int, d: int) -> None:
        """Start empty."""
        self.size = size
        self.rows: Floats = np.zeros((0, d))
        self.codes: Ints = np.zeros(0, dtype=np.int64)
        self.hashes: Hashes = np.zeros(0, dtype=np.uint64)
        numbers = np.random.default_rng(20230524).integers(1, 2**63, size=d + 1, dtype=np.uint64)
        self._odd: Hashes = numbers * np.uint64(2) + np.uint64(1)

    def update(self, x: Floats, codes: Ints) -> None:
        """Offer rows x (n, d) with concepts codes (n,)."""
        bits = (x + 0.0).view(np.uint64)  # + 0.0 turns −0 into 0
        mixed = (bits >> np.uint64(29)) ^ bits
        mixed *= self._odd[:-1]
        hashes = _scramble(mixed.sum(axis=1, dtype=np.uint64) + codes.astype(np.uint64) * self._odd[-1])
        last = self.hashes[-1] if len(self.hashes) >= self.size else _SCALE
        if len(hashes) > self.size:
            last = min(last, np.partition(hashes, self.size - 1)[self.size - 1])
        near = hashes <= last
        if near.any():
            self._keep(x[near], codes[near], hashes[near])

    def merge(self, other: HashSample) -> None:
        """Offer another worker's sample."""
        self._keep(other.rows, other.codes, other.hashes)

    def _keep(self, x: Floats, codes: Ints, hashes: Hashes) -> None:
        joined = np.concatenate([self.hashes, hashes])
        order = np.argsort(joined, kind="stable")[: self.size]
        self.rows = np.concatenate([self.rows, x])[order]
        self.codes = np.concatenate([self.codes, codes])[order]
        self.hashes = joined[order]


def _scramble(h: Hashes) -> Hashes:
    """Mix high bits into low ones and back (two rounds of xor-shift and multiply)."""
    h = (h ^ (h >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return np.asarray(h ^ (h >> np.uint64(32)))
