"""A state from a checkpoint is judged like any start: nothing in the file is believed."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from feature_collapse.arrays import LARGEST
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.lbfgs import Curvature, Evaluation, Iterate
from feature_collapse.solver.models import PRECISE_BELOW, make_model
from feature_collapse.solver.objective import Model, Units
from feature_collapse.solver.options import Schedule
from feature_collapse.solver.sphere_model import LARGEST_UNIT as LARGEST_SPHERE_UNIT
from feature_collapse.solver.state import Descent, State

_AGREE = 1e-3  # relative, of what the file says and what is computed: single precision, other shifts
_ROUNDING = 500.0 * torch.finfo(torch.float32).eps  # of log-sums of scores that are some tens
_UNITS = 1e4  # units made at the weights may be these many times another's: a round is short


def fault_of(state: State, problem: Problem, schedule: Schedule) -> str | None:
    """Return why a run does not go on from a state, or None. One evaluation.

    Its sizes are the problem's, its numbers finite and in range, its risk is not above that of zero weights;
    and a descent under way is at these weights, with their risk and gradient, in units that fit them.
    """
    if not state.V.dim() == state.U.dim() == 2:
        return "its weights have other sizes, or are not finite"
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
    descent, model = state.descent, make_model(data, single=False)
    if descent is not None:
        if not _fits(descent, state, problem):
            return "its descent has other sizes, or is not finite"
        if not (_fit_units(descent.units, state, model, problem) and _is_curvature(descent.curvature)):
            return "its descent is not one of these weights"
    if descent is None or descent.at is None:
        return _fault_of_risk(model.value(state.V, state.U), state, problem)
    return _fault_of_iterate(descent, descent.at, state, model, problem)


def _fault_of_risk(risk: float, state: State, problem: Problem) -> str | None:
    if not risk <= math.log(problem.K) * (1.0 + 1e-6) + 1e-12:
        return f"its risk is {risk:.6g}, above that of zero weights"
    if not state.phase and risk > state.last_risk * (1.0 + _AGREE) + _ROUNDING:
        return f"its risk is {risk:.6g}, above the {state.last_risk:.6g} of its last certificate"
    return None


def _fault_of_iterate(
    descent: Descent, at: Iterate[Tensor], state: State, model: Model, problem: Problem
) -> str | None:
    """Return what is wrong with an iterate whose sizes fit, or None. One evaluation."""
    units, x, tilt = descent.units.to(torch.float64), at.x.double(), descent.tilt
    if not all(map(_agree, model.weights(units, x), (state.V, state.U))):
        return "its variables and its weights do not agree"
    true = model.evaluate(units, x)
    if tilt is not None:
        true = replace(tilt, gradient=tilt.gradient.double())(x, true)
    fault = _fault_of_risk(true.value, state, problem)
    if fault is not None:
        return fault
    rounding = _ROUNDING if at.x.dtype == torch.float32 else 1e-12
    if not abs(at.value - true.value) <= _AGREE * true.value + rounding:
        return f"it says risk {at.value:.6g}, but its weights have {true.value:.6g}"
    agree = min(0.5, _AGREE + rounding / max(true.value, 1e-300))
    scale = float(true.gradient.norm()) + _parts(units, x, true, problem)
    if not float((at.gradient.double() - true.gradient).norm()) <= agree * scale:
        return "its gradient is not that of its weights"
    claimed, radial = at.evaluation.radial, true.radial
    if claimed is not None and radial is not None and not _agree(claimed, radial, rounding):
        return "its gradient is not that of its weights"
    return None


def _parts(units: Units, x: Tensor, true: Evaluation[Tensor], problem: Problem) -> float:
    """Return the length of what cancels in the gradient: of that size is its rounding at a minimum."""
    (w, U), cut = units.cut(x), units.n_w * units.r
    of_penalty = problem.lambda_ * units.gradient(w, U)
    if true.radial is None:
        return float(of_penalty.norm())
    removed = (true.radial / w.norm(dim=1)).unsqueeze(1) * units.unit[:cut].view_as(w)
    return float(of_penalty[cut:].norm() + removed.norm())


def _fit_units(units: Units, state: State, model: Model, problem: Problem) -> bool:
    """Return whether units are of the size of those that are made at the weights.

    None is above λ^{-1/2}; words on a sphere, which do not decay, have the largest that `SphereModel` makes.
    The axes of the classes have length one, or zero, and are shortened along, not stretched.
    """
    lengths = units.axes.double().norm(dim=1)
    if not bool((((lengths - 1.0).abs() < 1e-5) | (lengths == 0.0)).all() and (units.along <= 1.0).all()):
        return False
    cut, fresh = units.n_w * units.r, model.units(state.V, state.U)[2].unit
    largest = problem.lambda_**-0.5 * (1.0 + _AGREE)
    largest_of_V = largest
    if problem.radius is not None:
        most = float(problem.word_counts().max())
        largest_of_V = LARGEST_SPHERE_UNIT / (problem.radius * math.sqrt(most)) * (1.0 + _AGREE)
    return bool(
        (units.unit >= float(fresh.min()) / _UNITS).all()
        and (units.unit[:cut] <= largest_of_V).all()
        and (units.unit[cut:] <= largest).all()
    )


def _is_curvature(curvature: Curvature[Tensor]) -> bool:
    """Return whether each pair in use has a positive inner product, the inverse of which is kept. O(m n)."""
    eps = torch.finfo(curvature.S.dtype).eps
    for row in (number % len(curvature.S) for number in curvature.rows):
        S, Y, inverse = curvature.S[row].double(), curvature.Y[row].double(), float(curvature.inverse[row])
        if not inverse > 0.0 or math.isinf(1.0 / inverse):
            return False
        rounding = 100.0 * eps * float(S.norm() * Y.norm())
        if not abs(float(S @ Y) - 1.0 / inverse) <= _AGREE / inverse + rounding:
            return False
    return True


def _agree(claimed: Tensor, true: Tensor, rounding: float = 0.0) -> bool:
    far = (claimed.double() - true.double()).norm()
    return bool(far <= _AGREE * true.double().norm() + rounding)


def _fits(descent: Descent, state: State, problem: Problem) -> bool:
    """Return whether sizes and types are those of the problem's descent, and all numbers finite."""
    curvature, units, n = descent.curvature, descent.units, state.V.numel() + state.U.numel()
    if curvature.S.dim() != 2 or (units.n_w, units.K, units.r) != (len(state.V), problem.K, state.rank):
        return False
    ring, at, dtype = len(curvature.S), descent.at, curvature.S.dtype
    sizes = [(units.unit, (n,)), (curvature.S, (ring, n)), (curvature.Y, (ring, n))]
    sizes += [(units.axes, (problem.K, problem.L * state.rank)), (units.along, (problem.K,))]
    if at is not None:  # between two rounds the precision may change
        single = bool(state.phase or state.single) and problem.lambda_ >= PRECISE_BELOW
        dtype = torch.float32 if single else torch.float64
        radial = at.evaluation.radial
        if (radial is None) != (problem.radius is None):
            return False
        sizes += [(at.x, (n,)), (at.gradient, (n,))]
        sizes += [] if radial is None else [(radial, (len(state.V),))]
    if descent.tilt is not None:
        sizes += [(descent.tilt.gradient, (n,))]
        level, expected = descent.tilt.level, descent.tilt.expected
        if not (state.phase and math.isfinite(level) and 0.0 <= expected < math.inf):
            return False
    return (
        all(_is(tensor, *size, dtype=dtype) for tensor, size in sizes)
        and _is(curvature.inverse, ring)
        and bool((units.unit > 0).all() and (units.along > 0).all())
        and ring > 1
        and 0 <= curvature.first <= curvature.stored
        and descent.count >= 0
    )


def _is(tensor: Tensor, *shape: int, dtype: torch.dtype = torch.float64) -> bool:
    return tensor.shape == shape and tensor.dtype == dtype and _finite(tensor)


def _finite(tensor: Tensor) -> bool:
    known = tensor.dtype in (torch.float32, torch.float64)
    return known and bool((tensor.abs() <= LARGEST).all())


def _on_sphere(V: Tensor, radius: float) -> bool:
    return bool((V.norm(dim=1) / radius - 1.0).abs().max() < 1e-5)
