"""The data term of the empirical risks (2) and (3) (paper §2): value and gradient in one pass over chunks.

    f(V, U) = Σ_i ω_i ℓ(s_i, y_i),    s_ik = Σ_ℓ ⟨u_{k,ℓ}, v_{x_iℓ}⟩,    ℓ(s, y) = -s_y + log Σ_k e^{s_k},

with ω_i = 1/N unless weights are given, and v_j = φ(w_j) the word representations. In matrix form, with
M = U Vᵀ stacked as a (KL)×n_w matrix, f is a convex function of M alone; the certificates rest on that.

A chunk's scores fit into the cache and are passed over once. The shift that keeps the exponentials in range
is the log-sum-exp of the evaluation before: it is one more column of the matrix product, and the sums of the
exponentials are one more column of the product back. Where that shift fails, the evaluation is repeated with
row maxima. Scores and shifts are in units of log 2, and the products' inner size is a multiple of the
processor's vectors.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.risk.problem import Problem
from feature_collapse.threads import each

CACHE = 2**22  # bytes of scores per chunk on a CPU: of the order of the cache
_FEWEST = 256  # rows: a chunk also costs a pass over U
_EVEN = 8  # chunks come in multiples of it, so that threads share them evenly
_ALONE = 2**18  # scores that one thread has sooner done than two, who must be told
_PIECES, _SUMS = 16, 2**28  # pieces of an evaluation at most, and bytes of their gradients
_LOG_2, _LOG2_E = math.log(2.0), math.log2(math.e)
_TINY = 1e-25  # a sum of exponentials below this has lost digits to the shift


@dataclass(frozen=True)
class Chunk:
    """Rows start..stop of the data: flat word indices, labels, and the sums over words as a sparse matrix."""

    start: int
    stop: int
    words: Tensor
    labels: Tensor
    by_word: Tensor | None

    @property
    def rows(self) -> slice:
        """The rows among all sentences."""
        return slice(self.start, self.stop)


@dataclass(frozen=True, eq=False)
class Point:
    """Weights to evaluate at, U in units of log 2 with a column of ones, the shifts before and after."""

    V: Tensor
    U: Tensor
    U1: Tensor
    shift: Tensor | None
    new_shift: Tensor


@dataclass(frozen=True, eq=False)
class Sums:
    """What a piece adds up: the value, the gradient by V, and that by U1."""

    value: Tensor
    gV: Tensor
    gU: Tensor


class EmpiricalRisk:
    """Σ_i ω_i ℓ(s_i, y_i) on fixed data, with its buffers.

    An evaluation is shared among threads (`threads.each`) in pieces that the sizes alone decide, and is the
    same to the last bit for every number of threads.

    Attributes:
        words, labels: (N, L) and (N,), as given.
        n_w, K, L: sizes.
        omega, own: (N,) weights of the sentences, and the same for those whose label this process holds.
        dtype, device: of the computation; sums over sentences are in float64.
        shift: (N,) log-sum-exps of the evaluation before, in units of log 2; None before the first.
    """

    def __init__(
        self, problem: Problem, *, dtype: torch.dtype = torch.float32, chunk_bytes: int | None = None
    ) -> None:
        """Prepare the chunks. Memory: 24 N L bytes, and `chunk_bytes` for the scores in each thread.

        Args:
            problem: its sentences, their weights and its device; λ, φ and decay are not used.
            dtype: float32 or float64.
            chunk_bytes: for the scores of one chunk; None for 4 MB on a CPU, 1 GB on a GPU.
        """
        self.words, self.labels = problem.words, problem.labels
        self.n_w, self.K, (self.N, self.L) = problem.n_w, problem.K, problem.words.shape
        self.dtype, self.device = dtype, torch.device(problem.device)
        self._cpu = self.device.type == "cpu"
        size = torch.finfo(dtype).bits // 8
        rows = (chunk_bytes or (CACHE if self._cpu else 2**30)) // (self.K * size)
        count = -(-self.N // max(rows, _FEWEST))
        if self._cpu and self.N * self.K > _ALONE:
            count = min(-(-count // _EVEN) * _EVEN, -(-self.N // _FEWEST))
        self.rows = -(-self.N // count)
        starts = range(0, self.N, self.rows)
        self._chunks = each(lambda at, _: self._chunk(at, min(at + self.rows, self.N)), starts, self.device)
        self.omega = self.own = torch.from_numpy(problem.shares()).to(self.device)
        self.shift: Float[Tensor, " N"] | None = None
        self._buffers: dict[tuple[int, str], Tensor] = {}

    def _chunk(self, start: int, stop: int) -> Chunk:
        flat = self.words[start:stop].reshape(-1)
        labels = torch.from_numpy(self.labels[start:stop].astype(np.int64)).to(self.device)
        by_word = _one_hot(flat, self.n_w, self.dtype) if self._cpu else None
        return Chunk(start, stop, torch.from_numpy(flat.astype(np.int64)).to(self.device), labels, by_word)

    def value_and_gradient(
        self, V: Float[Tensor, "n_w r"], U: Float[Tensor, "K L*r"]
    ) -> tuple[float, Float[Tensor, "n_w r"], Float[Tensor, "K L*r"]]:
        """Return the value f and its gradients by V and by U. 6 N K L r flops, N K exponentials."""
        V, U = V.to(self.dtype), U.to(self.dtype)
        if self.shift is not None:
            found = self._pass(V, U, self.shift)
            if found is not None:
                return found
        found = self._pass(V, U, None)
        if found is None:  # overflow of the scores themselves
            return float("inf"), torch.zeros_like(V), torch.zeros_like(U)
        return found

    def _pass(self, V: Tensor, U: Tensor, shift: Tensor | None) -> tuple[float, Tensor, Tensor] | None:
        point = self._point(V, U, shift)
        found = each(lambda piece, seat: self._piece(piece, seat, point), self._pieces(point.U1))
        kept = [sums for sums in found if sums is not None]
        if len(kept) < len(found) or not bool(torch.isfinite(point.new_shift).all()):
            return None
        total = kept[0]
        for sums in kept[1:]:
            total.value.add_(sums.value), total.gV.add_(sums.gV), total.gU.add_(sums.gU)
        self.shift = point.new_shift
        return float(total.value), total.gV, total.gU[:, : U.shape[1]].contiguous()

    def _point(self, V: Tensor, U: Tensor, shift: Tensor | None) -> Point:
        width = U.shape[1]
        # columns: U in units of log 2, since exp2 is the faster exponential; a one for the shift; zeros
        U1 = torch.zeros(len(U), padded(width + 1, self.dtype), dtype=self.dtype, device=self.device)
        torch.mul(U, _LOG2_E, out=U1[:, :width])
        U1[:, width] = 1.0
        return Point(V, U, U1, shift, torch.empty(self.N, dtype=self.dtype, device=self.device))

    def _pieces(self, like: Tensor) -> list[list[Chunk]]:
        """Return the chunks in pieces; their number depends on the sizes and not on that of threads."""
        most = min(_PIECES, max(2, _SUMS // (like.numel() * like.element_size()))) if self._cpu else 1
        count = min(most, len(self._chunks))
        bounds = [len(self._chunks) * i // count for i in range(count + 1)]
        return [self._chunks[low:high] for low, high in pairwise(bounds)]

    def _piece(self, piece: list[Chunk], seat: int, at: Point) -> Sums | None:
        value = torch.zeros((), dtype=torch.float64, device=self.device)
        sums = Sums(value, torch.zeros_like(at.V), torch.zeros_like(at.U1))
        for chunk in piece:
            if not self._add(chunk, seat, at, sums):
                return None
        return sums

    def _add(self, chunk: Chunk, seat: int, at: Point, sums: Sums) -> bool:
        """Add a chunk's part to the sums; return whether the shifts served."""
        used = self._scores(chunk, seat, at)
        total = self._exponentials(chunk, seat, at, used)
        if not serves(total):
            return False
        at.new_shift[chunk.rows] = used + total.log2()
        self._add_to(sums, chunk, seat, at, total)
        return True

    def _scores(self, chunk: Chunk, seat: int, at: Point) -> Tensor:
        """Put a chunk's representations and scores into the seat's buffers; return the shift to use."""
        n, width = chunk.stop - chunk.start, at.U.shape[1]
        x, scores = self._buffer(seat, "x", at.U1.shape[1])[:n], self._buffer(seat, "scores", len(at.U))[:n]
        x[:, :width].copy_(at.V.index_select(0, chunk.words).view(n, width))
        x[:, width + 1 :] = 0.0
        if at.shift is None:
            x[:, width] = 0.0
            torch.mm(x, at.U1.T, out=scores)
            return scores.amax(1)
        x[:, width] = -at.shift[chunk.rows]
        torch.mm(x, at.U1.T, out=scores)
        return at.shift[chunk.rows]

    def _exponentials(self, chunk: Chunk, seat: int, at: Point, used: Tensor) -> Tensor:
        """Exponentiate the scores in the seat's buffer, multiply by U, and return their sums."""
        n = chunk.stop - chunk.start
        g, scores = self._buffer(seat, "g", at.U1.shape[1])[:n], self._buffer(seat, "scores", len(at.U))[:n]
        if at.shift is None:
            scores.sub_(used.unsqueeze(1))
        torch.exp2(scores, out=scores)
        torch.mm(scores, at.U1, out=g)
        return g[:, at.U.shape[1]].clone()

    def _add_to(self, sums: Sums, chunk: Chunk, seat: int, at: Point, total: Tensor) -> None:
        """Add what is in the seat's buffers, given the sums of all exponentials."""
        n, width = chunk.stop - chunk.start, at.U.shape[1]
        x, g = (self._buffer(seat, name, at.U1.shape[1])[:n] for name in ("x", "g"))
        scores, x_only = self._buffer(seat, "scores", len(at.U))[:n], x[:, :width]
        U_label, omega, own = at.U.index_select(0, chunk.labels), self.omega[chunk.rows], self.own[chunk.rows]
        own_scores = (x_only * U_label).sum(1, dtype=torch.float64)
        losses = (at.new_shift[chunk.rows].double() * _LOG_2).sub_(own_scores)
        sums.value.add_(torch.dot(own, losses))
        share, own = omega.to(self.dtype) / total, own.to(self.dtype).unsqueeze(1)
        g_only = g[:, :width].mul_((share * _LOG_2).unsqueeze(1)).addcmul_(U_label, own, value=-1.0)
        self._add_by_word(sums.gV, chunk, g_only.reshape(n * self.L, -1))
        sums.gU[:, :width].index_add_(0, chunk.labels, x_only * own, alpha=-1.0)
        x_only.mul_(share.unsqueeze(1))
        sums.gU.addmm_(scores.T, x)

    def _buffer(self, seat: int, name: str, width: int) -> Tensor:
        """Return (rows, width) numbers of a thread's own, of any value."""
        found = self._buffers.get((seat, name))
        if found is None or found.shape[1] != width:
            found = torch.empty(self.rows, width, dtype=self.dtype, device=self.device)
            self._buffers[seat, name] = found
        return found

    def _add_by_word(self, out: Tensor, chunk: Chunk, g: Tensor) -> None:
        if chunk.by_word is None:
            out.index_add_(0, chunk.words, g)
        else:
            out += torch.mm(chunk.by_word, g)

    def apply_gradient(
        self, V: Float[Tensor, "n_w r"], U: Float[Tensor, "K L*r"], Q: Float[Tensor, "n_w b"]
    ) -> Float[Tensor, "K L*b"]:
        """Return ∇f(M) Q for M = U Vᵀ: rows (k, ℓ) stacked as (K, L·b). Time 2 N K L (r + b) flops."""
        V, U, Q = V.to(self.dtype), U.to(self.dtype), Q.to(self.dtype)
        out = torch.zeros(self.K, self.L * Q.shape[1], dtype=self.dtype, device=self.device)

        def image(piece: list[Chunk], seat: int) -> Tensor:
            found = torch.zeros_like(out)
            for chunk in piece:
                self._add_image(found, chunk, seat, (V, U, Q))
            return found

        for found in each(image, self._pieces(out)):
            out += found
        return out

    def _add_image(self, out: Tensor, chunk: Chunk, seat: int, at: tuple[Tensor, Tensor, Tensor]) -> None:
        n, (V, U, Q) = chunk.stop - chunk.start, at
        p = self._buffer(seat, "scores", self.K)[:n]
        torch.mm(V.index_select(0, chunk.words).view(n, U.shape[1]), U.T, out=p)
        p.sub_(p.amax(1, keepdim=True)).exp_()
        x = Q.index_select(0, chunk.words).view(n, -1)
        omega = self.omega[chunk.start : chunk.stop].to(self.dtype).unsqueeze(1)
        out.index_add_(0, chunk.labels, x * omega, alpha=-1.0)
        out.addmm_(p.T, x * (omega / p.sum(1, keepdim=True)))


def serves(total: Tensor) -> bool:
    """Return whether the sums of exponentials are in range: the shift was near enough."""
    return float(total.min()) > _TINY and float(total.max()) < float("inf")


def padded(width: int, dtype: torch.dtype) -> int:
    """Return the next multiple of a processor's vector: products of other widths take up to twice as long."""
    lanes = 64 // (torch.finfo(dtype).bits // 8)
    return -(-width // lanes) * lanes


def _one_hot(flat: np.ndarray, n_w: int, dtype: torch.dtype) -> Tensor:
    """Return the n_w × len(flat) matrix with a one where word j stands at place i, compressed by rows."""
    order = np.argsort(flat, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(flat, minlength=n_w))))
    with warnings.catch_warnings():  # "sparse CSR is in beta": we use one product of it
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts.astype(np.int32)),
            torch.from_numpy(order.astype(np.int32)),
            torch.ones(len(flat), dtype=dtype),
            size=(n_w, len(flat)),
            check_invariants=False,
        )
