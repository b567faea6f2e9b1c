"""A status says what the numbers beside it prove, for every λ that the solver takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_collapse.errors import InputError
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser
from feature_collapse.risk.precise import PreciseRisk
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.range import SMALLEST_LAMBDA
from feature_collapse.solver.solve import solve
from feature_collapse.solver.spectral import lambda_max
from setting import problem_of, random_data, random_weights, slow_gradient

N_W, K, LAMBDA = 12, 6, 0.01


@pytest.mark.parametrize("lambda_", [1e-25, 1e-15, 1e-10])
def test_too_small_a_lambda_is_refused_and_the_least_is_said(lambda_: float) -> None:
    with pytest.raises(InputError, match=r"lambda = 1e-\d+, but must be a number ≥ 1e-09"):
        solve(problem_of(*random_data(0), N_W, K, lambda_))


@pytest.mark.parametrize("normaliser", [NoNormaliser(), LayerNorm()], ids=lambda n: n.name)
@pytest.mark.parametrize("lambda_", [SMALLEST_LAMBDA, 1e-7, 1e-5])
def test_solved_has_the_gap_that_it_says(lambda_: float, normaliser) -> None:
    words, labels = random_data(1, N=6)
    found = solve(problem_of(words, labels, N_W, K, lambda_, normaliser, 9), gap=1e-3)
    assert found.status == "solved"
    assert found.relative_gap <= 1e-3
    assert found.risk < 100 * lambda_ * (
        1 if normaliser.name == "none" else 100
    )  # the data can be told apart


@pytest.mark.parametrize("factor", [1 - 1e-3, 1 - 3e-7, 1.0, 1 + 1e-6, 2.0])
def test_zero_says_what_is_proved(factor: float) -> None:
    problem = problem_of(*random_data(2), N_W, K, LAMBDA)
    top = lambda_max(problem)
    found = solve(replace(problem, lambda_=factor * top), gap=1e-6)
    assert found.relative_gap <= 1e-6
    if found.status == "zero":
        assert "which is proved" in found.message
        assert ("at or above" in found.message) == (factor * top >= found.bound.operator_norm)


@pytest.mark.parametrize("normaliser", [NoNormaliser(), LayerNorm()], ids=lambda n: n.name)
def test_where_nothing_tells_the_classes_apart_zero_is_proved(normaliser) -> None:
    words = np.repeat(random_data(3)[0][:5], K, axis=0)
    found = solve(problem_of(words, np.tile(np.arange(K), 5), N_W, K, LAMBDA, normaliser, 9))
    assert found.status == "zero"
    assert found.relative_gap <= 1e-3
    one = solve(problem_of(words, np.zeros(30, dtype=int), N_W, 1, LAMBDA, normaliser, 9))
    assert (one.status, one.risk, one.lower_bound) == ("zero", 0.0, 0.0)


def test_a_time_limit_and_a_rank_limit_are_named() -> None:
    late = solve(problem_of(*random_data(4), N_W, K, 1e-3), gap=1e-9, options=SolverOptions(time_limit=1e-9))
    assert late.status == "time_limit"
    low = solve(problem_of(*random_data(4), N_W, K, 1e-3, d=1), gap=1e-3)
    assert low.status == "stalled"
    assert "the rank is at its limit 1" in low.message
    assert low.relative_gap > 1e-3


def test_a_solution_says_itself() -> None:
    found = solve(problem_of(*random_data(5), N_W, K, LAMBDA))
    assert str(found) == f"{found.status}: {found.message}"
    assert found.to_dict()["risk"] == found.risk
    assert found.gap == found.risk - found.lower_bound


@pytest.mark.parametrize("scale", [0.5, 5.0, 60.0])
def test_the_precise_risk_is_the_mean_cross_entropy_and_its_gradient(scale: float) -> None:
    words, labels = random_data(6)
    W, U = random_weights(6, scale=scale)
    risk = PreciseRisk(problem_of(words, labels, N_W, K, 1.0), dtype=torch.float64)
    value, gV, gU = risk.value_and_gradient(torch.from_numpy(W), torch.from_numpy(U).flatten(1))
    _, G, ce = slow_gradient(W, U, words, labels)
    G = G.reshape(K, 4, N_W)
    assert value == pytest.approx(ce, rel=1e-10)
    np.testing.assert_allclose(gV, np.einsum("klw,kld->wd", G, U), atol=1e-10 * scale)
    np.testing.assert_allclose(gU.view(K, 4, 5), np.einsum("klw,wd->kld", G, W), atol=1e-10 * scale)
    Q = np.random.default_rng(0).standard_normal((N_W, 2))
    found = risk.apply_gradient(torch.from_numpy(W), torch.from_numpy(U).flatten(1), torch.from_numpy(Q))
    np.testing.assert_allclose(found.view(K, 4, 2), np.einsum("klw,wb->klb", G, Q), atol=1e-10)
