"""A certified run that is cut off goes on bit by bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from feature_collapse.model.normalisers import LayerNorm, NoNormaliser
from feature_collapse.risk.problem import Problem
from feature_collapse.solver import trace
from feature_collapse.solver.options import PLAIN, SPHERE, Part, SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.task.task import make_task
from solver.interrupted import GAP, cut_off, small


@pytest.mark.parametrize("after", [1, 7, 16, 40])
@pytest.mark.parametrize("normaliser", [NoNormaliser(), LayerNorm()], ids=lambda n: n.name)
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, normaliser, after: int) -> None:
    whole = solve(small(normaliser), gap=GAP)
    cut_off(small(normaliser), tmp_path / "c", after, gap=GAP)
    resumed = solve(small(normaliser), gap=GAP, checkpoint=tmp_path / "c")
    np.testing.assert_array_equal(resumed.W, whole.W)
    np.testing.assert_array_equal(resumed.U, whole.U)
    assert (resumed.risk, resumed.status) == (whole.risk, whole.status)
    columns = [0, 2, 4, 5]
    np.testing.assert_array_equal(resumed.history[:, columns], whole.history[:, columns])


@pytest.mark.parametrize("normaliser", [NoNormaliser(), LayerNorm()], ids=lambda n: n.name)
def test_a_certificate_before_the_interruption_is_neither_counted_twice_nor_missed(
    tmp_path, monkeypatch, normaliser
) -> None:
    problem, file = replace(small(normaliser), lambda_=0.006), tmp_path / "c"
    whole = solve(problem, gap=1e-9)
    certificates = int(np.isfinite(whole.history[:, 3]).sum())
    assert certificates > 1  # control: there are some before the last
    done = trace.Trace.certified

    def cut(self, state, bound) -> None:
        done(self, state, bound)
        raise KeyboardInterrupt

    for _ in range(2):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(trace.Trace, "certified", cut)
            solve(problem, gap=1e-9, checkpoint=file)
    resumed = solve(problem, gap=1e-9, checkpoint=file)
    columns = [0, 2, 4, 5]
    np.testing.assert_array_equal(resumed.history[:, columns], whole.history[:, columns])
    np.testing.assert_array_equal(resumed.W, whole.W)


@pytest.mark.parametrize("tilted", [False, True])
@pytest.mark.parametrize("normaliser", ["none", "layernorm"])
def test_so_does_one_in_single_precision_that_begins_on_parts(tmp_path, normaliser, tilted) -> None:
    problem = Problem.of(make_task(n_w=30, K=20, L=4, word_law="zipf", seed=1), n_spl=80, lambda_=1e-3,
                         normaliser=normaliser, d=9)  # fmt: skip
    base = PLAIN if normaliser == "none" else SPHERE
    parts = (Part(5, 1e-2), Part(20, 1e-3))
    options = SolverOptions(schedule=replace(base, parts=parts, small=0.0, tilted=tilted))
    whole = solve(problem, gap=1e-5, options=options)
    for after in (3, 20, 60):
        cut_off(problem, tmp_path / "c", after, gap=1e-5, options=options)
    resumed = solve(problem, gap=1e-5, options=options, checkpoint=tmp_path / "c")
    np.testing.assert_array_equal(resumed.W, whole.W)
    assert resumed.lower_bound == whole.lower_bound


def test_many_interruptions_leave_the_same_bits(tmp_path) -> None:
    whole, file = solve(small(), gap=GAP), tmp_path / "c"
    for after in range(2, 60, 3):
        try:
            cut_off(small(), file, after, gap=GAP)
        except pytest.fail.Exception:  # it was done
            break
    np.testing.assert_array_equal(solve(small(), gap=GAP, checkpoint=file).W, whole.W)
