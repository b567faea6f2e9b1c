"""The mean field's weights as a start: near the minimum for many sentences, and no part of what is proved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from feature_collapse.certificates.certify import certificate
from feature_collapse.errors import InputError
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import FROM_THEORY, SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.task import Task, make_task
from feature_collapse.theory.mean_field import MeanField
from feature_collapse.theory.start import mean_field_start

LAMBDA = 1e-3
TASK = make_task(n_w=30, L=6, K=100, word_law="zipf", seed=0)
MANY = Problem.of(TASK, n_spl=400, lambda_=LAMBDA)


@pytest.fixture(scope="module")
def start():
    return mean_field_start(TASK, LAMBDA)


def test_its_penalty_and_shape_are_the_mean_fields(start) -> None:
    found = MeanField(3, 6, 100, TASK.mu, LAMBDA).solve()
    assert start.penalty(LAMBDA) == pytest.approx(found.penalty, rel=1e-12)
    assert np.linalg.norm(start.W, axis=1) == pytest.approx(np.tile(found.r, 3), rel=1e-12)


def test_on_many_sentences_it_is_near_the_minimum_and_on_few_it_is_not(start) -> None:
    def above(problem: Problem) -> float:
        least = solve(problem, gap=1e-3).lower_bound
        return certificate(start, problem).risk / least - 1.0

    assert above(MANY) < 0.2
    assert above(Problem.of(TASK, n_spl=2, lambda_=LAMBDA)) > 0.5


def test_the_solver_goes_from_it_through_one_part_to_the_same_risk(start) -> None:
    found = solve(MANY, start=start, options=SolverOptions(schedule=FROM_THEORY))
    assert found.status == "solved"
    assert found.risk == pytest.approx(solve(MANY).risk, rel=2e-3)
    assert len(FROM_THEORY.parts_of(MANY)) == 1
    assert FROM_THEORY.parts_of(MANY.first_of_each_class(199)) == ()


def test_the_tilt_of_the_part_saves_passes_over_all_data(start) -> None:
    def passes(tilted: bool) -> int:
        schedule = replace(FROM_THEORY, tilted=tilted)
        found = solve(MANY, start=start, options=SolverOptions(schedule=schedule))
        assert found.status == "solved"
        phases, bounds = found.history[:, 5], found.history[:, 3]
        return int(((phases == 0) & np.isnan(bounds)).sum()) + tilted  # and the one that the tilt takes

    assert passes(tilted=True) < passes(tilted=False)


def test_a_bad_start_ends_at_a_proved_gap_all_the_same(start) -> None:
    turned = mean_field_start(make_task(n_w=30, L=6, K=100, word_law="zipf", seed=7), LAMBDA)
    found = solve(MANY, start=turned, options=SolverOptions(schedule=FROM_THEORY))
    assert found.status == "solved"
    assert found.relative_gap <= 1e-3


def test_there_is_none_where_the_mean_field_has_none() -> None:
    assert mean_field_start(TASK, 10.0) is None  # zero weights
    crowded = Task(TASK.vocabulary, TASK.mu, np.zeros((4, 1), dtype=np.int64), 0)
    assert mean_field_start(crowded, LAMBDA) is None  # K > n_c^L
    with pytest.raises(InputError, match="lambda"):
        mean_field_start(TASK, 0.0)
