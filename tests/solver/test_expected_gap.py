"""The gap that the solver expects is the certificate's, but for directions not in use."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from feature_collapse.risk.problem import Problem
from feature_collapse.solver.lbfgs import Curvature, Iterate
from feature_collapse.solver.models import make_model
from feature_collapse.solver.solve import solve
from feature_collapse.solver.spectral import gradient_at_zero, lambda_max, leading, stretch_at_zero
from setting import bound_at, problem_of, random_data

LAMBDA = 0.01


def both(p: Problem, W: np.ndarray, U: np.ndarray) -> tuple[float, float]:
    """The expected gap and the proved one at some weights."""
    model = make_model(p, single=False)
    V, U_flat, units = model.units(torch.from_numpy(W), torch.from_numpy(U).flatten(0, 1))
    x = model.variables(units, V, U_flat)
    at = Iterate(x, model.evaluate(units, x), Curvature.empty(x))
    proved = bound_at(V, U_flat.view(U.shape), p.words, p.labels, p.lambda_)
    return model.expected_gap(units, at), proved.relative_gap


@pytest.mark.parametrize("factor", [0.99, 1.0, 1.01])
@pytest.mark.parametrize("seed", range(4))
def test_expected_gap_is_the_proved_one_where_all_directions_are_in_use(seed: int, factor: float) -> None:
    words, labels = random_data(seed)
    p = problem_of(words, labels, 12, 6, LAMBDA)
    found, rng = solve(p, gap=1e-6), np.random.default_rng(seed)
    pad = 12 - found.rank  # a little of every direction
    noise = 1e-3 * np.abs(found.W).max()
    W = factor * np.pad(found.W, ((0, 0), (0, pad))) + noise * rng.standard_normal((12, 12))
    U = factor * np.pad(found.U, ((0, 0), (0, 0), (0, pad))) + noise * rng.standard_normal((6, 4, 12))
    expected, proved = both(p, W, U)
    assert proved > 1e-4
    assert expected == pytest.approx(proved, rel=0.15)  # it is of first order in 1 - θ


def test_expected_gap_does_not_see_a_direction_that_is_missing() -> None:
    words, labels = random_data(1)
    p = problem_of(words, labels, 12, 6, LAMBDA, d=1)
    found = solve(p, gap=1e-3)
    assert found.status == "stalled"
    expected, proved = both(p, found.W, found.U)
    assert expected < 1e-3 < 0.1 < proved


def test_any_vector_shows_that_lambda_max_is_at_least_its_stretch() -> None:
    words, labels = random_data(2)
    for weights in (None, np.random.default_rng(0).dirichlet(np.ones(len(labels)))):
        p = problem_of(words, labels, 12, 6, LAMBDA, omega=weights)
        top = lambda_max(p)
        for v in np.random.default_rng(1).standard_normal((20, 12)):
            assert 0.0 < stretch_at_zero(p, v) < top
        best = leading(gradient_at_zero(p), 3, rounds=200).right[:, 0]
        assert stretch_at_zero(p, best) == pytest.approx(top, rel=1e-6)
