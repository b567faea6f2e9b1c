"""The minimum of the true risk for the latents that were drawn: what endless data would leave (R6-R9).

Where a reduction is known (R6-R8) the value is certified, in about a second. Else (R9) it lies with
confidence between bounds from independent training sets and the true risk of weights at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from feature_collapse.errors import InputError, check_int, check_real
from feature_collapse.experiments.cost import duration, seconds_of
from feature_collapse.experiments.experiment import Experiment, word_decay
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.geometry import equiangular, simplex
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import sample_losses
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solution import Solution
from feature_collapse.solver.solve import SMALLEST_LAMBDA, solve
from feature_collapse.task.task import FRESH, Task, generator
from feature_collapse.theory.interval import CONFIDENCE, lower_limit, upper_limit
from feature_collapse.theory.predict import reference
from feature_collapse.theory.prediction import Prediction
from feature_collapse.theory.reduction import Reduction, reduce, which_result
from feature_collapse.theory.types import type_three

_EVERY = 2**40  # epochs of fresh sentences that no training reaches: for bounds and for estimates
EACH = (1.0 + CONFIDENCE) / 2.0  # confidence of either end, so that both hold with CONFIDENCE
_CHEAP = 1e8  # K² L n_c: beyond it the exact value is not computed beside a theorem unasked


@dataclass(frozen=True, eq=False)
class Limit:
    """The minimum of the true risk (5) or (10).

    Attributes:
        result: `R6`, `R7`, `R8` or `R9`.
        risk: that of the best weights found: exact for R6-R8, estimated on fresh sentences for R9.
        lower_bound: at most the minimum: proved for R6-R8, with 97.5% confidence for R9.
        upper_bound: at least the minimum: the risk, or its upper 97.5% confidence limit.
        weights: those weights.
        prediction: the idealised theorem for the same setting.
        n_c: number of concepts.
    """

    result: str
    risk: float
    lower_bound: float
    upper_bound: float
    weights: Weights
    prediction: Prediction
    n_c: int

    @property
    def scope(self) -> str:
        """`proved`, or `confidence` (95% for both ends together)."""
        return "confidence" if self.result == "R9" else "proved"

    @property
    def relative_difference(self) -> float | None:
        """How far the idealised theorem's risk is above the minimum, relative to it."""
        return None if self.prediction.risk is None else self.prediction.risk / self.risk - 1.0

    @property
    def concepts(self) -> Float[np.ndarray, "n_c d"]:
        """Each concept's mean feature."""
        return np.asarray(self.weights.features().reshape(self.n_c, -1, self.weights.d).mean(1))

    @property
    def norms(self) -> Float[np.ndarray, " n_c"]:
        """Their norms; one for each concept, all words of which have it under R6-R8."""
        return np.asarray(np.linalg.norm(self.concepts, axis=1))

    @property
    def angles(self) -> tuple[float, float]:
        """The smallest and the largest angle between two concepts, in degrees."""
        unit = self.concepts / np.where(self.norms > 0, self.norms, 1.0)[:, None]
        cosines = (unit @ unit.T)[np.triu_indices(self.n_c, 1)]
        found = np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))
        return float(found.min()), float(found.max())

    def to_dict(self) -> dict[str, Any]:
        """Return every number, for JSON."""
        return {
            "risk": self.risk,
            "lower_bound": self.lower_bound,
            "upper_bound": self.upper_bound,
            "result": self.result,
            "scope": self.scope,
            "theorem": self.prediction.theorem,
            "theorem_risk": self.prediction.risk,
            "relative_difference": self.relative_difference,
            "embedding_norms": self.norms.tolist(),
            "angles": list(self.angles),
        }

    def __str__(self) -> str:
        """Return the value, what is known of it, and the theorem beside it."""
        how = "proved" if self.scope == "proved" else "95% confidence"
        ends = f"between {self.lower_bound:.7g} and {self.upper_bound:.7g}"
        text = f"minimum of the true risk: {self.risk:.7g} ({self.result}: {ends}, {how})"
        if self.relative_difference is None:
            return text
        off = f"{self.prediction.theorem}: {self.prediction.risk:.7g}, {100 * self.relative_difference:+.3g}%"
        return f"{text}; {off}{self._where()}"

    def _where(self) -> str:
        """Return where the theorem's risk lies relative to R9's interval."""
        risk = self.prediction.risk
        if self.result != "R9" or risk is None:
            return ""
        if self.lower_bound <= risk <= self.upper_bound:
            return ", inside the interval"
        side, end = ("above", self.upper_bound) if risk > self.upper_bound else ("below", self.lower_bound)
        return f", {side} the interval by {abs(risk / end - 1):.2g} of its end"


@dataclass(frozen=True)
class Effort:
    """How much work a limit may take.

    Attributes:
        gap: relative, of the certified problems; R9 uses 1e-3 at least: it is not the largest error there.
        sets: independent training sets for R9, ≥ 2.
        samples: fresh sentences for every estimate of a true risk.

    Raises:
        InputError: a number out of range.
    """

    gap: float = 1e-6
    sets: int = 5
    samples: int = 20_000

    def __post_init__(self) -> None:
        """Check every field."""
        check_real("gap", self.gap, 1e-10, 1.0)
        check_int("sets", self.sets, 2, 10_000)
        check_int("samples", self.samples, 100, 10**9)


def result_of(task: Task, settings: Settings) -> str:
    """Return by which result the minimum will be found: `R6`, `R7`, `R8`, else `R9`."""
    return which_result(task, make_normaliser(settings.normaliser), word_decay(settings, task)) or "R9"


def cost(task: Task, settings: Settings, effort: Effort) -> str:
    """Return what R9 will cost, in one sentence, by a measurement of about a second."""
    certified = settings.replace(method="certified")
    seconds = effort.sets * seconds_of(Experiment(certified, task.vocabulary, task.mu, task.latents))
    return (
        f"R9: {effort.sets} certified minimisations on {task.K * settings.n_spl} sentences, {task.K} classes "
        f"each, about {duration(seconds)} by a measurement now"
    )


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
        found = _minimum(reduced, prediction, effort.gap)
        weights = reduced.lift(found.weights)
        return Limit(reduced.result, found.risk, found.lower_bound, found.risk, weights, prediction, task.n_c)
    return _by_sets(task, settings, effort, prediction, callback)


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


def _minimum(reduced: Reduction, prediction: Prediction, gap: float) -> Solution:
    """Return the reduced problem's solution, from the theorem's weights or, where those mislead, without."""
    near = _near(reduced, prediction)
    schedule = None if near is None else SolverOptions().schedule_for(reduced.problem).from_near()
    found = solve(reduced.problem, gap=gap, start=near, options=SolverOptions(schedule=schedule))
    if near is None or found.relative_gap <= gap:
        return found
    other = solve(reduced.problem, gap=gap)
    return other if other.relative_gap < found.relative_gap else found


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


def _by_sets(
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
        train = task.fresh_set(settings.n_spl, _EVERY + m)
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


def true_risk(weights: Weights, task: Task, settings: Settings, n: int, purpose: int) -> tuple[float, float]:
    """Return an estimate of the true risk with the penalty of endless data, and its standard error."""
    if settings.lambda_ <= 0:
        raise InputError("lambda = 0, but must be > 0: without a penalty the true risk has no minimum")
    losses = sample_losses(weights, task, n=n, rng=generator(task.seed, FRESH, _EVERY, purpose))
    decay = word_decay(settings, task)
    penalty = weights.penalty(settings.lambda_, None if decay is None else np.tile(decay, task.n_c))
    return float(losses.mean()) + penalty, float(losses.std(ddof=1) / np.sqrt(n))
