"""The path of global minimisers as λ falls: rank, risk and singular values as functions of λ.

Each solution starts the next. The plain network begins at λ_max = ‖∇f(0)‖_op, above which the minimiser is
zero; as λ falls the n_c - 1 directions of the concepts appear first, and those of single words and sentences
later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from feature_collapse.arrays import as_array
from feature_collapse.errors import InputError, check_int, check_lambda, check_type
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.range import SMALLEST_LAMBDA
from feature_collapse.solver.rank import needed_rank
from feature_collapse.solver.solution import Solution
from feature_collapse.solver.solve import solve
from feature_collapse.solver.spectral import lambda_max

SHOWN = 10  # singular values that are kept


@dataclass(frozen=True, eq=False)
class LambdaPath:
    """Solutions along a grid of λ, falling.

    Attributes:
        lambdas: (n,).
        risk: (n,) risk with its penalty.
        lower_bound: (n,) proved.
        data_term: (n,) mean cross-entropy.
        rank: (n,) directions that the gap can tell from zero (`needed_rank`).
        singular_values: (n, SHOWN) of the words' representations, zeros where there are fewer.
        status: (n,) of each solution.
    """

    lambdas: Float[np.ndarray, " n"]
    risk: Float[np.ndarray, " n"]
    lower_bound: Float[np.ndarray, " n"]
    data_term: Float[np.ndarray, " n"]
    rank: Int[np.ndarray, " n"]
    singular_values: Float[np.ndarray, "n m"]
    status: tuple[str, ...]

    @property
    def relative_gap(self) -> Float[np.ndarray, " n"]:
        """(n,) proved relative gap of each solution (0 for a risk of 0)."""
        gap = self.risk - self.lower_bound
        return np.asarray(np.divide(gap, self.risk, out=np.zeros_like(gap), where=self.risk > 0))

    def to_dict(self) -> dict[str, Any]:
        """Return every column, for JSON."""
        return {
            "lambda": self.lambdas.tolist(),
            "risk": self.risk.tolist(),
            "lower_bound": self.lower_bound.tolist(),
            "relative_gap": self.relative_gap.tolist(),
            "train_ce": self.data_term.tolist(),
            "rank": self.rank.tolist(),
            "singular_values": self.singular_values.tolist(),
            "status": list(self.status),
        }

    def __str__(self) -> str:
        """Return one line for each λ."""
        columns = zip(self.lambdas, self.risk, self.relative_gap, self.rank, self.status, strict=True)
        return "\n".join(
            f"λ = {lambda_:.4g}: risk {risk:.6g}, relative gap {gap:.1e}, rank {rank}, {status}"
            for lambda_, risk, gap, rank, status in columns
        )


def grid(problem: Problem, count: int, lowest: float) -> np.ndarray:
    """Return `count` values of λ, equally spaced in logarithm, from just above λ_max down to `lowest`.

    For a normalised network, which has no λ_max, from 100 times the lowest.

    Raises:
        InputError: count < 2, or `lowest` not between 1e-9 and the largest value.
    """
    check_int("count", count, 2)
    check_lambda(lowest, SMALLEST_LAMBDA)
    top = 1.02 * lambda_max(problem) if problem.radius is None else 100.0 * lowest
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
    options: SolverOptions | None = None,
    callback: Callable[[int, float], None] | None = None,
) -> LambdaPath:
    """Solve for each λ, from the largest to the smallest. Time: that of as many `solve`, with warm starts.

    >>> from feature_collapse.task import make_task
    >>> problem = Problem.of(make_task(n_w=12, L=3, K=8, seed=0), n_spl=3)
    >>> print(lambda_path(problem, grid(problem, 3, 0.02)))
    λ = 0.1906: risk 2.07944, relative gap ..., rank 0, zero
    λ = 0.06173: risk 1.421..., relative gap ..., rank 3, solved
    λ = 0.02: risk 0.7305..., relative gap ..., rank 5, solved

    Args:
        problem: its own λ is not used.
        lambdas: in any order.
        gap: relative, of each solution.
        options: of each solution.
        callback: called with the number and value of each λ before it is solved.

    Raises:
        InputError: a λ < 1e-9, or no λ at all.
    """
    check_type("problem", problem, Problem, "a Problem (Problem.of makes one)")
    falling = np.sort(as_array("lambdas", lambdas, 1))[::-1]
    check_lambda(falling[-1], SMALLEST_LAMBDA)
    solutions: list[Solution] = []
    ranks: list[int] = []
    start = None
    for row, lambda_ in enumerate(falling):
        if callback is not None:
            callback(row, float(lambda_))
        at = replace(problem, lambda_=float(lambda_))
        found = solve(at, gap=gap, options=options, start=start)
        solutions.append(found)
        ranks.append(needed_rank(at, found, gap))
        start = found.weights.compressed() if found.rank else None
    return _path(falling, solutions, ranks)


def _path(lambdas: np.ndarray, solutions: Sequence[Solution], ranks: Sequence[int]) -> LambdaPath:
    values = np.zeros((len(lambdas), SHOWN))
    for row, found in zip(values, solutions, strict=True):
        some = found.weights.spectrum(SHOWN).features
        row[: len(some)] = some
    return LambdaPath(
        lambdas,
        np.array([found.risk for found in solutions]),
        np.array([found.lower_bound for found in solutions]),
        np.array([found.bound.data_term for found in solutions]),
        np.array(ranks),
        values,
        tuple(found.status for found in solutions),
    )
