"""The dual point of given weights: softmax outputs, their entropies, and the Gram matrix of the gradient.

    p_i = softmax(s_i),    G = Σ_i ω_i (p_i - e_{y_i}) ⊗ ζ(x_i)  (a (KL)×n_w matrix),    Gram = GᵀG.

Both certificates (R2, R3) hold for any p_i in the simplex, so they are lower bounds on the risk whatever the
weights are; everything here is in float64 but the products for the Gram matrix of a large problem, and the
rounding that remains is bounded and carried along.

Time 2 N K L r flops and N K exponentials (twice that in several blocks of classes or for a large problem),
N K L additions and K L n_w² flops for the Gram matrix. Memory: that of the Gram matrix, of L n_w gradients
per class of a block of classes, and of the scores of a chunk of sentences.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.array_kinds import to_numpy
from feature_collapse.certificates.dual_point import SENTENCES, UNIT, DualPoint, weighted_sum
from feature_collapse.certificates.gram import add_gram, mirror
from feature_collapse.certificates.large_gradient import LargeGradient
from feature_collapse.certificates.memory import AT_ONCE, CHUNK, ROWS, classes_per_block, is_single, seats
from feature_collapse.certificates.score_differences import LOG_2, ScoreDifferences
from feature_collapse.certificates.sentence_parts import Part, Parts, WordSums
from feature_collapse.ranks import ALONE, Ranks
from feature_collapse.risk.problem import Problem
from feature_collapse.threads import each, thread_count

_UNIT_SINGLE = 2.0**-24
_TINY, _TINY_SINGLE = 2.0**-1074, 2.0**-149  # spacing of the numbers below which rounding is not relative
_TILE = 100  # classes that are summed at once: their gradients are in the cache
_Tiles = list[tuple[int, int]]  # classes: the first and the one after the last of each
_Exponentials = tuple[list[Tensor], Tensor, Tensor]  # by tile, their sums, and those of score times each


def dual_point(
    V: Float[Tensor, "n_w r"],
    U: Float[Tensor, "K L*r"],
    problem: Problem,
    *,
    memory_limit: float = 4e9,
    ranks: Ranks = ALONE,
) -> DualPoint:
    """Return the dual point of word representations V and linear weights U, on their device.

    Of several ranks each takes its block of the classes; the Gram matrix, row sums (K, L) and three numbers
    a sentence are added up. All call this with the same arguments and get the same point, bit by bit.

    Args:
        V: word representations after any normalisation, float64.
        U: u_{k,ℓ} side by side, float64.
        problem: its sentences, their weights and the words' decay.
        memory_limit: bytes for the gradient, its Gram matrix and the scores, on each rank.
        ranks: that share the classes.

    Raises:
        InputError: the limit does not hold the Gram matrix and one class.
    """
    assert V.dtype == U.dtype == torch.float64
    return _Pass(V, U, problem, memory_limit, ranks).run()


@dataclass(frozen=True, eq=False)
class _Outputs:
    """Exponentials of a part's scores by tile of classes, and the sums over its words that they go into."""

    tiles: list[Tensor]
    by_word: WordSums


class _Pass:
    """One pass over a rank's classes, block by block, and in each over the sentences, part by part.

    Threads share the parts for the exponentials and the tiles of classes for the sums, a few parts at a time;
    every sum is in the order of the parts, whatever the number of threads.
    """

    def __init__(self, V: Tensor, U: Tensor, problem: Problem, memory_limit: float, ranks: Ranks) -> None:
        (N, L), n_w, K, device = problem.words.shape, problem.n_w, problem.K, V.device
        self.N, self.L, self.n_w, self.K = N, L, n_w, K
        self.ranks, (self.first, self.last) = ranks, ranks.block(K)
        largest = ranks.largest_block(K)
        most = min(classes_per_block(problem, memory_limit), largest)
        self.unit = 1.0  # of the gradient in float32
        self.single = is_single(K, L, n_w)
        # all sums come before the first block, where there are several or one is large
        self.first_sums = most < largest or self.single
        self.block = -(-largest // -(-largest // most))  # of one size
        self.seats = min(seats(problem, memory_limit, self.block), thread_count())
        labels = torch.from_numpy(problem.labels.astype(np.int64)).to(device)
        omega = torch.from_numpy(problem.shares()).to(device)
        self.parts = Parts(problem.words, labels, omega, n_w, min(N, ROWS))
        self.scores = ScoreDifferences(V, U, L)
        self.scores.bring_into_range(self.parts, self._blocks(), ranks)
        word_units = problem.word_units()
        self.scale = None if word_units is None else torch.from_numpy(word_units).to(device)
        self.buffers: dict[str, Tensor] = {}
        self.gram, self.row_sums = omega.new_zeros(n_w, n_w), omega.new_zeros(K, L)
        # sums of exponentials over the classes that are not the label's: as used, and as found once more
        self.others, self.again = torch.zeros_like(omega), torch.zeros_like(omega)
        self.moments = torch.zeros_like(omega)

    def run(self) -> DualPoint:
        if self.first_sums:
            each(self._add_others, list(self.parts), self.gram.device)
            self.ranks.add(self.others)
        if self.single:
            self._add_large_blocks()
        else:
            for first, last in self._blocks():
                self._add_block(first, last)
        self.ranks.add(self.gram, self.row_sums, self.again, self.moments)
        mirror(self.gram)
        return self._finished()

    def _blocks(self) -> _Tiles:
        return [(low, min(low + self.block, self.last)) for low in range(self.first, self.last, self.block)]

    def _add_others(self, part: Part, seat: int) -> None:
        s_buffer = self._buffer(f"s{seat}", min(_TILE, self.block))
        for first, last in self._blocks():
            for low, high in self._tiles(first, last):
                e = self.scores(part, low, high, s_buffer).exp2_()
                e[part.own(low, high)] = 0.0
                self.others[part.rows] += e.sum(1)

    def _tiles(self, first: int, last: int) -> _Tiles:
        return [(low, min(low + _TILE, last)) for low in range(first, last, _TILE)]

    def _add_large_blocks(self) -> None:
        columns = self._column_sums(self._losses()[1])
        self.unit = 2.0 ** -min(500, max(-500, math.ceil(math.log2(max(float(columns.max()), 1e-200)))))
        scale = torch.ones_like(columns) if self.scale is None else self.scale
        gradient = LargeGradient(self.parts, self.scores, self.others, scale * self.unit)
        for first, last in self._blocks():
            found = gradient.block(first, last, self.seats)
            self.row_sums[first:last] = found.row_sums / self.unit
            self.again += found.others
            self.moments += found.moments
            add_gram(self.gram, found.G)
        self.gram /= self.unit**2

    def _add_block(self, first: int, last: int) -> None:
        """Add the gradient of a block of classes to the Gram matrix, and its part of the entropies."""
        tiles = self._tiles(first, last)
        G = [self.gram.new_zeros(self.L * self.n_w, high - low) for low, high in tiles]
        parts, device = list(self.parts), self.gram.device
        for at in range(0, len(parts), AT_ONCE):
            some = parts[at : at + AT_ONCE]
            found = each(partial(self._exponentials, tiles), list(enumerate(some)), device)
            if not self.first_sums:
                self.ranks.add(self.others[some[0].start : some[-1].stop])
            outputs = each(partial(self._outputs, tiles), list(zip(some, found, strict=True)), device)

            def add(tile: int, _: int, outputs: list[_Outputs] = outputs) -> None:
                for one in outputs:
                    one.by_word.add_to(G[tile], one.tiles[tile])

            each(add, range(len(tiles)), device)
        for (low, high), G_tile in zip(tiles, G, strict=True):
            by_position = G_tile.view(self.L, self.n_w, -1)
            if self.scale is not None:
                by_position *= self.scale[:, None]
            self.row_sums[low:high] = by_position.sum(1).T
            add_gram(self.gram, by_position)

    def _exponentials(self, tiles: _Tiles, item: tuple[int, Part], seat: int) -> _Exponentials:
        """Return a part's exponentials, zero for the labels."""
        slot, part = item
        n, e, first = part.stop - part.start, list[Tensor](), tiles[0][0]
        s_buffer = self._buffer(f"s{seat}", min(_TILE, self.block))
        e_buffer = self._buffer(f"e{slot}", min(self.block, self.K))
        total, moment = torch.zeros_like(part.omega), torch.zeros_like(part.omega)
        for low, high in tiles:
            s = self.scores(part, low, high, s_buffer)
            e.append(e_buffer[n * (low - first) : n * (high - first)].view(n, -1))
            torch.exp2(s, out=e[-1])
            e[-1][part.own(low, high)] = 0.0
            total += e[-1].sum(1)
            moment += s.mul_(e[-1]).sum(1)
        if not self.first_sums:
            self.others[part.rows] = total
        return e, total, moment

    def _outputs(self, tiles: _Tiles, item: tuple[Part, _Exponentials], _: int) -> _Outputs:
        """Return a part's exponentials as z (p - e_y); their sums are noted."""
        part, (e, total, moment) = item
        others = self.others[part.rows]
        z = others + self.scores.label_terms(part)
        self.again[part.rows] += total
        self.moments[part.rows] += moment * (LOG_2 / z)
        for (low, high), e_tile in zip(tiles, e, strict=True):
            here, column = part.own(low, high)
            e_tile[here, column] = -others[here]  # p_y - 1, times z
        return _Outputs(e, part.by_word(z))

    def _buffer(self, name: str, classes: int) -> Tensor:
        """Return a buffer for the scores of a part and some classes."""
        size = self.parts.rows * classes
        if name not in self.buffers or len(self.buffers[name]) < size:
            self.buffers[name] = self.gram.new_empty(size)
        return self.buffers[name]

    def _finished(self) -> DualPoint:
        omega, N, K, L = self.parts.omega, self.N, self.K, self.L
        losses, off_label, log_z = self._losses()
        other = log_z * off_label - self.moments  # -Σ_{k≠y} p log p, log p = s - s_y - t - log z
        defect = float(((self.again - self.others).abs() / self.others.clamp_min(1e-300)).max())
        column, row = self._largest_sums(off_label)
        # ‖|G|‖² ≤ (largest column sum)(largest row sum), and ≤ ‖G‖_F² = tr(GᵀG)
        size, trace = column * row, float(self.gram.diagonal().sum())
        underflow, of_G = self._underflow()
        # on ‖G‖: sums over sentences and classes, q, Σp = 1, the words' decay; in a sum of n numbers none
        # goes through more than n - 1 additions, in one of parts through those of a part and one for each
        rows = CHUNK if self.single else self.parts.rows
        terms = N if N <= rows else rows + -(-N // rows)
        delta = 1.01 * ((terms + 2 * K + L + 16) * UNIT + defect) * math.sqrt(column) * math.sqrt(row) + of_G
        single = (self.block + 2) * _UNIT_SINGLE if self.single else 0.0
        product = 1.01 * (K * L * UNIT + single) * min(size, 1.01 * trace) + underflow
        shares = to_numpy(omega)
        return DualPoint(
            weighted_sum(shares, to_numpy(losses)),
            to_numpy(other),
            to_numpy(off_label),
            shares,
            self.gram,
            product + 2.0 * math.sqrt(trace + underflow) * delta + delta**2,
            (K + min(N, SENTENCES) + 64 + self.scores.U.shape[1]) * UNIT + 2.0 * defect,
            self.scores.largest + math.log(K),
            N * (4 * K + 16) * _TINY,
            self.parts.word_sums(torch.ones_like(omega)) > 0,
        )

    def _underflow(self) -> tuple[float, float]:
        """Return what underflow costs at most: on ‖GᵀG‖ by its products, and on ‖G‖ by its entries."""
        tiny = _TINY_SINGLE if self.single else _TINY
        units = 1.0 if self.scale is None else max(1.0, float(self.scale.max()))
        entry = (self.N + 2) * _TINY * units + tiny / self.unit
        entries = self.n_w * self.K * self.L
        return (entries + 8) * tiny / self.unit / self.unit, math.sqrt(entries) * entry

    def _losses(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return (N,) ℓ(s_i, y_i), q_i, and log z_i, to its last digits also where z is nearly 1."""
        excess, own, others = self.scores.excess, self.scores.own_terms(), self.others
        if excess is None or own is None:
            log_z = others.log1p()
            return log_z, others / (1.0 + others), log_z
        log_z = torch.where(excess == 0.0, others.log1p(), (others + own).log())
        return log_z + excess * LOG_2, others / (others + own), log_z

    def _largest_sums(self, off_label: Tensor) -> tuple[float, float]:
        """Return the largest column and row sum of |G|."""
        labelled = self.parts.omega * off_label
        of_labels = torch.zeros_like(self.row_sums)
        for part in self.parts:
            shares = labelled[part.rows].unsqueeze(1).expand(-1, self.L)
            if self.scale is not None:
                shares = shares * self.scale[part.flat].view(-1, self.L)
            of_labels.index_add_(0, part.labels, shares.contiguous())
        columns = self._column_sums(off_label)
        return float(columns.max()), float((self.row_sums + 2.0 * of_labels).max())

    def _column_sums(self, off_label: Tensor) -> Tensor:
        """Return (n_w,) the column sums of |G|."""
        columns = 2.0 * self.parts.word_sums(off_label)
        return columns if self.scale is None else columns * self.scale
