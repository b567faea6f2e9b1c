"""A state from a checkpoint is judged like any start: nothing in the file is believed."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from feature_collapse.arrays import LARGEST
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.models import make_model
from feature_collapse.solver.options import Schedule
from feature_collapse.solver.state import Descent, State

_AGREE = 1e-3  # relative, of the risk in the file and that at its weights: single precision, other shifts


def fault_of(state: State, problem: Problem, schedule: Schedule) -> str | None:
    """Return why a run does not go on from a state, or None. One evaluation.

    Its sizes are the problem's, its numbers finite and in range, and its risk is not above that of zero
    weights.
    """
    rows, parts, rank = problem.K * problem.L, schedule.parts_of(problem), state.rank
    counts = (state.parts_done, state.round, state.iteration, state.patience.waited)
    if not (
        _is(state.V, problem.n_w, rank) and _is(state.U, rows, rank) and 0 < rank <= problem.largest_rank
    ):
        return "its weights have other sizes, or are not finite"
    if not (min(counts) >= 0 and state.parts_done <= len(parts) and state.phase in (0, state.parts_done + 1)):
        return "its counters are out of range"
    if state.phase > len(parts) or not (math.isfinite(state.target) and state.target > 0):
        return "its counters are out of range"
    if math.isnan(state.expected) or math.isnan(state.last_risk):
        return "its numbers are not finite"
    if problem.radius is not None and not _on_sphere(state.V, problem.radius):
        return "its words are not on the sphere"
    data = problem.first_of_each_class(parts[state.phase - 1].sentences) if state.phase else problem
    if state.shift is not None and not (state.shift.shape == (len(data.labels),) and _finite(state.shift)):
        return "its shift has another size, or is not finite"
    if state.descent is not None and not _fits(state.descent, state):
        return "its descent has other sizes, or is not finite"
    risk = make_model(data, single=False).value(state.V, state.U)
    if not risk <= math.log(problem.K) * (1.0 + 1e-6) + 1e-12:
        return f"its risk is {risk:.6g}, above that of zero weights"
    at = state.descent.at if state.descent is not None else None
    if at is not None and not abs(at.value - risk) <= _AGREE * risk + 1e-6:
        return f"it says risk {at.value:.6g}, but its weights have {risk:.6g}"
    return None


def _fits(descent: Descent, state: State) -> bool:
    curvature, n = descent.curvature, state.V.numel() + state.U.numel()
    ring = len(curvature.S)
    tensors = [descent.units.unit, curvature.S, curvature.Y, curvature.inverse]
    if descent.at is not None:
        tensors += [descent.at.x, descent.at.gradient]
        if descent.at.evaluation.radial is not None:
            tensors.append(descent.at.evaluation.radial)
    return (
        all(_finite(tensor) for tensor in tensors)
        and (descent.units.n_w, descent.units.r) == (len(state.V), state.rank)
        and descent.units.unit.shape == (n,)
        and bool((descent.units.unit > 0).all())
        and curvature.S.shape == curvature.Y.shape == (ring, n)
        and curvature.inverse.shape == (ring,)
        and ring > 1
        and 0 <= curvature.first <= curvature.stored
        and descent.count >= 0
        and (descent.at is None or descent.at.x.shape == descent.at.gradient.shape == (n,))
    )


def _is(tensor: Tensor, *shape: int) -> bool:
    return tensor.shape == shape and tensor.dtype == torch.float64 and _finite(tensor)


def _finite(tensor: Tensor) -> bool:
    return tensor.is_floating_point() and bool((tensor.abs() <= LARGEST).all())


def _on_sphere(V: Tensor, radius: float) -> bool:
    return bool((V.norm(dim=1) / radius - 1.0).abs().max() < 1e-5)
