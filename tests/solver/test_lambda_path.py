"""The path of minimisers as λ falls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.normalisers import LayerNorm
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.lambda_path import grid, lambda_path
from feature_collapse.solver.lift import lift
from feature_collapse.solver.rank import needed_rank
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


def test_wrong_input_is_named(problem) -> None:
    with pytest.raises(InputError, match="lambda = 10"):
        grid(problem, 3, 10.0)
    with pytest.raises(InputError, match="lambda = 0, but must be a number ≥ 1e-09"):
        lambda_path(problem, [0.0, 1.0])


def test_too_small_a_lambda_is_refused_before_the_larger_ones_are_solved(problem) -> None:
    with pytest.raises(InputError, match="lambda = 1e-12, but must be a number ≥ 1e-09"):
        lambda_path(problem, [1e-2, 1e-12], callback=lambda row, lambda_: pytest.fail("work was started"))


def test_each_point_has_a_status_and_a_path_that_misses_the_gap_says_so(problem) -> None:
    low = replace(problem, d=1)
    path = lambda_path(low, grid(low, 4, 1e-3), gap=1e-3)
    assert path.status[0] == "zero"
    assert "stalled" in path.status
    missed = np.array([word == "stalled" for word in path.status])
    np.testing.assert_array_equal(path.relative_gap > 1e-3, missed)
    assert path.to_dict()["status"] == list(path.status)
    assert "stalled" in str(path)


@pytest.mark.parametrize("name", ["none", "layernorm"])
def test_the_rank_of_a_path_counts_directions_that_the_gap_can_tell_from_zero(problem, name) -> None:
    chosen = problem if name == "none" else replace(problem, normaliser=LayerNorm(), d=20)
    found = solve(chosen, gap=1e-3)
    rank = needed_rank(chosen, found, 1e-3)
    assert 1 <= rank <= found.rank
    finer = solve(chosen, gap=1e-6)
    assert rank <= needed_rank(chosen, finer, 1e-6) <= finer.rank
    assert needed_rank(chosen, finer, 1e-3) <= rank  # a better solution needs no more
    bad = replace(found, bound=replace(found.bound, lower_bound=0.5 * found.risk))
    assert needed_rank(chosen, bad, 1e-3) == found.rank


def test_the_command_prints_the_status_of_each_lambda(command_line, tmp_path) -> None:
    code, out, _ = command_line(
        "path", *"--n-c 4 --n-w 16 --L 3 --K 10 --n-spl 5 --d 1 --lambda 1e-4 --count 4".split(),
        "--out", tmp_path / "path",
    )  # fmt: skip
    assert code == 0
    assert "of 4 values of λ" in out
    assert "stalled" in out
    header, *lines = (tmp_path / "path" / "path.csv").read_text().splitlines()
    assert header.endswith(",relative_gap,status")
    assert {line.rsplit(",", 1)[1] for line in lines} >= {"zero", "stalled"}
