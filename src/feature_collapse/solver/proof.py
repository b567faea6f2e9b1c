"""The certificate at a state of the solver."""

from __future__ import annotations

from dataclasses import dataclass

from feature_collapse.certificates.bound import Bound, bound_from
from feature_collapse.certificates.dual_point import DualPoint, dual_point
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.state import State
from feature_collapse.solver.trace import Trace


@dataclass(frozen=True, eq=False)
class Proof:
    """A bound, and the dual point that it comes from."""

    point: DualPoint
    bound: Bound


def prove(problem: Problem, state: State, gap: float, options: SolverOptions, trace: Trace) -> Proof:
    """Return the bound at a state's weights; the search for a better ν ends where it proves the gap.

    N K L additions, K L n_w² flops, O(n_w³).
    """
    trace.certifies(state)
    V, U = state.V, state.U
    point = dual_point(
        V,
        U.reshape(problem.K, -1),
        problem.words,
        problem.labels,
        weights=problem.omega,
        memory_limit=options.memory_limit,
    )
    squares = float(U.square().sum()) + (float(V.square().sum()) if problem.radius is None else 0.0)
    risk = point.data_term + 0.5 * problem.lambda_ * squares
    bound = bound_from(point, risk, problem.lambda_, problem.radius, V, 0.1 * gap, gap)
    trace.certified(state, bound)
    return Proof(point, bound)
