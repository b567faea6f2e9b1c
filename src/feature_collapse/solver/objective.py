"""A problem at low rank as the solver sees it: variables, value, gradient, units.

The variables are word vectors V (n_w, r) and linear weights U (K L, r), stacked as one vector. Both models
measure them in units of the curvature: coordinate c of word j meets about m_j mean(u_c²) of it (m_j the
word's weight in the data), coordinate c of u_{k,ℓ} about mean(v_c²)/K, and λ on top; dividing by the square
roots helps rare words and weak directions, which otherwise converge last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.solver.lbfgs import Evaluation, Iterate


@dataclass(frozen=True, eq=False)
class Units:
    """The units of the variables: entry by entry, the weights are x · unit.

    Attributes:
        unit: (n_w r + K L r,).
        n_w, K, r: sizes.
    """

    unit: Float[Tensor, " n"]
    n_w: int
    K: int
    r: int

    @classmethod
    def of(cls, V: Tensor, U: Tensor, K: int, curvatures: tuple[Tensor, Tensor], dtype: torch.dtype) -> Units:
        """Return units in which weights like these meet curvatures of about one."""
        of_V, of_U = curvatures
        unit = torch.cat((of_V.reshape(-1), of_U.expand_as(U).reshape(-1))).rsqrt()
        return cls(unit.to(dtype), len(V), K, V.shape[1])

    def cut(self, x: Float[Tensor, " n"]) -> tuple[Float[Tensor, "n_w r"], Float[Tensor, "K L*r"]]:
        """Return the two blocks of weights."""
        raw = x * self.unit
        cut = self.n_w * self.r
        return raw[:cut].view(self.n_w, self.r), raw[cut:].view(self.K, -1)

    def join(self, V: Tensor, U: Tensor) -> Float[Tensor, " n"]:
        """Return the variables of two blocks of weights."""
        return torch.cat((V.reshape(-1), U.reshape(-1))).to(self.unit.dtype) / self.unit


class Model(Protocol):
    """What the solver needs to know of a risk at low rank."""

    risk: EmpiricalRisk

    def units(self, V: Tensor, U: Tensor) -> tuple[Tensor, Tensor, Units]:
        """Return the weights rotated to principal directions, and the units there."""

    def variables(self, units: Units, V: Tensor, U: Tensor) -> Tensor:
        """Return the variables of some weights."""

    def weights(self, units: Units, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return V (n_w, r) and U (K L, r) in float64."""

    def evaluate(self, units: Units, x: Tensor) -> Evaluation:
        """Return value and gradient at variables x."""

    def value(self, V: Tensor, U: Tensor) -> float:
        """Return the objective at some weights."""

    def forces(self, V: Tensor, U: Tensor, new: Tensor) -> Tensor:
        """Return the data term's gradient by U Vᵀ times some columns (n_w, b), as (K L, b)."""

    def expected_gap(self, units: Units, at: Iterate) -> float:
        """Return an estimate of the certificate's relative gap: that in the directions in use."""

    def prune(self, V: Tensor, U: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Return the weights without directions of singular values below `threshold` times the largest."""
