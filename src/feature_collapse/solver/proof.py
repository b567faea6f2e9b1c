"""The certificate at a state of the solver."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from feature_collapse.certificates.bound import Bound, bound_from
from feature_collapse.certificates.dual_point import DualPoint
from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.certificates.sphere import Search
from feature_collapse.risk.problem import Problem
from feature_collapse.risk.shared import packed
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
    word_units = problem.word_units()
    words = V if word_units is None else V * torch.from_numpy(word_units).to(V).unsqueeze(1)
    point = _dual_point(words, U.reshape(problem.K, -1), problem, options)
    squares = float(U.square().sum()) + (float(V.square().sum()) if problem.radius is None else 0.0)
    penalty, search = 0.5 * problem.lambda_ * squares, Search(0.1 * gap, gap)
    bound = bound_from(point, penalty, problem.lambda_, problem.radius, V, search)
    trace.certified(state, bound)
    return Proof(point, bound)


def _dual_point(words: Tensor, U: Tensor, problem: Problem, options: SolverOptions) -> DualPoint:
    ranks, limit = options.ranks, options.memory_limit
    if ranks.size == 1:
        return dual_point(words, U, problem, memory_limit=limit)
    number = torch.tensor([limit], dtype=torch.float64)
    with ranks.asking("certify", words, U, number, *packed(problem)):
        return dual_point(words, U, problem, memory_limit=limit, ranks=ranks)
