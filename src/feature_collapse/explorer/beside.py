"""What stands beside a run: the theorem that fits, the exact minimum for the latents drawn, the minimiser.

The outlines live in the theory's plane, where concept α always has the same direction (`plane.directions`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.limit import beside
from feature_collapse.experiments.limit_value import Limit
from feature_collapse.explorer.choice import Choice
from feature_collapse.explorer.live import Training
from feature_collapse.explorer.measurement import Measurement, measure_weights, picture_of
from feature_collapse.explorer.plane import Points, coordinates, directions
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solution import Solution
from feature_collapse.solver.solve import solve
from feature_collapse.task.task import Task
from feature_collapse.task.vocabulary import read_vocabulary
from feature_collapse.theory.classify import classify
from feature_collapse.theory.prediction import Prediction

GAP = 1e-2  # relative gap that is asked of the minimiser, so that it comes in less than a second
LONGEST = 10.0  # seconds after which the solver stops, whatever it has proved


@dataclass(frozen=True, eq=False)
class Outlines:
    """What the theory draws.

    Attributes:
        prediction: of theorem 1, 2 or 3 or R5, whichever fits; theorem `none` where there is none.
        words: (m, 2) where the words of each concept should end; m = 0 without a prediction.
        linear: (n_c, 2) the same of the linear weights.
        r: (s_c,) predicted lengths, most frequent word first; None without a prediction.
    """

    prediction: Prediction
    words: Points
    linear: Points
    r: Float[np.ndarray, " s_c"] | None


def outlines(training: Training) -> Outlines:
    """Return what the theory says of a run's setting. Well under 1 s.

    >>> outlines(Training.of(Choice())).prediction.theorem
    'theorem 1'
    """
    found = training.experiment.reference()
    n_c = training.experiment.task.n_c
    if found.r is None:
        return Outlines(found, np.empty((0, 2)), np.empty((0, 2)), None)
    towards = directions(n_c)
    lengths = np.unique(np.round(found.r, 12))
    words = (lengths[:, None, None] * towards).reshape(-1, 2)
    return Outlines(found, words, found.constants["linear_norm"] * towards, found.r)


@dataclass(frozen=True, eq=False)
class Exact:
    """The minimum of the true risk for the latents that were drawn (R6-R8).

    Attributes:
        limit: value, bounds and weights.
        words: (n_c, 2) where each concept's words are, in the theory's plane.
        linear: (n_c, 2) the mean of the linear weights for each concept.
    """

    limit: Limit
    words: Points
    linear: Points


def exact(training: Training) -> Exact | None:
    """Return the exact limit of endless data, None where no reduction is known (long tail, plain decay)."""
    task, settings = training.experiment.task, training.experiment.settings
    found = beside(task, settings)
    if found is None:
        return None
    points = coordinates(found.weights, task, classify(found.weights, task), "theory")
    at = task.latents.ravel()
    linear = [points.linear[at == a].mean(axis=0) for a in range(task.n_c) if (at == a).any()]
    return Exact(found, points.words[:: task.s_c], np.array(linear))


@dataclass(frozen=True, eq=False)
class Minimiser:
    """The certified minimiser of the run's own risk, measured as the run is.

    Attributes:
        solution: weights, bound and status.
        measurement: its numbers and points.
    """

    solution: Solution
    measurement: Measurement


def minimise(
    choice: Choice, plane: str = "theory", callback: Callable[[object], None] | None = None
) -> Minimiser:
    """Return the certified minimiser of a choice: what `feature-collapse solve --gap 0.01` finds.

    Args:
        choice: the settings.
        plane: of its points.
        callback: is called a few times a second; what it raises ends the work.

    Raises:
        InputError: settings that do not go together.
    """
    settings = choice.certified().replace(gap=GAP)
    training = Training(Experiment.of(settings))
    problem = training.experiment.problem(training.train)
    options = SolverOptions(time_limit=LONGEST, seed=settings.seed, n_c=settings.n_c)  # as `solve` has it
    found = solve(problem, gap=GAP, options=options, callback=callback)
    picture = picture_of(training, found.weights, 0.0, plane)
    return Minimiser(found, measure_weights(training, found.weights, picture, found.bound))


def in_plane(best: Minimiser, training: Training, plane: str) -> Minimiser:
    """Return a minimiser with its points in a plane; those of another would not be comparable."""
    picture = picture_of(training, best.solution.weights, 0.0, plane)
    return replace(best, measurement=replace(best.measurement, picture=picture))


def names_of_words(task: Task) -> tuple[str, ...]:
    """Return a name for each word: the food vocabulary's where three concepts are drawn.

    Ranks beyond the vocabulary's have their number, `dairy 24`.
    """
    food, _ = read_vocabulary("food")
    if task.n_c != food.n_c:
        return tuple(task.vocabulary.word_name(i) for i in range(task.n_w))
    return tuple(
        food.words[a * food.s_c + b] if b < food.s_c else f"{food.concepts[a]} {b + 1}"
        for a in range(task.n_c)
        for b in range(task.s_c)
    )
