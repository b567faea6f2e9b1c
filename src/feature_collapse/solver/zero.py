"""Zero weights, which minimise the plain network's risk for every λ ≥ λ_max = ‖∇f(0)‖_op (R2)."""

from __future__ import annotations

import torch

from feature_collapse.risk.problem import Problem
from feature_collapse.solver.spectral import gradient_at_zero, lambda_max, leading, stretch_at_zero

_SLACK = 1e-5  # relative, of an estimate of λ_max


def may_be_zero(problem: Problem, part: Problem, seed: int) -> bool:
    """Return whether λ is about λ_max or above it; a part of the data tells most others apart at once. O(N L)."""
    if problem.radius is not None:
        return False
    if part is not problem:
        v = leading(gradient_at_zero(part), 1, seed).right[:, 0]
        if stretch_at_zero(problem, v) * (1.0 - _SLACK) > problem.lambda_:
            return False
    return lambda_max(problem) * (1.0 - _SLACK) <= problem.lambda_


def zero_weights(problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    """Return V (n_w, 1) and U (K L, 1) of zeros."""
    zeros = torch.zeros(problem.n_w + problem.K * problem.L, 1, dtype=torch.float64, device=problem.device)
    return zeros[: problem.n_w], zeros[problem.n_w :]
