"""R9: the confidence bound holds as often as it says, on a problem whose minimum is known."""

import numpy as np
import pytest
from scipy import stats

from feature_collapse.errors import InputError
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.solve import solve
from feature_collapse.task import Task, latents
from feature_collapse.theory import theorem2
from feature_collapse.theory.interval import lower_limit, upper_limit


def test_the_limit_is_that_of_students_t():
    D = [0.9, 1.0, 1.1, 1.3]
    low, high = stats.t.interval(0.9, 3, np.mean(D), stats.sem(D))
    assert abs(lower_limit(D, 0.95) - low) < 1e-12
    assert abs(upper_limit(1.0, 0.5, 0.975) - stats.norm.ppf(0.975, 1.0, 0.5)) < 1e-12
    assert high > low


def test_the_coverage_of_independent_normal_bounds_is_the_confidence():
    rng = np.random.default_rng(0)
    covered = [lower_limit(rng.normal(1.0, 0.1, 5), 0.9) <= 1.0 for _ in range(4000)]
    assert abs(np.mean(covered) - 0.9) < 0.015  # three standard errors of a share of 4000


@pytest.mark.slow
def test_r9_covers_a_known_minimum_at_least_as_often_as_it_says():
    mu, z, lambda_ = np.array([0.7, 0.3]), latents.every(2, 2), 0.02
    task, minimum = Task.of(z, mu, 2), theorem2.constants(2, 2, mu, lambda_).risk
    bounds = np.array(
        [solve(Problem(task.fresh_set(20, m), 4, 4, lambda_, d=2), gap=1e-3).lower_bound for m in range(600)]
    )
    covered = [lower_limit(D, 0.95) <= minimum for D in bounds.reshape(200, 3)]
    # the bounds are biased downwards, by the optimism of the empirical minimum, so more often than 95%
    assert np.mean(covered) >= 0.95
    assert bounds.mean() < minimum
    # the control: a value two standard deviations of one bound below their mean is not covered so often
    below = bounds.mean() - 2 * bounds.std()
    assert np.mean([lower_limit(D, 0.95) <= below for D in bounds.reshape(200, 3)]) < 0.9


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: lower_limit([1.0]), "training sets = 1"),
        (lambda: lower_limit([1.0, np.nan]), "finite"),
        (lambda: lower_limit([1.0, 2.0], 1.0), "confidence"),
        (lambda: upper_limit(1.0, -1.0), "standard_error"),
        (lambda: upper_limit(1.0, 1.0, 0.2), "confidence"),
    ],
)
def test_wrong_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()
