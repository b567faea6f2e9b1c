"""Row blocks of the resampled entities: one sparse product a block and replicate gives concept moments.

Views share blocks: the unit sphere holds the directions of the raw features, LayerNorm its own. Memory is one
copy of the entities per block, in single precision above `DOUBLE` numbers (a replicate's error, about 1e-6 of
the value, is far below what it estimates).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from feature_collapse.blas import shared
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.moments import ConceptMoments
from feature_collapse.metrics.views import Lens, Rows

DOUBLE = 2_000_000
"""Numbers up to which a block is kept in double precision."""


@dataclass(frozen=True)
class BlockMoments:
    """Of one block under weights: mean (C, k), m2 (C,), and the mean's offset from the reference (C, k)."""

    mean: Floats
    m2: Floats
    shift: Floats


@dataclass(frozen=True)
class Block:
    """Rows (m, k) relative to a reference of each concept (C, k), and their squared lengths (m,)."""

    values: NDArray[np.floating]
    squares: Floats
    reference: Floats

    @staticmethod
    def inside(x: Floats, codes: Ints, count: Ints) -> Block:
        """Refer to the concept means: a spread far smaller than the means is not lost."""
        one = csr_matrix((np.ones(len(x)), (codes, np.arange(len(x)))), shape=(len(count), len(x)))
        reference = (one @ x) / count[:, None]
        return Block._of(x - reference[codes], reference)

    def across(self, codes: Ints, count: Ints) -> Block:
        """Return the same rows, referred to the mean of all: for labels that are shuffled."""
        overall = count @ self.reference / count.sum()
        rows = self.values + (self.reference - overall)[codes]
        return Block._of(rows, np.broadcast_to(overall, self.reference.shape))

    @staticmethod
    def _of(rows: NDArray[np.floating], reference: Floats) -> Block:
        squares = np.einsum("ij,ij->i", rows, rows).astype(np.float64)
        kept = rows.astype(np.float32) if rows.size > DOUBLE else rows
        return Block(kept, squares, reference)

    def moments(self, weights: csr_matrix, count: Ints) -> BlockMoments:
        """Return the moments under weights (C, m) whose rows sum to `count`."""
        # scipy multiplies in the precision of the block
        shift = (weights.astype(self.values.dtype) @ self.values).astype(np.float64) / count[:, None]
        m2 = weights @ self.squares - count * np.einsum("ij,ij->i", shift, shift)
        return BlockMoments(self.reference + shift, np.maximum(m2, 0.0), shift)


def _weighted(rows: Rows, x: Floats, size: Floats) -> Floats:
    """Return the rows (m, k), each times its length (m,)."""
    return size[:, None] * rows.of(x)


Key = tuple[str, Rows]


class Blocks:
    """The blocks that some views need, each once."""

    def __init__(self, x: Floats, codes: Ints, count: Ints, lenses: Sequence[Lens]) -> None:
        """Prepare; x (m, d) is sorted by concept."""
        self.codes, self.count, self.d = codes, count, x.shape[1]
        self.blocks: dict[Key, Block] = {}
        self.lengths: dict[Rows, Floats] = {}
        made: dict[Key, Callable[[], Floats]] = {}
        for lens in lenses:
            rows = lens.rows
            self.lengths[rows] = size = np.linalg.norm(rows.of(x), axis=1)
            made["length", rows] = partial(np.expand_dims, size, 1)
            made["rows", rows] = partial(rows.of, x)
            if rows.length(self.d) is None:
                made["weighted", rows] = partial(_weighted, rows, x, size)
            made["rows", lens.directions] = partial(lens.directions.of, x)

        def block(make: Callable[[], Floats]) -> Block:
            return Block.inside(make(), codes, count)

        self.blocks.update(zip(made, shared(block, made.values(), x.size, 3.0 * x.size), strict=True))

    def shuffled(self) -> Blocks:
        """Return the blocks for shuffled labels; these ones must not be used any more (to save memory)."""
        out = object.__new__(Blocks)
        out.codes, out.count, out.d, out.lengths = self.codes, self.count, self.d, self.lengths
        out.blocks = {}
        keys, size = list(self.blocks), len(self.codes) * self.d

        def across(key: Key) -> Block:
            return self.blocks.pop(key).across(self.codes, self.count)

        out.blocks.update(zip(keys, shared(across, keys, size, 3.0 * size), strict=True))
        return out

    def draw(self, codes: Ints, weights: Floats) -> dict[Key, BlockMoments]:
        """Return the moments of every block, entities having these concepts and weights (m,)."""
        entries = (weights, (codes, np.arange(len(codes))))
        w = csr_matrix(entries, shape=(len(self.count), len(codes)))
        return {key: block.moments(w, self.count) for key, block in self.blocks.items()}

    def concept_moments(self, lens: Lens, drawn: dict[Key, BlockMoments]) -> ConceptMoments:
        """Return the moments of one view's rows."""
        x, length = drawn["rows", lens.rows], drawn["length", lens.rows]
        unit = drawn["rows", lens.directions]
        one, fixed = lens.directions.length(self.d) or 1.0, lens.rows.length(self.d)
        mean = fixed * x.mean if fixed is not None else drawn["weighted", lens.rows].mean
        return ConceptMoments(
            self.count,
            x.mean,
            x.m2,
            unit.mean / one,
            unit.m2 / one**2,
            length.mean[:, 0],
            length.m2,
            self.count[:, None] * mean,
        )
