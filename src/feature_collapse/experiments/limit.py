"""The minimum of the true risk for the latents that were drawn: what endless data would leave (R6-R9).

Where a reduction is known (R6-R8) the value is certified, in about a second. Else (R9) it lies with
confidence between bounds from independent training sets and the true risk of weights at hand.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from feature_collapse.certificates.bound import Bound
from feature_collapse.errors import InputError
from feature_collapse.experiments.experiment import word_decay
from feature_collapse.experiments.limit_value import Effort, Limit, result_of
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.geometry import simplex
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.solver.one_each import minimum_near
from feature_collapse.solver.range import SMALLEST_LAMBDA
from feature_collapse.task.task import Task
from feature_collapse.theory.predict import reference
from feature_collapse.theory.prediction import Prediction
from feature_collapse.theory.reduction import Reduction, reduce, which_result

_CHEAP = 1e8  # K² L n_c: beyond it the exact value is not computed beside a theorem unasked


def limit(
    task: Task,
    settings: Settings,
    effort: Effort | None = None,
    callback: Callable[[int, float], None] | None = None,
) -> Limit:
    """Return the minimum of the true risk for a task's latents, with a bound on either side.

    R6-R8: a certified problem of K sentences, 6 K² L d flops for each of some 50 evaluations. R9: see `cost`.

    >>> from feature_collapse.task import make_task
    >>> found = limit(make_task(n_w=12, L=3, K=8, seed=0), Settings(n_w=12, L=3, K=8))
    >>> found.result, found.scope, found.risk - found.lower_bound < 1e-6
    ('R6', 'proved', True)

    Args:
        task: latents and word law.
        settings: λ, d, the normaliser and the decay; for R9 also n_spl.
        effort: how exact, and for R9 how many training sets.
        callback: receives the number of each finished set of R9 and its bound.

    Raises:
        InputError: λ = 0, or sizes that do not fit.
    """
    effort, s = effort or Effort(), settings
    normaliser, decay = make_normaliser(s.normaliser), word_decay(s, task)
    prediction = reference(task, s.lambda_, s.d, normaliser, decay=decay)
    if which_result(task, normaliser, decay):
        reduced = reduce(task, s.lambda_, s.d, normaliser, decay)
        _check_lambda(s.lambda_, reduced.problem.lambda_ / s.lambda_)
        found, bound = _minimum(reduced, prediction, effort.gap)
        weights = reduced.lift(found)
        return Limit(reduced.result, bound.risk, bound.lower_bound, bound.risk, weights, prediction, task.n_c)
    from feature_collapse.experiments.limit_by_solver import by_sets  # which loads torch

    return by_sets(task, settings, effort, prediction, callback)


def beside(task: Task, settings: Settings) -> Limit | None:
    """Return the certified minimum to print beside a theorem; None without one, for large K or tiny λ.

    Relative gap 1e-5; at most a few seconds (K² L n_c ≤ 10^8).
    """
    if result_of(task, settings) == "R9" or task.K < 2 or settings.lambda_ <= 0:
        return None
    if float(task.K) ** 2 * task.L * task.n_c > _CHEAP:
        return None
    normaliser, decay = make_normaliser(settings.normaliser), word_decay(settings, task)
    if reduce(task, settings.lambda_, settings.d, normaliser, decay).problem.lambda_ < SMALLEST_LAMBDA:
        return None
    return limit(task, settings, Effort(gap=1e-5))


def _minimum(reduced: Reduction, prediction: Prediction, gap: float) -> tuple[Weights, Bound]:
    """Return the reduced problem's solution: without torch where it is small and the theorem near."""
    near = _near(reduced, prediction)
    found = None if near is None else minimum_near(reduced.problem, near, gap)
    if found is not None:
        return found
    from feature_collapse.experiments.limit_by_solver import minimum  # which loads torch

    return minimum(reduced.problem, near, gap)


def _near(reduced: Reduction, prediction: Prediction) -> Weights | None:
    """Return the theorem's weights for the reduced problem, which are near its minimum.

    None where they are zero or have more coordinates than the problem's weights can have.
    """
    if prediction.r is None or not prediction.r.any() or reduced.task.n_c - 1 > reduced.problem.largest_rank:
        return None
    task, c = reduced.task, float(prediction.constants["linear_norm"]) / reduced.scale
    frame = simplex(task.n_c)
    length = reduced.problem.radius or reduced.scale * float(np.mean(prediction.r))
    return Weights(length * frame, c * frame[np.asarray(task.latents, dtype=np.int64)])


def _check_lambda(lambda_: float, factor: float) -> None:
    """Check λ by the problem with one word for each concept, whose own λ is `factor` times as large."""
    if lambda_ * factor < SMALLEST_LAMBDA:
        raise InputError(
            f"lambda = {lambda_:g}, but must be a number ≥ {SMALLEST_LAMBDA / factor:.3g} for this task, "
            f"whose reduced problem has {factor:.4g} times that and must have {SMALLEST_LAMBDA:g} or more"
        )
