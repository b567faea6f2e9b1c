"""A small problem, and runs of it that are cut off."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from feature_collapse.model.normalisers import NoNormaliser
from feature_collapse.risk.problem import Problem
from feature_collapse.solver import trace
from feature_collapse.solver.solve import solve
from setting import problem_of, random_data

GAP = 1e-7


def small(normaliser=None) -> Problem:
    return problem_of(*random_data(8), 12, 6, 0.01, normaliser or NoNormaliser(), 9)


def cut_off(problem: Problem, file, after: int, **options) -> None:
    """Run until an iteration; every one is reported."""

    def interrupt(progress) -> None:
        if progress.iteration >= after and progress.phase != "certificate":
            raise KeyboardInterrupt

    with patch.object(trace, "_SHOW", -1.0), pytest.raises(KeyboardInterrupt):
        solve(problem, checkpoint=file, callback=interrupt, **options)
