"""The gradient of a block of classes where the Gram matrix of many words is what costs: whole, in float32.

A few classes at a time are summed over all sentences, in float64, so that each entry of the gradient is
written once; then they are rounded into the block, which the products take in one piece. Entries are in a
unit, a power of two, in which none is above 1. Threads share the classes, and what is added up over them is
added in their order.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.certificates.memory import CHUNK, STRIP
from feature_collapse.certificates.score_differences import LOG_2, ScoreDifferences
from feature_collapse.certificates.sentence_parts import Part, Parts, WordSums
from feature_collapse.threads import each


@dataclass(frozen=True, eq=False)
class BlockSums:
    """Of classes low..high: the gradient, its row sums, and two sums over the classes for each sentence.

    Attributes:
        G: (L, n_w, b) of float32, in the unit.
        row_sums: (b, L).
        others: (N,) Σ of exponentials, the label's left out.
        moments: (N,) Σ p_k log2(e^(s_k - s_y)) of the same.
    """

    G: Float[Tensor, "L n_w b"]
    row_sums: Float[Tensor, "b L"]
    others: Float[Tensor, " N"]
    moments: Float[Tensor, " N"]


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some parts of the sentences, the first row of each among theirs, and the sums over their words."""

    parts: list[tuple[int, Part]]
    rows: int
    by_word: WordSums


class LargeGradient:
    """One pass over the sentences for each block of classes; the outputs' sums Σ e^(s_k - s_y) are known.

    N K L r flops, N K exponentials and N K L additions for all blocks together.
    """

    def __init__(self, parts: Parts, scores: ScoreDifferences, others: Tensor, scale: Tensor) -> None:
        """Prepare.

        Args:
            parts: the sentences.
            scores: of the weights.
            others: (N,) sums of exponentials, the label's left out.
            scale: (n_w,) units of the words, times that of G.
        """
        self.parts, self.scores, self.others, self.scale = parts, scores, others, scale
        self.L, self.z = parts.words.shape[1], torch.zeros_like(others)
        for part in parts:
            self.z[part.rows] = others[part.rows] + scores.label_terms(part)
        step = max(1, CHUNK // parts.rows) * parts.rows
        self.chunks = [self._chunk(at, min(at + step, len(others))) for at in range(0, len(others), step)]
        self.G = others.new_empty(0, dtype=torch.float32)
        self.buffers: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def _chunk(self, low: int, high: int) -> _Chunk:
        parts = [(part.start - low, part) for part in self.parts.between(low, high)]
        return _Chunk(parts, high - low, self.parts.one(low, high).by_word(self.z[low:high]))

    def block(self, low: int, high: int, seats: int) -> BlockSums:
        """Return the gradient of classes low..high, in room that the next block takes, and the sums.

        By at most `seats` threads.
        """
        n_w, device = self.parts.n_w, self.others.device
        size = self.L * n_w * (high - low)
        if len(self.G) < size:
            self.G = torch.empty(size, dtype=torch.float32, device=device)
        found = BlockSums(
            self.G[:size].view(self.L, n_w, -1),
            self.others.new_zeros(high - low, self.L),
            torch.zeros_like(self.others),
            torch.zeros_like(self.others),
        )
        strips = [(at, min(at + STRIP, high)) for at in range(low, high, STRIP)]
        for at in range(0, len(strips), seats):
            some = strips[at : at + seats]
            sums = each(lambda strip, seat: self._strip(*strip, low, found, seat), some, device)
            for others, moments in sums:
                found.others.add_(others)
                found.moments.add_(moments)
        return found

    def _strip(self, low: int, high: int, first: int, found: BlockSums, seat: int) -> tuple[Tensor, Tensor]:
        """Write a few classes' gradient and row sums; return their sums for each sentence."""
        s_buffer, e_buffer, G = self._buffers(seat)
        n, G = high - low, G[: G.numel() // STRIP * (high - low)].view(-1, high - low).zero_()
        others, moments = torch.zeros_like(self.others), torch.zeros_like(self.others)
        for chunk in self.chunks:
            e = e_buffer[: chunk.rows * n].view(chunk.rows, n)
            for at, part in chunk.parts:
                s = self.scores(part, low, high, s_buffer)
                e_part = e[at : at + len(s)]
                torch.exp2(s, out=e_part)
                here, column = part.own(low, high)
                e_part[here, column] = 0.0
                others[part.rows] = e_part.sum(1)
                moments[part.rows] = s.mul_(e_part).sum(1) * (LOG_2 / self.z[part.rows])
                e_part[here, column] = -self.others[part.rows][here]  # p_y - 1, times z
            chunk.by_word.add_to(G, e)
        by_position = G.view(self.L, -1, n)
        by_position *= self.scale[:, None]
        found.row_sums[low - first : high - first] = by_position.sum(1).T
        found.G[:, :, low - first : high - first] = by_position
        return others, moments

    def _buffers(self, seat: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return a seat's room for scores of a part, exponentials of a chunk, and a gradient."""
        if seat not in self.buffers:
            rows, most = self.parts.rows, max(chunk.rows for chunk in self.chunks)
            s, e = self.others.new_empty(rows * STRIP), self.others.new_empty(most * STRIP)
            self.buffers[seat] = s, e, self.others.new_empty(self.L * self.parts.n_w * STRIP)
        return self.buffers[seat]
