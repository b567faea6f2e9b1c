"""Minima of the true risk that need the certified solver: R9, and reduced problems that are not small."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from feature_collapse.certificates.bound import Bound
from feature_collapse.experiments.cost import duration, seconds_of
from feature_collapse.experiments.experiment import Experiment, word_decay
from feature_collapse.experiments.limit_value import EACH, FIRST_FRESH, Effort, Limit, true_risk
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.task.task import Task
from feature_collapse.theory.interval import lower_limit, upper_limit
from feature_collapse.theory.prediction import Prediction
from feature_collapse.theory.types import type_three


def cost(task: Task, settings: Settings, effort: Effort) -> str:
    """Return what R9 will cost, in one sentence, by a measurement of about a second."""
    certified = settings.replace(method="certified")
    seconds = effort.sets * seconds_of(Experiment(certified, task.vocabulary, task.mu, task.latents))
    return (
        f"R9: {effort.sets} certified minimisations on {task.K * settings.n_spl} sentences, {task.K} classes "
        f"each, about {duration(seconds)} by a measurement now"
    )


def minimum(problem: Problem, near: Weights | None, gap: float) -> tuple[Weights, Bound]:
    """Return the solution of a reduced problem, from weights near it or, where those mislead, without."""
    schedule = None if near is None else SolverOptions().schedule_for(problem).from_near()
    found = solve(problem, gap=gap, start=near, options=SolverOptions(schedule=schedule))
    if near is not None and found.relative_gap > gap:
        found = min(found, solve(problem, gap=gap), key=lambda one: one.relative_gap)
    return found.weights, found.bound


def by_sets(
    task: Task,
    settings: Settings,
    effort: Effort,
    prediction: Prediction,
    callback: Callable[[int, float], None] | None,
) -> Limit:
    """Return R9's limit: bounds of independent training sets below, a true risk above."""
    decay = word_decay(settings, task)
    a, phi = None if decay is None else np.tile(decay, task.n_c), make_normaliser(settings.normaliser)
    bounds: list[float] = []
    best: Weights | None = None
    for m in range(effort.sets):
        train = task.fresh_set(settings.n_spl, FIRST_FRESH + m)
        problem = Problem(train, task.n_w, task.K, settings.lambda_, phi, settings.d, decay=a)
        found = solve(problem, gap=max(effort.gap, 1e-3), start=best)
        best = found.weights
        bounds.append(found.lower_bound)
        if callback is not None:
            callback(m + 1, found.lower_bound)
    assert best is not None
    candidates = [best]
    if prediction.r is not None and prediction.r.any():
        frame = equiangular(task.n_c, task.n_c - 1)
        c = float(prediction.constants["linear_norm"])
        candidates.insert(0, type_three(frame, prediction.r, task.latents, c))
    # chosen on some sentences, judged on others, so that the choice does not bias the estimate
    few = max(100, effort.samples // 10)
    risks = [true_risk(weights, task, settings, few, 0)[0] for weights in candidates]
    chosen = candidates[int(np.argmin(risks))]
    risk, error = true_risk(chosen, task, settings, effort.samples, 1)
    low, high = lower_limit(bounds, EACH), upper_limit(risk, error, EACH)
    return Limit("R9", risk, low, high, chosen, prediction, task.n_c)
