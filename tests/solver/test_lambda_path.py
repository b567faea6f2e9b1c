"""The path of minimisers as λ falls, and its figure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.figures.lambda_path import draw_lambda_path
from feature_collapse.model.normalisers import LayerNorm
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.factors import lift
from feature_collapse.solver.lambda_path import grid, lambda_path
from feature_collapse.solver.solve import solve
from feature_collapse.task.task import make_task


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem.of(make_task(n_w=24, K=20, L=5, seed=2), n_spl=4, lambda_=1e-3)


@pytest.fixture(scope="module")
def path(problem):
    return lambda_path(problem, grid(problem, 6, 2e-3), gap=1e-5)


def test_path_begins_at_zero_and_grows_in_rank(path) -> None:
    assert path.rank[0] == 0
    assert path.rank[-1] > 2
    assert path.risk[0] == pytest.approx(np.log(20))


def test_every_point_of_the_path_is_certified(path) -> None:
    assert np.all(path.risk - path.lower_bound <= 1e-5 * path.risk)


def test_risk_is_concave_and_rising_in_lambda(path) -> None:
    slopes = np.diff(path.risk[::-1]) / np.diff(path.lambdas[::-1])  # a minimum of functions linear in λ
    assert np.all(slopes >= -1e-9)
    assert np.all(np.diff(slopes) <= 1e-3 * slopes.max())


def test_warm_starts_find_what_cold_starts_find(problem, path) -> None:
    cold = solve(replace(problem, lambda_=float(path.lambdas[3])), gap=1e-5)
    assert path.risk[3] == pytest.approx(cold.risk, rel=1e-5)


def test_a_normalised_path_is_certified(problem) -> None:
    sphere = replace(problem, normaliser=LayerNorm(), d=20)
    path = lambda_path(sphere, grid(sphere, 3, 1e-3), gap=1e-3)
    assert np.all(path.risk - path.lower_bound <= 1e-3 * path.risk)
    assert np.all(path.rank >= 1)


def test_compressed_undoes_lift() -> None:
    rng = np.random.default_rng(0)
    W, U = lift(rng.standard_normal((6, 2)), rng.standard_normal((3, 4, 2)), 9, mean_zero=True)
    small = Weights(W, U).compressed()
    V, T = small.W, small.U
    assert V.shape == (6, 2)
    np.testing.assert_allclose(np.einsum("wd,kld->wkl", V, T), np.einsum("wd,kld->wkl", W, U), atol=1e-13)


def test_figure_seven_draws_the_path(path) -> None:
    figure = draw_lambda_path(path, n_c=3)
    assert len(figure.axes) == 3
    drawn = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_array_equal(drawn, path.rank[::-1])


def test_wrong_input_is_named(problem, path) -> None:
    with pytest.raises(InputError, match="lambda = 10"):
        grid(problem, 3, 10.0)
    with pytest.raises(InputError, match="lambdas must be"):
        lambda_path(problem, [0.0, 1.0])
    with pytest.raises(InputError, match="rank has shape"):
        draw_lambda_path(replace(path, rank=path.rank[:2]))
