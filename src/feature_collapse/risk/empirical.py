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
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.risk.problem import Problem

CACHE = 2**22  # bytes of scores per chunk on a CPU: of the order of the cache
_LOG_2, _LOG2_E = math.log(2.0), math.log2(math.e)
_TINY = 1e-25  # a sum of exponentials below this has lost digits to the shift


@dataclass(frozen=True)
class _Chunk:
    """Rows start..stop of the data: flat word indices, labels, and the sums over words as a sparse matrix."""

    start: int
    stop: int
    words: Tensor
    labels: Tensor
    by_word: Tensor | None


class EmpiricalRisk:
    """Σ_i ω_i ℓ(s_i, y_i) on fixed data, with its buffers.

    Attributes:
        words, labels: (N, L) and (N,), as given.
        n_w, K, L: sizes.
        dtype, device: of the computation; sums over sentences are in float64.
        shift: (N,) log-sum-exps of the evaluation before, in units of log 2; None before the first.
    """

    def __init__(
        self, problem: Problem, *, dtype: torch.dtype = torch.float32, chunk_bytes: int | None = None
    ) -> None:
        """Prepare the chunks. Memory: 24 N L bytes, and `chunk_bytes` for the scores.

        Args:
            problem: its sentences, their weights and its device; λ, φ and decay are not used.
            dtype: float32 or float64.
            chunk_bytes: for the scores of one chunk; None for 4 MB on a CPU, 1 GB on a GPU.
        """
        self.words, self.labels = problem.words, problem.labels
        self.n_w, self.K, (self.N, self.L) = problem.n_w, problem.K, problem.words.shape
        self.dtype, self.device = dtype, torch.device(problem.device)
        cpu = self.device.type == "cpu"
        size = torch.finfo(dtype).bits // 8
        rows = (chunk_bytes or (CACHE if cpu else 2**30)) // (self.K * size)
        self.rows = int(min(max(rows, 256), self.N))  # a chunk also costs a pass over U
        self._chunks = [
            self._chunk(at, min(at + self.rows, self.N), cpu) for at in range(0, self.N, self.rows)
        ]
        self._scores = torch.empty(self.rows, self.K, dtype=dtype, device=self.device)
        self.omega = torch.from_numpy(problem.shares()).to(self.device)
        self.shift: Float[Tensor, " N"] | None = None
        self._x, self._width = torch.empty(0, dtype=dtype, device=self.device), 0

    def _chunk(self, start: int, stop: int, cpu: bool) -> _Chunk:
        flat = self.words[start:stop].reshape(-1)
        labels = torch.from_numpy(self.labels[start:stop].astype(np.int64)).to(self.device)
        by_word = _one_hot(flat, self.n_w, self.dtype) if cpu else None
        return _Chunk(start, stop, torch.from_numpy(flat.astype(np.int64)).to(self.device), labels, by_word)

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
        r, width = V.shape[1], U.shape[1]
        padded = _padded(width + 1, self.dtype)
        # columns: U in units of log 2, since exp2 is the faster exponential; a one for the shift; zeros
        U1 = torch.zeros(self.K, padded, dtype=self.dtype, device=self.device)
        torch.mul(U, _LOG2_E, out=U1[:, :width])
        U1[:, width] = 1.0
        gU = torch.zeros_like(U1)
        gV = torch.zeros_like(V)
        value = torch.zeros((), dtype=torch.float64, device=self.device)
        new_shift = torch.empty(self.N, dtype=self.dtype, device=self.device)
        if self._x.shape != (self.rows, padded) or self._width != width:
            self._width = width
            self._x = torch.zeros(self.rows, padded, dtype=self.dtype, device=self.device)
            self._g = torch.empty_like(self._x)
        for chunk in self._chunks:
            n, rows = chunk.stop - chunk.start, slice(chunk.start, chunk.stop)
            x, g, scores = self._x[:n], self._g[:n], self._scores[:n]
            x_only = x[:, :width]
            x_only.copy_(V.index_select(0, chunk.words).view(n, width))
            if shift is None:
                x[:, width] = 0.0
                torch.mm(x, U1.T, out=scores)
                used = scores.amax(1)
                scores.sub_(used.unsqueeze(1))
            else:
                used = shift[rows]
                x[:, width] = -used
                torch.mm(x, U1.T, out=scores)
            torch.exp2(scores, out=scores)
            torch.mm(scores, U1, out=g)
            total = g[:, width].clone()
            if not (float(total.min()) > _TINY and float(total.max()) < float("inf")):
                return None
            U_label = U.index_select(0, chunk.labels)
            log_sum = used + total.log2()
            new_shift[rows] = log_sum
            omega = self.omega[rows]
            losses = log_sum.double().mul_(_LOG_2).sub_((x_only * U_label).sum(1, dtype=torch.float64))
            value += torch.dot(omega, losses)
            omega = omega.to(self.dtype)
            share = omega / total
            g_only = (
                g[:, :width]
                .mul_((share * _LOG_2).unsqueeze(1))
                .addcmul_(U_label, omega.unsqueeze(1), value=-1.0)
            )
            self._add_by_word(gV, chunk, g_only.reshape(n * self.L, r))
            gU[:, :width].index_add_(0, chunk.labels, x_only * omega.unsqueeze(1), alpha=-1.0)
            x_only.mul_(share.unsqueeze(1))
            gU.addmm_(scores.T, x)
        if not bool(torch.isfinite(new_shift).all()):
            return None
        self.shift = new_shift
        return float(value), gV, gU[:, :width].contiguous()

    def _add_by_word(self, out: Tensor, chunk: _Chunk, g: Tensor) -> None:
        if chunk.by_word is None:
            out.index_add_(0, chunk.words, g)
        else:
            out += torch.mm(chunk.by_word, g)

    def probabilities(self, V: Tensor, U: Tensor) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
        """Yield for each chunk its rows, e^{s - max s} (n, K, in a buffer), word indices, labels."""
        V, U = V.to(self.dtype), U.to(self.dtype)
        for chunk in self._chunks:
            n = chunk.stop - chunk.start
            scores = self._scores[:n]
            torch.mm(V.index_select(0, chunk.words).view(n, U.shape[1]), U.T, out=scores)
            scores.sub_(scores.amax(1, keepdim=True)).exp_()
            yield slice(chunk.start, chunk.stop), scores, chunk.words.view(n, self.L), chunk.labels

    def apply_gradient(
        self, V: Float[Tensor, "n_w r"], U: Float[Tensor, "K L*r"], Q: Float[Tensor, "n_w b"]
    ) -> Float[Tensor, "K L*b"]:
        """Return ∇f(M) Q for M = U Vᵀ: rows (k, ℓ) stacked as (K, L·b). Time 2 N K L (r + b) flops."""
        Q = Q.to(self.dtype)
        out = torch.zeros(self.K, self.L * Q.shape[1], dtype=self.dtype, device=self.device)
        for rows, p, words, labels in self.probabilities(V, U):
            n = len(p)
            x = Q.index_select(0, words.reshape(-1)).view(n, -1)
            omega = self.omega[rows].to(self.dtype).unsqueeze(1)
            out.index_add_(0, labels, x * omega, alpha=-1.0)
            out.addmm_(p.T, x * (omega / p.sum(1, keepdim=True)))
        return out


def _padded(width: int, dtype: torch.dtype) -> int:
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
