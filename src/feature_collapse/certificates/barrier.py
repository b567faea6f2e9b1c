"""The least Σν with Diag(ν) ⪰ B, nearly: a logarithmic barrier and Newton's method (for R3)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

_STEPS = 60


@dataclass(frozen=True, eq=False)
class Goal:
    """What the barrier minimises and where it may stop.

    Attributes:
        weight: (n,) of ν in the sum.
        tolerance: relative.
        least: a lower bound on weight·ν, or 0.
        needed: weight·ν that suffices.
    """

    weight: Tensor
    tolerance: float
    least: float
    needed: float


def nearly_least(B: Tensor, goal: Goal) -> Tensor:
    """Return a near-minimiser of weight·ν subject to Diag(ν) ⪰ B, from ν = 1 at the edge of the feasible set.

    Newton's method on weight·ν/μ - log det(Diag(ν) - B), μ falling: at its minimum weight·ν is within n μ of
    the least. About three n³ operations a step.
    """
    weight, nu = goal.weight, torch.ones_like(goal.weight)
    n = len(nu)
    best = nu
    excess = min(max(1.0 - goal.least / float(weight @ nu), goal.tolerance), 1.0)
    nu = (1.0 + 0.2 * excess) * nu
    mu = 0.03 * excess * float(weight @ nu) / n
    for _ in range(_STEPS):
        S = -B
        S.diagonal().add_(nu)
        factor, info = torch.linalg.cholesky_ex(S)
        if int(info):
            break
        inverse = torch.cholesky_inverse(factor)
        gradient = weight / mu - inverse.diagonal()
        curvature, info = torch.linalg.cholesky_ex(inverse * inverse)
        if int(info):  # the precision is used up
            break
        step = -torch.cholesky_solve(gradient.unsqueeze(1), curvature).squeeze(1)
        decrement = math.sqrt(max(0.0, -float(gradient @ step)))
        nu = nu + _step_length(S, factor, step, float(weight @ step) / mu, decrement) * step
        if float(weight @ nu) < float(weight @ best):
            best = nu
            if float(weight @ nu) <= goal.needed:
                break
        if decrement < 1.0:
            if n * mu <= goal.tolerance * float(weight @ nu):
                break
            mu *= 0.1
    return best


def _step_length(S: Tensor, factor: Tensor, step: Tensor, slope: float, decrement: float) -> float:
    """Return a step that lowers slope·t - log det(S + t Diag(step)).

    1/(1 + decrement) does; it is doubled while that helps.

    `factor` is the Cholesky factor of S. O(n³/3) a trial.
    """
    t = 1.0 / (1.0 + decrement)
    best, chosen = -2.0 * float(factor.diagonal().log().sum()), 0.0
    while True:
        moved = S.clone()
        moved.diagonal().add_(step, alpha=t)
        tried, info = torch.linalg.cholesky_ex(moved)
        value = slope * t - 2.0 * float(tried.diagonal().log().sum()) if int(info) == 0 else math.inf
        if not value < best:
            return chosen if chosen > 0.0 else t
        best, chosen, t = value, t, 2.0 * t
