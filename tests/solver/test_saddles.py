"""Claims H and I: a spurious critical point is recognised and left; a global one is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.model.normalisers import UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.solver.escape import directions
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.task.task import make_task
from setting import bound_at, problem_of, random_data

N_W, L, K, LAMBDA = 12, 4, 6, 0.01


def zeros(r: int) -> tuple[np.ndarray, np.ndarray]:
    return np.zeros((N_W, r)), np.zeros((K, L, r))


def test_zero_weights_are_left() -> None:
    words, labels = random_data(0)
    problem = problem_of(words, labels, N_W, K, LAMBDA)
    W, U = zeros(1)
    stuck = bound_at(W, U, words, labels, LAMBDA)
    assert stuck.operator_norm > LAMBDA  # so it is a saddle, by claim I
    found = solve(problem, gap=1e-6, start=Weights(W, U))
    assert found.status == "solved"
    assert found.risk < stuck.risk - 0.1


def test_a_critical_point_of_too_low_rank_is_left() -> None:
    words, labels = random_data(1)
    free = solve(problem_of(words, labels, N_W, K, LAMBDA), gap=1e-7)
    assert free.rank > 1
    low = solve(problem_of(words, labels, N_W, K, LAMBDA, d=1), gap=1e-7)
    assert low.status == "stalled"
    assert "limit 1" in low.message
    assert low.risk > free.risk * 1.01
    again = solve(problem_of(words, labels, N_W, K, LAMBDA), gap=1e-7, start=low.weights)
    assert again.risk == pytest.approx(free.risk, rel=1e-6)


def test_no_direction_leads_out_of_the_global_minimum() -> None:
    words, labels = random_data(2)
    problem = problem_of(words, labels, N_W, K, LAMBDA)
    found = solve(problem, gap=1e-9)
    V = torch.tensor(found.W)
    point = dual_point(V, torch.tensor(found.U).flatten(1), problem)
    assert directions(point, V, LAMBDA, None, 1e-6, 8).shape[1] == 0
    assert directions(point, V[:, :1], LAMBDA / 10, None, 1e-6, 8).shape[1] > 0


def test_a_flat_sphere_start_gains_dimensions() -> None:
    words, labels = random_data(3)
    problem = problem_of(words, labels, N_W, K, LAMBDA, UnitSphere(), d=10)
    signs = np.random.default_rng(3).choice([-1.0, 1.0], size=(N_W, 1))  # on a line nothing can turn
    found = solve(problem, gap=1e-5, start=Weights(signs, np.zeros((K, L, 1))))
    assert found.status == "solved"
    assert found.rank > 1


def test_signs_alone_are_worse() -> None:
    words, labels = random_data(3)
    line = solve(problem_of(words, labels, N_W, K, LAMBDA, UnitSphere(), d=1), gap=1e-5)
    free = solve(problem_of(words, labels, N_W, K, LAMBDA, UnitSphere(), d=10), gap=1e-5)
    assert line.status == "stalled"
    assert line.risk > free.risk * 1.01


def test_a_direction_that_must_stay_small_is_kept() -> None:
    task = make_task(n_w=300, K=100, L=10, word_law="zipf", seed=1)
    data = task.train_set(100)
    found = solve(
        problem_of(data.words, data.labels, 300, 100, 3e-4, d=50),
        gap=1e-5,
        options=SolverOptions(seed=1, time_limit=60.0),
    )
    sizes = np.linalg.svd(found.W, compute_uv=False)
    assert (found.status, found.rank) == ("solved", 3)
    assert (
        sizes[2] < 0.01 * sizes[0]
    )  # of U Wᵀ it is less than 1e-4 times the first, and yet 0.3 % of the gap
