"""The mean field's weights as a start: near the minimum for many sentences, and no part of what is proved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from feature_collapse.certificates.certify import certificate
from feature_collapse.errors import InputError
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import FROM_THEORY, Part, SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.solver.trace import Trace
from feature_collapse.task import Task, make_task
from feature_collapse.theory.mean_field import MeanField
from feature_collapse.theory.start import mean_field_start

LAMBDA = 1e-3
TASK = make_task(n_w=30, L=6, K=100, word_law="zipf", seed=0)
MANY = Problem.of(TASK, n_spl=400, lambda_=LAMBDA)
NEAR = Problem.of(TASK, n_spl=400, lambda_=8e-3)  # where one part leads to a gap of 1.1e-3


@pytest.fixture(scope="module")
def start():
    return mean_field_start(TASK, LAMBDA)


@pytest.fixture(scope="module")
def near():
    return mean_field_start(TASK, NEAR.lambda_)


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


def rows_on_all(found) -> list[bool]:
    """Return for the history's rows on all data whether they are certificates."""
    return np.isfinite(found.history[found.history[:, 5] == 0, 3]).tolist()


def test_a_part_that_promises_the_gap_is_certified_before_any_pass_over_all_data(near) -> None:
    options = SolverOptions(schedule=FROM_THEORY)
    found = solve(NEAR, gap=1e-2, start=near, options=options)
    assert rows_on_all(found) == [True]
    assert found.status == "solved"
    assert found.relative_gap <= 1e-2
    assert rows_on_all(solve(NEAR, gap=1e-3, start=near, options=options))[0] is False  # one that does not


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_promise_that_fails_costs_a_certificate_and_cut_off_there_the_run_ends_with_the_same_bits(
    near, tmp_path, monkeypatch, after: int
) -> None:
    monkeypatch.setattr(Part, "gap_on_all", lambda *_: 0.0)
    options = SolverOptions(schedule=FROM_THEORY)
    whole = solve(NEAR, gap=1e-3, start=near, options=options)
    kinds = rows_on_all(whole)
    assert kinds[0] is True  # at once, in vain
    assert kinds[-1] is True
    assert not any(kinds[1:-1])
    assert len(kinds) > 3
    assert whole.status == "solved"

    noted, count = Trace._note, iter(range(100))

    def cut(self, state, *numbers) -> None:
        noted(self, state, *numbers)
        if not state.phase and next(count) == after:
            self.state = state
            raise KeyboardInterrupt

    file = tmp_path / "c"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trace, "_note", cut)
        solve(NEAR, gap=1e-3, start=near, options=options, checkpoint=file)
    resumed = solve(NEAR, gap=1e-3, start=near, options=options, checkpoint=file)
    np.testing.assert_array_equal(resumed.W, whole.W)
    columns = [0, 2, 4, 5]
    np.testing.assert_array_equal(resumed.history[:, columns], whole.history[:, columns])


def test_a_time_limit_that_ends_in_the_part_is_followed_by_one_certificate(start) -> None:
    found = solve(MANY, start=start, options=SolverOptions(schedule=FROM_THEORY, time_limit=1e-9))
    assert found.status == "time_limit"
    assert rows_on_all(found)[-1] is True


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
