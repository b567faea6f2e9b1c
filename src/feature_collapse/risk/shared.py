"""The data term of the empirical risk, its classes shared among ranks (`Ranks`), each with a block of them.

    log Σ_k e^{s_ik} = log Σ_p Σ_{k in block p} e^{s_ik},

so an evaluation is one of every rank on its own block, but for three sums over the ranks: that of the N sums
of exponentials, before anything is divided by them, and those of the value and of ∂f/∂V (n_w, r) at the end.
∂f/∂U comes in blocks. A sentence's loss is added by the rank that holds its label.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.ranks import Ranks
from feature_collapse.risk.empirical import CACHE, Chunk, EmpiricalRisk, Point, Sums, serves
from feature_collapse.risk.problem import Problem
from feature_collapse.task.sentences import Sentences
from feature_collapse.threads import each

_AT_ONCE = 8  # chunks between two sums over the ranks; their scores are kept until then


class SharedRisk(EmpiricalRisk):
    """Σ_i ω_i ℓ(s_i, y_i) on fixed data: rank 0 evaluates, and the others answer.

    Of P ranks each takes 6 N K L r/P + 2 N L r flops and N K/P exponentials for an evaluation, and exchanges
    about 2N + 2(n_w + K L) r numbers of `dtype` with the others. Memory of each: that of the data, 24 N L
    bytes, eight chunks of scores, and eight gradients by V (n_w, r) and by its block of U (K L/P, r). The
    last bits depend on the number of ranks.

    Attributes:
        low, high: this rank's classes low..high.
    """

    def __init__(self, problem: Problem, ranks: Ranks, *, dtype: torch.dtype = torch.float32) -> None:
        """Prepare the chunks; rank 0 sends the data to the others, 4 N (L + 1) bytes and 8 N for weights."""
        ranks.check(problem.K)
        self._ranks, (self.low, self.high) = ranks, ranks.block(problem.K)
        # the same sentences to a chunk on every rank; its scores for the largest block are CACHE
        size = problem.K * torch.finfo(dtype).bits // 8
        cache = CACHE if problem.device == "cpu" else 2**28
        rows = max(cache * problem.K // (size * ranks.largest_block(problem.K)), 1)
        super().__init__(problem, dtype=dtype, chunk_bytes=rows * size)
        labels = torch.from_numpy(problem.labels.astype(np.int64)).to(self.device)
        self.own = torch.where((labels >= self.low) & (labels < self.high), self.omega, 0.0)
        self._slots = min(_AT_ONCE if self._cpu else 1, len(self._chunks))
        if ranks.rank == 0:
            with ranks.asking("data", *packed(problem), torch.zeros(1, dtype=dtype)):
                pass

    def _chunk(self, start: int, stop: int) -> Chunk:
        """Return a chunk with the labels' numbers in the block; those of other ranks' labels are any."""
        whole = super()._chunk(start, stop)
        labels = (whole.labels - self.low).clamp_(0, self.high - self.low - 1)
        return Chunk(start, stop, whole.words, labels, whole.by_word)

    def answer(self, order: str, tensors: list[Tensor | None]) -> None:
        """Do this rank's part of what rank 0 was asked for: "evaluate" or "images"."""
        V, U, other = tensors
        assert V is not None
        assert U is not None
        if order == "evaluate":
            self._evaluate(V, U, other)
        else:
            assert other is not None
            self._images(V, U, other)

    def _pass(self, V: Tensor, U: Tensor, shift: Tensor | None) -> tuple[float, Tensor, Tensor] | None:
        with self._ranks.asking("evaluate", V, U, shift):
            return self._evaluate(V, U, shift)

    def apply_gradient(
        self, V: Float[Tensor, "n_w r"], U: Float[Tensor, "K L*r"], Q: Float[Tensor, "n_w b"]
    ) -> Float[Tensor, "K L*b"]:
        """Return ∇f(M) Q for M = U Vᵀ: rows (k, ℓ) stacked as (K, L·b). 2 N K L (2 r + b)/P flops a rank."""
        V, U, Q = V.to(self.dtype), U.to(self.dtype), Q.to(self.dtype)
        with self._ranks.asking("images", V, U, Q):
            return self._images(V, U, Q)

    def _evaluate(self, V: Tensor, U: Tensor, shift: Tensor | None) -> tuple[float, Tensor, Tensor] | None:
        at, cut = self._point(V, U[self.low : self.high], shift), V.numel()
        sums = [
            Sums(self.omega.new_zeros(1), torch.zeros_like(V), torch.zeros_like(at.U1))
            for _ in range(self._slots)
        ]
        totals = self._in_groups(
            at, lambda chunk, slot, total: self._add_to(sums[slot], chunk, slot, at, total)
        )
        value, gradient = self.omega.new_zeros(1), V.new_zeros(cut + U.numel())
        gV, gU = gradient[:cut].view_as(V), gradient[cut:].view_as(U)
        for own in sums:
            value += own.value
            gV += own.gV
            gU[self.low : self.high] += own.gU[:, : U.shape[1]]
        self._ranks.add_up(value, gradient)
        if not (serves(totals) and bool(torch.isfinite(at.new_shift).all())):
            return None
        self.shift = at.new_shift
        return float(value), gV, gU

    def _images(self, V: Tensor, U: Tensor, Q: Tensor) -> Tensor:
        at = self._point(V, U[self.low : self.high], None)
        images = V.new_zeros(self._slots, len(at.U), self.L * Q.shape[1])

        def add(chunk: Chunk, slot: int, total: Tensor) -> None:
            n, out = chunk.stop - chunk.start, images[slot]
            scores, x = (
                self._buffer(slot, "scores", len(at.U))[:n],
                Q.index_select(0, chunk.words).view(n, -1),
            )
            own, omega = (weights[chunk.rows].to(self.dtype) for weights in (self.own, self.omega))
            out.index_add_(0, chunk.labels, x * own.unsqueeze(1), alpha=-1.0)
            out.addmm_(scores.T, x * (omega / total).unsqueeze(1))

        self._in_groups(at, add)
        found = V.new_zeros(self.K, images.shape[2])
        found[self.low : self.high] = images.sum(0)
        self._ranks.add_up(found)
        return found

    def _in_groups(self, at: Point, finish: Callable[[Chunk, int, Tensor], None]) -> Tensor:
        """Call finish(chunk, slot, sums of exponentials over all ranks) for all chunks; return all the sums.

        A few chunks at a time, each in a slot with its own buffers. Whatever the sums are, no rank leaves the
        loop before another.
        """
        totals = torch.empty_like(at.new_shift)
        for first in range(0, len(self._chunks), self._slots):
            group = list(enumerate(self._chunks[first : first + self._slots]))
            rows = slice(group[0][1].start, group[-1][1].stop)
            used = torch.cat(each(lambda item, _: self._scores(item[1], item[0], at), group, self.device))
            if at.shift is None:
                self._ranks.maximum(used)
            at.new_shift[rows] = used

            def exponentials(item: tuple[int, Chunk], _: int) -> None:
                slot, chunk = item
                totals[chunk.rows] = self._exponentials(chunk, slot, at, at.new_shift[chunk.rows])

            each(exponentials, group, self.device)
            self._ranks.add(totals[rows])
            at.new_shift[rows] += totals[rows].log2()
            each(lambda item, _: finish(item[1], item[0], totals[item[1].rows]), group, self.device)
        return totals


def packed(problem: Problem) -> list[Tensor | None]:
    """Return what the other ranks need to know of a problem: data, sizes, and weights where there are any."""
    words, labels = (torch.from_numpy(a.astype(np.int32)) for a in (problem.words, problem.labels))
    sizes = torch.tensor([problem.n_w, problem.K, int(problem.device != "cpu")], dtype=torch.int32)
    weights = [None if a is None else torch.from_numpy(a) for a in (problem.omega, problem.decay)]
    return [words, labels, sizes, *weights]


def unpacked(tensors: list[Tensor | None]) -> Problem:
    """Return the problem on another rank; λ and the normaliser, which its block does not need, are any."""
    words, labels, sizes, omega, decay = (None if t is None else t.numpy() for t in tensors)
    assert words is not None
    assert labels is not None
    assert sizes is not None
    n_w, K, on_gpu = (int(size) for size in sizes)
    device = "cuda" if on_gpu else "cpu"
    return Problem(Sentences(words, labels), n_w, K, 1.0, omega=omega, decay=decay, device=device)
