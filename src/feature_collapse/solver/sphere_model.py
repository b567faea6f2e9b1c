"""A normalised network's risk at low rank: f(V, U) + (λ/2)‖U‖² with v_j = ρ w_j/‖w_j‖."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.solver.factors import on_sphere
from feature_collapse.solver.lbfgs import Evaluation, Iterate
from feature_collapse.solver.objective import Units

_FLOOR = 1e-12  # of ν, relative to Σν in the main
_LEAST, _SHARE = 1e-12, 1e-6  # of mean u², and of a word's curvature relative to the largest
LARGEST_UNIT = (_LEAST * _SHARE) ** -0.5  # of a word, over ρ √(the largest weight of a word)


class SphereModel:
    """f(V, U) + (λ/2)‖U‖² with v_j = ρ w_j/‖w_j‖, the variables being w and U."""

    def __init__(
        self, risk: EmpiricalRisk, counts: Float[Tensor, " n_w"], lambda_: float, radius: float
    ) -> None:
        """A model on given data, `counts` being the weights of the words in it, on the sphere of a radius."""
        self.risk, self.lambda_, self.radius = risk, lambda_, radius
        self.counts = counts.to(risk.device, torch.float64)

    def units(self, V: Tensor, U: Tensor) -> tuple[Tensor, Tensor, Units]:
        """Return the weights in the principal directions of the words in the data, and the units there."""
        _, _, axes = torch.linalg.svd(V * self.counts.sqrt().unsqueeze(1), full_matrices=False)
        V, U = V @ axes.T, U @ axes.T
        of_V = self.counts.unsqueeze(1) * (self.radius**2 * max(float(U.square().mean()), _LEAST))
        of_V = of_V.clamp_min(_SHARE * float(of_V.max())).expand_as(V)
        of_U = self.lambda_ + (self.counts.unsqueeze(1) * V.square()).sum(0) / (self.risk.L * self.risk.K)
        return V, U, Units.of(V, U, self.risk, (of_V, of_U))

    def variables(self, units: Units, V: Tensor, U: Tensor) -> Tensor:
        """Return the variables of some weights; those of a word have norm one in the weights' own unit."""
        return units.join(V / self.radius, U)

    def weights(self, units: Units, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return V and U in float64, the rows of V of norm ρ."""
        w, U = units.cut(x)
        w = w.double()
        return w * (self.radius / w.norm(dim=1, keepdim=True)), U.double().reshape(-1, units.r)

    def evaluate(self, units: Units, x: Tensor) -> Evaluation[Tensor]:
        """Return value and gradient at variables x, and ⟨∂f/∂v_j, v_j⟩, which the gradient has not."""
        w, U = units.cut(x)
        inverse = self.radius / w.norm(dim=1, keepdim=True)
        V = w * inverse
        value, gV, gU = self.risk.value_and_gradient(V, U)
        radial = (gV * V).sum(1)
        gV.sub_(V * (radial.unsqueeze(1) / self.radius**2)).mul_(inverse)
        gU.add_(U, alpha=self.lambda_)
        value += 0.5 * self.lambda_ * float(U.square().sum(dtype=torch.float64))
        return Evaluation(value, units.gradient(gV, gU), radial)

    def value(self, V: Tensor, U: Tensor) -> float:
        """Return the objective at some weights."""
        data = self.risk.value_and_gradient(V, U.reshape(self.risk.K, -1))[0]
        return data + 0.5 * self.lambda_ * float(U.square().sum())

    def forces(self, V: Tensor, U: Tensor, new: Tensor) -> Tensor:
        """Return ∇f times some columns (n_w, b), as (K L, b)."""
        images = self.risk.apply_gradient(V, U.reshape(self.risk.K, -1), new)
        return images.double().reshape(-1, new.shape[1])

    def expected_gap(self, units: Units, at: Iterate[Tensor]) -> float:
        """Return an estimate of the relative gap: R3's at ν_j = (V∇fᵀ∇f)_j·v_j/ρ², made feasible in use.

        P - D* there is ‖∂/∂U‖²/(2λ); making ν feasible costs the excess over 1 of the directions in use.
        """
        if not 0.0 < at.value < math.inf:
            return at.value
        w, U = units.cut(at.x)
        lengths = w.norm(dim=1, keepdim=True)
        V = w * (self.radius / lengths)
        g = units.of_weights(at.gradient)
        cut = w.numel()
        tangential = g[:cut].view_as(w) * lengths / self.radius  # of ∂f/∂v_j
        gU = g[cut:].view(-1, units.r)
        squares = float(U.square().sum())
        # ν_j = -λ⟨∂f/∂v_j, v_j⟩/ρ² has the sum λ²‖U‖²/ρ² at a critical point
        assert at.evaluation.radial is not None
        nu = (at.evaluation.radial * (-self.lambda_ / self.radius**2)).clamp_min(
            _FLOOR * squares * min(1.0, self.lambda_**2 / 1e-6)
        )
        nu = nu.unsqueeze(1)
        turned = nu * V - self.lambda_ * tangential
        ratios = (turned.square() / nu).sum(0) / (nu * V.square()).sum(0).clamp_min(1e-30)
        excess = float(ratios.sqrt().max()) - 1.0
        first = float(gU.square().sum()) / (2.0 * self.lambda_)
        return (first + 0.5 * self.lambda_ * squares * max(excess, 0.0)) / at.value

    def prune(self, V: Tensor, U: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Return the weights without directions that the words hardly use, the words back on the sphere."""
        _, sizes, axes = torch.linalg.svd(V * self.counts.sqrt().unsqueeze(1), full_matrices=False)
        keep = sizes > threshold * sizes.max()
        if bool(keep.all()):
            return V, U
        V, U = V @ axes[keep].T, U @ axes[keep].T
        return on_sphere(V, self.radius), U
