"""The rank that a proved gap can tell: directions without which the weights would miss the gap."""

from __future__ import annotations

from feature_collapse.risk.problem import Problem
from feature_collapse.solver.factors import on_sphere
from feature_collapse.solver.models import make_model
from feature_collapse.solver.solution import Solution
from feature_collapse.solver.start import given_start


def needed_rank(problem: Problem, solution: Solution, gap: float) -> int:
    """Return the least r for which the r leading directions alone are within the gap of the lower bound.

    Directions beyond it cannot be told from zero at this gap, though the solver uses them. Where the
    solution itself misses the gap, all of its directions count. At most `rank` evaluations.
    """
    if solution.rank == 0 or solution.relative_gap > gap:
        return solution.rank
    model = make_model(problem, single=False)
    V, U, _ = model.units(*given_start(problem, solution.weights))
    for r in range(min(solution.rank, V.shape[1]) - 1, 0, -1):
        words = V[:, :r] if problem.radius is None else on_sphere(V[:, :r], problem.radius)
        risk = model.value(words, U[:, :r])
        if risk - solution.lower_bound > gap * risk:
            return r + 1
    return 1
