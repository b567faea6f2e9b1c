"""A problem at low rank as the solver sees it: variables, value, gradient, units.

The variables are word vectors V (n_w, r) and linear weights U (K L, r), stacked as one vector. Both models
measure them in units of the curvature: coordinate c of word j meets about m_j mean(u_c²) of it (m_j the
word's weight in the data), coordinate c of u_{k,ℓ} about mean(v_c²)/K, and λ on top; dividing by the square
roots helps rare words and weak directions, which otherwise converge last.

One direction of a class's linear weights meets far more: that of its own sentences x, which near collapse is
one, with p(1 - p)|x|² of each sentence and p its probability of its class. It has a unit of its own, which
halves the evaluations that a minimum takes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.risk.class_sums import class_sums
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.solver.lbfgs import UNSURE, Evaluation, Iterate


@dataclass(frozen=True, eq=False)
class Units:
    """The units of the variables, a linear map that takes them to weights.

    V = x · unit, entry by entry, and U = (z + (α_k - 1) ⟨y_k, z⟩ y_k) · unit for the variables z of class k.

    Attributes:
        unit: (n_w r + K L r,).
        axes: (K, L r) the y_k, of length one; zeros for a class without sentences.
        along: (K,) the α_k, above 0 and at most 1.
        n_w, K, r: sizes.
    """

    unit: Float[Tensor, " n"]
    axes: Float[Tensor, "K L*r"]
    along: Float[Tensor, " K"]
    n_w: int
    K: int
    r: int

    @classmethod
    def of(cls, V: Tensor, U: Tensor, risk: EmpiricalRisk, curvatures: tuple[Tensor, Tensor]) -> Units:
        """Return units in which weights like these meet curvatures of about one. O(N L r)."""
        of_V, of_U = curvatures
        unit = torch.cat((of_V.reshape(-1), of_U.expand_as(U).reshape(-1))).rsqrt()
        labels = torch.from_numpy(risk.labels.astype(np.int64)).to(risk.device)
        masses = V.new_zeros(risk.K).index_add_(0, labels, risk.omega.to(V))
        sums = class_sums(risk.words, risk.labels, risk.omega, risk.K, V)
        y = sums.reshape(risk.K, -1) * unit[V.numel() :].view(risk.K, -1)
        lengths = y.norm(dim=1)
        axes = y / lengths.clamp_min(1e-300).unsqueeze(1)
        along = (1.0 + UNSURE * lengths.square() / masses.clamp_min(1e-300)).rsqrt()
        units = cls(unit, axes, along, len(V), risk.K, V.shape[1])
        return units.to(risk.dtype)

    def to(self, dtype: torch.dtype) -> Units:
        """Return the same units with numbers of another type."""
        return replace(self, **{name: getattr(self, name).to(dtype) for name in ("unit", "axes", "along")})

    def cut(self, x: Float[Tensor, " n"]) -> tuple[Float[Tensor, "n_w r"], Float[Tensor, "K L*r"]]:
        """Return the two blocks of weights."""
        raw = self._scaled(x, self.along).mul_(self.unit)
        cut = self.n_w * self.r
        return raw[:cut].view(self.n_w, self.r), raw[cut:].view(self.K, -1)

    def join(self, V: Tensor, U: Tensor) -> Float[Tensor, " n"]:
        """Return the variables of two blocks of weights."""
        raw = torch.cat((V.reshape(-1), U.reshape(-1))).to(self.unit.dtype)
        return self._scaled(raw / self.unit, 1.0 / self.along)

    def gradient(self, gV: Tensor, gU: Tensor) -> Float[Tensor, " n"]:
        """Return the gradient by the variables from those by the two blocks of weights."""
        return self._scaled(torch.cat((gV.reshape(-1), gU.reshape(-1))).mul_(self.unit), self.along)

    def of_weights(self, gradient: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Return the gradient by the weights from that by the variables."""
        return self._scaled(gradient, 1.0 / self.along).div_(self.unit)

    def _scaled(self, x: Tensor, along: Tensor) -> Tensor:
        """Return x with the part of each class along its axis times `along`."""
        cut = self.n_w * self.r
        z = x[cut:].view(self.K, -1)
        parts = (self.axes * z).sum(1).mul_(along - 1.0)
        return torch.cat((x[:cut], torch.addcmul(z, self.axes, parts.unsqueeze(1)).view(-1)))


class Model(Protocol):
    """What the solver needs to know of a risk at low rank."""

    risk: EmpiricalRisk

    def units(self, V: Tensor, U: Tensor) -> tuple[Tensor, Tensor, Units]:
        """Return the weights rotated to principal directions, and the units there."""

    def variables(self, units: Units, V: Tensor, U: Tensor) -> Tensor:
        """Return the variables of some weights."""

    def weights(self, units: Units, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return V (n_w, r) and U (K L, r) in float64."""

    def evaluate(self, units: Units, x: Tensor) -> Evaluation[Tensor]:
        """Return value and gradient at variables x."""

    def value(self, V: Tensor, U: Tensor) -> float:
        """Return the objective at some weights."""

    def forces(self, V: Tensor, U: Tensor, new: Tensor) -> Tensor:
        """Return the data term's gradient by U Vᵀ times some columns (n_w, b), as (K L, b)."""

    def expected_gap(self, units: Units, at: Iterate[Tensor]) -> float:
        """Return an estimate of the certificate's relative gap: that in the directions in use."""

    def prune(self, V: Tensor, U: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Return the weights without directions of singular values below `threshold` times the largest."""
