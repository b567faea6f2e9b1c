"""R2 with a decay of the words: G Diag(a)^{-1/2} gives a bound, and G alone does not."""

from __future__ import annotations

import numpy as np
import pytest

from feature_collapse.certificates.certify import certificate
from feature_collapse.errors import InputError
from feature_collapse.model.normalisers import LayerNorm
from feature_collapse.model.weights import Weights
from feature_collapse.solver.solve import solve
from setting import entropy, problem_of, random_data, random_weights, slow_gradient

N_W, K, LAMBDA = 12, 6, 0.01


def weighted(seed: int, lambda_: float = LAMBDA):
    decay = np.random.default_rng([seed, 2]).lognormal(0.0, 1.0, N_W)
    return problem_of(*random_data(seed), N_W, K, lambda_, decay=decay)


def slow_bound(problem, W: np.ndarray, U: np.ndarray, scale: np.ndarray) -> tuple[float, float]:
    """R2 by dense singular values of G Diag(scale), and that norm."""
    P, G, _ = slow_gradient(W, U, problem.words, problem.labels)
    norm = float(np.linalg.norm(G * scale, 2))
    theta = min(1.0, problem.lambda_ / norm)
    return entropy((1 - theta) * np.eye(K)[problem.labels] + theta * P), norm


@pytest.mark.parametrize("seed", range(5))
def test_weighted_bound_is_at_least_that_of_dense_singular_values(seed: int) -> None:
    problem = weighted(seed)
    W, U = random_weights(seed, scale=0.3)
    bound = certificate(Weights(W, U), problem)
    slow, norm = slow_bound(problem, W, U, problem.decay**-0.5)
    assert bound.lower_bound >= slow - 1e-9
    assert norm <= bound.operator_norm <= norm * (1 + 1e-7)
    penalty = LAMBDA / 2 * (problem.decay @ (W**2).sum(1) + (U**2).sum())
    assert bound.risk == pytest.approx(bound.data_term + penalty, rel=1e-13)


@pytest.mark.parametrize("seed", range(5))
def test_weighted_bound_is_below_the_risk_that_is_reached_and_the_unweighted_one_is_not(seed: int) -> None:
    problem = weighted(seed, 0.003)
    found = solve(problem, gap=1e-6)
    assert found.status == "solved"
    assert found.lower_bound <= found.risk
    slow, _ = slow_bound(problem, found.W, found.U, problem.decay**-0.5)
    assert slow <= found.risk * (1 + 1e-12)
    # the control: where words decay less, G alone gives the minimum of the plain problem, which is no bound
    less = problem_of(problem.words, problem.labels, N_W, K, 0.003, decay=np.full(N_W, 0.05))
    plain = solve(problem_of(problem.words, problem.labels, N_W, K, 0.003), gap=1e-6)
    without, _ = slow_bound(less, plain.W, plain.U, np.ones(N_W))
    assert without > solve(less, gap=1e-6).risk * 1.01
    assert certificate(plain.weights, less).lower_bound <= solve(less, gap=1e-6).risk


def test_a_decay_under_a_normaliser_is_refused() -> None:
    with pytest.raises(InputError, match="no meaning under the normaliser"):
        problem_of(*random_data(0), N_W, K, LAMBDA, LayerNorm(), decay=np.ones(N_W))
