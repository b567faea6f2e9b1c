"""Zero weights, which minimise the plain network's risk for every λ ≥ λ_max = ‖∇f(0)‖_op (R2).

A normalised network has no such λ, but zero linear weights are its minimum where nothing in the data
tells the classes apart, ∇f(0) = 0: one class, or every sentence with every label.
"""

from __future__ import annotations

import numpy as np
import torch

from feature_collapse.risk.problem import Problem
from feature_collapse.solver.spectral import (
    gradient_at_zero,
    image_at_zero,
    lambda_max,
    leading,
    stretch_at_zero,
)

_SLACK = 1e-5  # relative, of an estimate of λ_max


def may_be_zero(problem: Problem, part: Problem, seed: int) -> bool:
    """Return whether zero weights may be the minimum; a part of the data rules most out. O(N L)."""
    if problem.radius is not None:
        return nothing_to_tell(problem)
    if part is not problem:
        v = leading(gradient_at_zero(part), 1, seed).right[:, 0]
        if stretch_at_zero(problem, v) * (1.0 - _SLACK) > problem.lambda_:
            return False
    return lambda_max(problem) * (1.0 - _SLACK) <= problem.lambda_


def nothing_to_tell(problem: Problem) -> bool:
    """Return whether ∇f(0) is zero up to rounding. O(N L)."""
    probe = np.random.default_rng(0).standard_normal((problem.n_w, 2))
    return float(image_at_zero(problem, probe).abs().max()) <= 1e-14 * float(np.abs(probe).max())


def zero_weights(problem: Problem) -> tuple[torch.Tensor, torch.Tensor]:
    """Return V (n_w, 1), zeros or all at one point of the sphere, and U (K L, 1) of zeros."""
    size = {"dtype": torch.float64, "device": problem.device}
    V = torch.full((problem.n_w, 1), problem.radius or 0.0, **size)  # type: ignore[call-overload]
    return V, torch.zeros(problem.K * problem.L, 1, **size)  # type: ignore[call-overload]
