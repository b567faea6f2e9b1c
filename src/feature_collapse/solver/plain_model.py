"""The plain network's risk at low rank: f(V, U) + (λ/2)(‖V‖² + ‖U‖²).

Where word j decays with a_j λ, V holds w'_j = √a_j w_j and the data term is f(Diag(a)^{-1/2} V, U).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.solver.factors import balanced
from feature_collapse.solver.lbfgs import Evaluation, Iterate
from feature_collapse.solver.objective import Units


class PlainModel:
    """f(V, U) + (λ/2)(‖V‖² + ‖U‖²), the variables being V and U."""

    def __init__(
        self,
        risk: EmpiricalRisk,
        counts: Float[Tensor, " n_w"],
        lambda_: float,
        word_units: Float[Tensor, " n_w"] | None = None,
    ) -> None:
        """A model on given data: `counts` are the weights of the words in it, `word_units` their a^{-1/2}."""
        self.risk, self.lambda_ = risk, lambda_
        self.counts = counts.to(risk.device, torch.float64)
        self.word_units = None
        if word_units is not None:
            self.word_units = word_units.to(risk.device, torch.float64).unsqueeze(1)
            self.counts = self.counts * self.word_units.squeeze(1).square()

    def _words(self, V: Tensor) -> Tensor:
        """Return the words' own vectors Diag(a)^{-1/2} V; the same map takes their gradients back."""
        return V if self.word_units is None else V * self.word_units.to(V.dtype)

    def units(self, V: Tensor, U: Tensor) -> tuple[Tensor, Tensor, Units]:
        """Return the factors balanced along the singular vectors of U Vᵀ, and the units."""
        V, U = balanced(V, U)
        of_V = self.lambda_ + self.counts.unsqueeze(1) * U.square().mean(0)
        of_U = self.lambda_ + (self.counts.unsqueeze(1) * V.square()).sum(0) / (self.risk.L * self.risk.K)
        return V, U, Units.of(self._words(V), U, self.risk, (of_V, of_U))

    def variables(self, units: Units, V: Tensor, U: Tensor) -> Tensor:
        """Return the variables of some weights."""
        return units.join(V, U)

    def weights(self, units: Units, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return V and U in float64."""
        V, U = units.cut(x)
        return V.double(), U.double().reshape(-1, units.r)

    def evaluate(self, units: Units, x: Tensor) -> Evaluation[Tensor]:
        """Return value and gradient at variables x."""
        V, U = units.cut(x)
        value, gV, gU = self.risk.value_and_gradient(self._words(V), U)
        gV, squares = self._words(gV), _squares(V, U)
        gV.add_(V, alpha=self.lambda_)
        gU.add_(U, alpha=self.lambda_)
        return Evaluation(value + 0.5 * self.lambda_ * squares, units.gradient(gV, gU))

    def value(self, V: Tensor, U: Tensor) -> float:
        """Return the objective at some weights."""
        data = self.risk.value_and_gradient(self._words(V), U.reshape(self.risk.K, -1))[0]
        return data + 0.5 * self.lambda_ * float(V.square().sum() + U.square().sum())

    def forces(self, V: Tensor, U: Tensor, new: Tensor) -> Tensor:
        """Return ∇f Diag(a)^{-1/2} times some columns (n_w, b), as (K L, b)."""
        images = self.risk.apply_gradient(self._words(V), U.reshape(self.risk.K, -1), self._words(new))
        return images.double().reshape(-1, new.shape[1])

    def expected_gap(self, units: Units, at: Iterate[Tensor]) -> float:
        """Return an estimate of the relative gap: that of R2, were the directions in use the only ones.

        P - D(θ) = ⟨∂, x⟩/2 + (1-θ)(-⟨∇f, M⟩), 1/θ being the largest ‖∇fᵀu‖/(λ‖u‖) or ‖∇f v‖/(λ‖v‖) in
        use, or 1. At a balanced critical point -⟨∇f, M⟩ is the penalty, and off it the penalty less ⟨∂,
        x⟩/2. That is of first order in 1-θ; the second is ½(1-θ)² Σ ω_i (1/p_{y_i} - 1) ≥ ½(1-θ)²
        (exp(cross-entropy) - 1), which is added.
        """
        if not 0.0 < at.value < math.inf:
            return at.value
        V, U = units.cut(at.x)
        U = U.view(-1, units.r)
        g = units.of_weights(at.gradient)
        to_V = self.lambda_ * V - g[: V.numel()].view_as(V)  # -∇fᵀU
        to_U = self.lambda_ * U - g[V.numel() :].view_as(U)  # -∇f V
        norm = max(_largest_ratio(to_V, U), _largest_ratio(to_U, V))
        theta = min(1.0, self.lambda_ / max(norm, 1e-300))
        penalty = 0.5 * self.lambda_ * _squares(V, U)
        slope = 0.5 * float(torch.dot(at.gradient, at.x))
        first = abs(slope) if theta == 1.0 else abs(slope + (1.0 - theta) * (penalty - slope))
        second = 0.5 * (1.0 - theta) ** 2 * math.expm1(min(max(at.value - penalty, 0.0), 50.0))
        return (first + second) / at.value

    def prune(self, V: Tensor, U: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Return the weights without directions of singular values below `threshold` × the largest."""
        V_b, U_b = balanced(V, U)
        sizes = V_b.norm(dim=0)
        keep = sizes > threshold**0.5 * sizes.max()
        return (V, U) if bool(keep.all()) else (V_b[:, keep], U_b[:, keep])


def _squares(V: Tensor, U: Tensor) -> float:
    return float(V.square().sum(dtype=torch.float64) + U.square().sum(dtype=torch.float64))


def _largest_ratio(images: Tensor, vectors: Tensor) -> float:
    """Return the largest ‖images c‖/‖vectors c‖ over c; directions of no length left out. O((m+n) r²)."""
    values, basis = torch.linalg.eigh((vectors.T @ vectors).double())
    kept = values > 1e-10 * values[-1]
    basis = (basis[:, kept] * values[kept].rsqrt()).to(images.dtype)
    return float(torch.linalg.matrix_norm(images @ basis, 2)) if bool(kept.any()) else 0.0
