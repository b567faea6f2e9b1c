"""Normalisers φ of the word embeddings, each with its derivative in closed form (paper §2, A.1).

A normaliser maps each embedding v ∈ R^d to φ(v). LayerNorm is the paper's; RMSNorm and the unit sphere are
its natural relatives. None has a learnable parameter. ε is added to the squared scale: 0 in the theory, 1e-5
in PyTorch's LayerNorm. To add one, write a frozen dataclass with `name`, `forward`, `vjp` and `radius`, and
enter it in `NORMALISERS`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.errors import check_choice, check_real


@runtime_checkable
class Normaliser(Protocol):
    """What the networks, the training and the solver need to know of a normaliser."""

    name: ClassVar[str]

    def forward(self, v: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """φ(v) for each vector along the last axis."""

    def vjp(self, v: Float[Tensor, "... d"], g: Float[Tensor, "... d"]) -> Float[Tensor, "... d"]:
        """J(v)ᵀ g, with J the derivative of φ at v: the gradient with respect to v, given that to φ(v)."""

    def radius(self, d: int) -> float | None:
        """‖φ(v)‖ for ε = 0, or None where the norm is free. A fixed norm means W is not penalised."""


@dataclass(frozen=True)
class NoNormaliser:
    """φ(v) = v: the plain network h."""

    name: ClassVar[str] = "none"

    def forward(self, v: Tensor) -> Tensor:
        """V itself."""
        return v

    def vjp(self, v: Tensor, g: Tensor) -> Tensor:
        """G itself."""
        return g

    def radius(self, d: int) -> None:
        """None: the norm is free."""
        return None


@dataclass(frozen=True)
class _Scaled:
    """φ(v) = c/ρ with c = v, centred or not, and ρ² = m(c²) + ε, m the mean or the sum over the d entries."""

    eps: float = 0.0
    name: ClassVar[str]
    centred: ClassVar[bool]
    averaged: ClassVar[bool]

    def __post_init__(self) -> None:
        check_real("eps", self.eps, 0.0)

    def _parts(self, v: Tensor) -> tuple[Tensor, Tensor]:
        c = v - v.mean(-1, keepdim=True) if self.centred else v
        return c, torch.rsqrt(self._m(c * c) + self.eps)

    def _m(self, x: Tensor) -> Tensor:
        return x.mean(-1, keepdim=True) if self.averaged else x.sum(-1, keepdim=True)

    def forward(self, v: Tensor) -> Tensor:
        """c/ρ."""
        c, inverse = self._parts(v)
        return c * inverse

    def vjp(self, v: Tensor, g: Tensor) -> Tensor:
        """(g - y·m(g y))/ρ with y = φ(v), centred where φ is."""
        c, inverse = self._parts(v)
        y = c * inverse
        out = (g - y * self._m(g * y)) * inverse
        return out - out.mean(-1, keepdim=True) if self.centred else out

    def radius(self, d: int) -> float:
        """√d where the mean square is fixed, 1 on the unit sphere."""
        return math.sqrt(d) if self.averaged else 1.0


class LayerNorm(_Scaled):
    """φ(v) = (v - mean v)/√(var v + ε): the network h*. Mean zero and norm √d for ε = 0."""

    name: ClassVar[str] = "layernorm"
    centred: ClassVar[bool] = True
    averaged: ClassVar[bool] = True


class RMSNorm(_Scaled):
    """φ(v) = v/√(mean v² + ε): norm √d, not centred."""

    name: ClassVar[str] = "rmsnorm"
    centred: ClassVar[bool] = False
    averaged: ClassVar[bool] = True


class UnitSphere(_Scaled):
    """φ(v) = v/√(‖v‖² + ε): norm 1."""

    name: ClassVar[str] = "sphere"
    centred: ClassVar[bool] = False
    averaged: ClassVar[bool] = False


NORMALISERS: dict[str, type] = {kind.name: kind for kind in (NoNormaliser, LayerNorm, RMSNorm, UnitSphere)}


def make_normaliser(name: str, eps: float = 0.0) -> Normaliser:
    """The normaliser of a name; ε is not used by `none`.

    Raises:
        InputError: an unknown name or ε < 0.
    """
    kind = NORMALISERS[check_choice("normaliser", name, NORMALISERS)]
    normaliser: Normaliser = kind() if kind is NoNormaliser else kind(eps)
    return normaliser
