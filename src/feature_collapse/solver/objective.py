"""A problem at low rank as the solver sees it: variables, value, gradient, scaling, ways out of a saddle.

The variables are word vectors V (n_w, r) and linear weights U (K L, r), stacked as one vector. Both models
measure them in units of the curvature: coordinate c of word j meets about m_j mean(u_c²) of it (m_j the
word's weight in the data), coordinate c of u_{k,ℓ} about mean(v_c²)/K, and λ on top; dividing by the square
roots helps rare words and weak directions, which otherwise converge last.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem


class Model(Protocol):
    """What the solver needs to know."""

    risk: EmpiricalRisk
    unit: Tensor

    def objective(self, x: Tensor) -> tuple[float, Tensor]:
        """Value and gradient at scaled variables x."""

    def begin(self, V: Tensor, U: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(x, V, U): rotate to principal directions, set the scaling there, and give the scaled variables."""

    def continued(self, V: Tensor, U: Tensor, unit: Tensor) -> Tensor:
        """Scaled variables in the units of an earlier model of the same rank, without rotation."""

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """V (n_w, r) and U (K L, r) in float64 from scaled variables."""

    def value(self, V: Tensor, U: Tensor) -> float:
        """The objective at V and U."""

    def expected_gap(self, x: Tensor, gradient: Tensor, value: float) -> float:
        """What the certificate would give, relative, if directions not in use were no worse: an estimate."""

    def prune(self, V: Tensor, U: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Without the directions whose singular value is below `threshold` times the largest."""


class _Scaled:
    """The parts that the two models share."""

    radius: float | None = None

    def __init__(self, risk: EmpiricalRisk, counts: Float[Tensor, " n_w"], lambda_: float) -> None:
        self.risk, self.lambda_ = risk, lambda_
        self.counts = counts.to(risk.device, torch.float64)
        self.n_w, self.K, self.L = risk.n_w, risk.K, risk.L
        self.r = 0
        self.unit = torch.empty(0)

    def _raw(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The unscaled variables as (n_w, r) and (K, L r)."""
        raw = x * self.unit
        cut = self.n_w * self.r
        return raw[:cut].view(self.n_w, self.r), raw[cut:].view(self.K, self.L * self.r)

    def continued(self, V: Tensor, U: Tensor, unit: Tensor) -> Tensor:
        """Scaled variables in the units of an earlier model of the same rank, without rotation."""
        self.r, self.unit = V.shape[1], unit
        start = V if self.radius is None else V / self.radius
        return torch.cat((start.reshape(-1), U.reshape(-1))).to(self.risk.dtype) / unit

    def _pack(self, V: Tensor, U: Tensor, curvature_V: Tensor, curvature_U: Tensor) -> Tensor:
        self.r = V.shape[1]
        unit = torch.cat(
            (curvature_V.reshape(-1), curvature_U.expand(self.K * self.L, self.r).reshape(-1))
        ).rsqrt()
        self.unit = unit.to(self.risk.dtype)
        return torch.cat((V.reshape(-1), U.reshape(-1))).to(self.risk.dtype) / self.unit


class PlainModel(_Scaled):
    """f(V, U) + (λ/2)(‖V‖² + ‖U‖²)."""

    def objective(self, x: Tensor) -> tuple[float, Tensor]:
        """Value and gradient at scaled variables x."""
        V, U = self._raw(x)
        value, gV, gU = self.risk.value_and_gradient(V, U)
        squares = float(V.square().sum(dtype=torch.float64) + U.square().sum(dtype=torch.float64))
        gV.add_(V, alpha=self.lambda_)
        gU.add_(U, alpha=self.lambda_)
        return value + 0.5 * self.lambda_ * squares, torch.cat((gV.reshape(-1), gU.reshape(-1))).mul_(
            self.unit
        )

    def begin(self, V: Tensor, U: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Balance the factors along the singular vectors of U Vᵀ (which lowers the penalty), and scale there."""
        V, U = balanced(V, U)
        curvature_V = self.lambda_ + self.counts.unsqueeze(1) * U.square().mean(0)
        curvature_U = self.lambda_ + (self.counts.unsqueeze(1) * V.square()).sum(0) / (self.L * self.K)
        return self._pack(V, U, curvature_V, curvature_U), V, U

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """V and U in float64."""
        V, U = self._raw(x)
        return V.double(), U.double().reshape(self.K * self.L, self.r)

    def value(self, V: Tensor, U: Tensor) -> float:
        """The objective at V and U."""
        data = self.risk.value_and_gradient(V, U.reshape(self.K, -1))[0]
        return data + 0.5 * self.lambda_ * float(V.square().sum() + U.square().sum())

    def expected_gap(self, x: Tensor, gradient: Tensor, value: float) -> float:
        """P - D(θ) = ⟨∂, x⟩/2 + (1-θ)(-⟨∇f, M⟩), 1/θ being the largest ‖∇fᵀu‖/(λ‖u‖) or ‖∇f v‖/(λ‖v‖) in use, or 1.

        At a balanced critical point -⟨∇f, M⟩ is the penalty, and off it the penalty less ⟨∂, x⟩/2. That is of
        first order in 1-θ; the second is ½(1-θ)² Σ ω_i (1/p_{y_i} - 1) ≥ ½(1-θ)² (exp(cross-entropy) - 1),
        which is added.
        """
        V, U = self._raw(x)
        U = U.view(-1, self.r)
        g = gradient / self.unit
        to_V = self.lambda_ * V - g[: V.numel()].view_as(V)  # -∇fᵀU
        to_U = self.lambda_ * U - g[V.numel() :].view_as(U)  # -∇f V
        norm = max(_largest_ratio(to_V, U), _largest_ratio(to_U, V))
        theta = min(1.0, self.lambda_ / max(norm, 1e-300))
        penalty = (
            0.5
            * self.lambda_
            * float(V.square().sum(dtype=torch.float64) + U.square().sum(dtype=torch.float64))
        )
        slope = 0.5 * float(torch.dot(gradient, x))
        first = abs(slope) if theta == 1.0 else abs(slope + (1.0 - theta) * (penalty - slope))
        if not 0.0 < value < math.inf:
            return value
        return (first + 0.5 * (1.0 - theta) ** 2 * math.expm1(min(max(value - penalty, 0.0), 50.0))) / value

    def prune(self, V: Tensor, U: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Without the directions whose singular value of U Vᵀ is below `threshold` times the largest."""
        V_b, U_b = balanced(V, U)
        sizes = V_b.norm(dim=0)
        keep = sizes > threshold**0.5 * sizes.max()
        return (V, U) if bool(keep.all()) else (V_b[:, keep], U_b[:, keep])


class SphereModel(_Scaled):
    """f(V, U) + (λ/2)‖U‖² with v_j = ρ w_j/‖w_j‖; the variables are w and U."""

    def __init__(
        self, risk: EmpiricalRisk, counts: Float[Tensor, " n_w"], lambda_: float, radius: float
    ) -> None:
        """As the plain model, with the radius ρ."""
        super().__init__(risk, counts, lambda_)
        self.radius: float = radius
        self.radial = torch.empty(0)

    def objective(self, x: Tensor) -> tuple[float, Tensor]:
        """Value and gradient at scaled variables x."""
        w, U = self._raw(x)
        inverse = self.radius / w.norm(dim=1, keepdim=True)
        V = w * inverse
        value, gV, gU = self.risk.value_and_gradient(V, U)
        self.radial = (gV * V).sum(1)
        gV.sub_(V * (self.radial.unsqueeze(1) / self.radius**2)).mul_(inverse)
        gU.add_(U, alpha=self.lambda_)
        value += 0.5 * self.lambda_ * float(U.square().sum(dtype=torch.float64))
        return value, torch.cat((gV.reshape(-1), gU.reshape(-1))).mul_(self.unit)

    def begin(self, V: Tensor, U: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Rotate to the principal directions of the words in the data, and scale there."""
        _, _, axes = torch.linalg.svd(V * self.counts.sqrt().unsqueeze(1), full_matrices=False)
        V, U = V @ axes.T, U @ axes.T
        curvature_V = self.counts.unsqueeze(1) * (self.radius**2 * max(float(U.square().mean()), 1e-12))
        curvature_V = curvature_V.clamp_min(1e-6 * float(curvature_V.max())).expand_as(V)
        curvature_U = self.lambda_ + (self.counts.unsqueeze(1) * V.square()).sum(0) / (self.L * self.K)
        return self._pack(V / self.radius, U, curvature_V, curvature_U), V, U

    def split(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """V and U in float64, the rows of V of norm ρ."""
        w, U = self._raw(x)
        w = w.double()
        return w * (self.radius / w.norm(dim=1, keepdim=True)), U.double().reshape(self.K * self.L, self.r)

    def value(self, V: Tensor, U: Tensor) -> float:
        """The objective at V and U."""
        data = self.risk.value_and_gradient(V, U.reshape(self.K, -1))[0]
        return data + 0.5 * self.lambda_ * float(U.square().sum())

    def expected_gap(self, x: Tensor, gradient: Tensor, value: float) -> float:
        """P - D* at ν_j = (V∇fᵀ∇f)_j·v_j/ρ² is ‖∂/∂U‖²/(2λ); making ν feasible costs the excess over 1 below."""
        w, U = self._raw(x)
        lengths = w.norm(dim=1, keepdim=True)
        V = w * (self.radius / lengths)
        g = gradient / self.unit
        cut = w.numel()
        tangential = g[:cut].view_as(w) * lengths / self.radius  # of ∂f/∂v_j
        gU = g[cut:].view(-1, self.r)
        squares = float(U.square().sum())
        # ν_j = -λ⟨∂f/∂v_j, v_j⟩/ρ² has the sum λ²‖U‖²/ρ² at a critical point; single ones are read off at
        # `objective`
        nu = (self.radial * (-self.lambda_ / self.radius**2)).clamp_min(1e-12 * squares)
        nu = nu.unsqueeze(1)
        turned = nu * V - self.lambda_ * tangential
        excess = (
            float(((turned.square() / nu).sum(0) / (nu * V.square()).sum(0).clamp_min(1e-30)).sqrt().max())
            - 1.0
        )
        first = float(gU.square().sum()) / (2.0 * self.lambda_)
        return (
            (first + 0.5 * self.lambda_ * squares * max(excess, 0.0)) / value
            if 0.0 < value < math.inf
            else value
        )

    def prune(self, V: Tensor, U: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Without the directions in which the words hardly reach, the words scaled back onto the sphere."""
        _, sizes, axes = torch.linalg.svd(V * self.counts.sqrt().unsqueeze(1), full_matrices=False)
        keep = sizes > threshold * sizes.max()
        if bool(keep.all()):
            return V, U
        V, U = V @ axes[keep].T, U @ axes[keep].T
        return on_sphere(V, self.radius), U


def make_model(problem: Problem, single: bool) -> Model:
    """The model of a problem, its data term in single or double precision."""
    risk = EmpiricalRisk(
        problem.words,
        problem.labels,
        problem.n_w,
        problem.K,
        weights=problem.omega,
        dtype=torch.float32 if single else torch.float64,
        device=problem.device,
    )
    counts = torch.from_numpy(problem.word_counts())
    if problem.radius is None:
        return PlainModel(risk, counts, problem.lambda_)
    return SphereModel(risk, counts, problem.lambda_, problem.radius)


def on_sphere(V: Tensor, radius: float) -> Tensor:
    """The rows scaled to norm ρ; rows of zeros (words that never occur) become the first axis."""
    norms = V.norm(dim=1, keepdim=True)
    first = torch.zeros_like(V)
    first[:, 0] = 1.0
    return radius * torch.where(norms > 0, V / norms.clamp_min(1e-300), first)


def _largest_ratio(images: Tensor, vectors: Tensor) -> float:
    """Largest over c of ‖images c‖/‖vectors c‖, for (·, r) matrices; directions of no length left out. O((m+n) r²)."""
    values, basis = torch.linalg.eigh((vectors.T @ vectors).double())
    kept = values > 1e-10 * values[-1]
    basis = (basis[:, kept] * values[kept].rsqrt()).to(images.dtype)
    return float(torch.linalg.matrix_norm(images @ basis, 2)) if bool(kept.any()) else 0.0


def balanced(V: Tensor, U: Tensor) -> tuple[Tensor, Tensor]:
    """Factors of the same U Vᵀ with equal norms along its singular vectors: the least ‖V‖² + ‖U‖². O((n_w+KL) r²)."""
    qv, rv = torch.linalg.qr(V.double())
    qu, ru = torch.linalg.qr(U.double())
    a, s, b = torch.linalg.svd(rv @ ru.T)
    root = s.sqrt()
    return (qv @ a) * root, (qu @ b.T) * root
