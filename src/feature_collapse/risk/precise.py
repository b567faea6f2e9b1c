"""The data term of the empirical risk, to its last digits also where it is far below the rounding of 1.

For small λ the minimiser's cross-entropies are of the order of λ. Here they are log(1 + Σ_{k≠y} e^{s_k -
s_y}) and the label's part of the gradient is -q, q = 1 - p_y summed over the other classes, so that
rounding is relative to them. Somewhat slower than `EmpiricalRisk`; in float64.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.risk.empirical import EmpiricalRisk


@dataclass(frozen=True, eq=False)
class _Outputs:
    """Of a chunk: ω_i(p_i - e_{y_i}) (n, K), ω_i ℓ_i (n,), representations (n, L r), and words (n, L)."""

    errors: Tensor
    losses: Tensor
    x: Tensor
    words: Tensor


class PreciseRisk(EmpiricalRisk):
    """Σ_i ω_i ℓ(s_i, y_i) on fixed data; every sentence's loss to a few units in its last place."""

    def value_and_gradient(
        self, V: Float[Tensor, "n_w r"], U: Float[Tensor, "K L*r"]
    ) -> tuple[float, Float[Tensor, "n_w r"], Float[Tensor, "K L*r"]]:
        """Return the value f and its gradients by V and by U. 6 N K L r flops, N K exponentials."""
        V, U = V.to(self.dtype), U.to(self.dtype)
        gV, gU = torch.zeros_like(V), torch.zeros_like(U)
        value = torch.zeros((), dtype=torch.float64, device=self.device)
        for out in self._outputs(V, U):
            value += out.losses.sum()
            gU.addmm_(out.errors.T, out.x)
            gV.index_add_(0, out.words.reshape(-1), torch.mm(out.errors, U).view(-1, V.shape[1]))
        return float(value), gV, gU

    def apply_gradient(
        self, V: Float[Tensor, "n_w r"], U: Float[Tensor, "K L*r"], Q: Float[Tensor, "n_w b"]
    ) -> Float[Tensor, "K L*b"]:
        """Return ∇f(M) Q for M = U Vᵀ: rows (k, ℓ) stacked as (K, L·b). 2 N K L (r + b) flops."""
        V, U, Q = V.to(self.dtype), U.to(self.dtype), Q.to(self.dtype)
        found = torch.zeros(self.K, self.L * Q.shape[1], dtype=self.dtype, device=self.device)
        for out in self._outputs(V, U):
            found.addmm_(out.errors.T, Q[out.words].flatten(1))
        return found

    def _outputs(self, V: Tensor, U: Tensor) -> Iterator[_Outputs]:
        for chunk in self._chunks:
            words = chunk.words.view(-1, self.L)
            x, label = V[words].flatten(1), chunk.labels.unsqueeze(1)
            s = torch.mm(x, U.T) - (x * U.index_select(0, chunk.labels)).sum(1, keepdim=True)
            s.scatter_(1, label, -torch.inf)
            peak = s.amax(1).clamp_min(0.0)
            e = s.sub_(peak.unsqueeze(1)).exp_()
            others = e.sum(1)
            z = others + (-peak).exp()
            omega = self.omega[chunk.start : chunk.stop]
            losses = omega * torch.where(peak > 0.0, peak + z.log(), others.log1p())
            e.mul_((omega / z).unsqueeze(1)).scatter_(1, label, -(omega * others / z).unsqueeze(1))
            yield _Outputs(e, losses, x, words)
