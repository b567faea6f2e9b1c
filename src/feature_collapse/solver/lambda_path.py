"""The path of global minimisers as λ falls: rank, risk and singular values as functions of λ.

Each solution starts the next. The plain network begins at λ_max = ‖∇f(0)‖_op, above which the minimiser is
zero; as λ falls the n_c - 1 directions of the concepts appear first, and those of single words and sentences
later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from feature_collapse.errors import InputError, check_int, check_real
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.solution import Progress, compressed
from feature_collapse.solver.solve import solve
from feature_collapse.solver.spectral import lambda_max

SHOWN = 10  # singular values that are kept


@dataclass(frozen=True)
class LambdaPath:
    """Solutions along a grid of λ, falling.

    Attributes:
        lambdas: (n,).
        risk: (n,) risk with its penalty.
        lower_bound: (n,) proved.
        data_term: (n,) mean cross-entropy.
        rank: (n,) directions in use.
        singular_values: (n, SHOWN) of the words' representations, zeros where there are fewer.
    """

    lambdas: np.ndarray
    risk: np.ndarray
    lower_bound: np.ndarray
    data_term: np.ndarray
    rank: np.ndarray
    singular_values: np.ndarray


def grid(problem: Problem, count: int, lowest: float) -> np.ndarray:
    """`count` values of λ, equally spaced in logarithm, from just above λ_max down to `lowest`.

    For a normalised network, which has no λ_max, from 100 times the lowest.

    Raises:
        InputError: count < 2, or `lowest` not between 0 and the largest value.
    """
    check_int("count", count, 2)
    top = 1.02 * lambda_max(problem) if problem.radius is None else 100.0 * lowest
    check_real("lambda", lowest, 0.0, above=True)
    if lowest >= top:
        raise InputError(
            f"lambda = {lowest:g}, but the path begins at lambda_max = {top / 1.02:g}: give less"
        )
    return np.geomspace(top, lowest, count)


def lambda_path(
    problem: Problem,
    lambdas: Sequence[float] | np.ndarray,
    *,
    gap: float = 1e-3,
    memory_limit: float = 4e9,
    report: Callable[[Progress], None] | None = None,
    each: Callable[[int, float], None] | None = None,
) -> LambdaPath:
    """Solve for each λ, from the largest to the smallest. Time: that of as many `solve`, with warm starts.

    `report` is told the progress of each solution, `each` the number and value of each λ before it is solved.

    Raises:
        InputError: a λ ≤ 0, or no λ at all.
    """
    falling = np.sort(np.asarray(lambdas, dtype=np.float64))[::-1]
    if falling.ndim != 1 or falling.size == 0 or not falling[-1] > 0:
        raise InputError("lambdas must be one or more numbers > 0")
    columns: list[tuple[float, ...]] = []
    values = np.zeros((len(falling), SHOWN))
    start = None
    for row, lambda_ in enumerate(falling):
        if each is not None:
            each(row, float(lambda_))
        found = solve(
            replace(problem, lambda_=float(lambda_)),
            gap=gap,
            start=start,
            memory_limit=memory_limit,
            report=report,
        )
        columns.append((found.risk, found.lower_bound, found.data_term, float(found.rank)))
        words = (
            problem.normaliser.forward(torch.from_numpy(found.W)).numpy()
            if problem.radius is not None
            else found.W
        )
        some = np.linalg.svd(words, compute_uv=False)[:SHOWN]
        values[row, : len(some)] = some
        start = compressed(found.W, found.U) if found.rank else None
    risk, lower, data_term, rank = np.array(columns).T
    return LambdaPath(falling, risk, lower, data_term, rank.astype(int), values)
