"""The numbers of a state: what `train`, `certify` and `check` print of the same weights, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.certificates.bound import Bound
from feature_collapse.certificates.certify import certificate
from feature_collapse.experiments.summary import summarise
from feature_collapse.explorer.live import State, Training
from feature_collapse.explorer.plane import Coordinates, coordinates
from feature_collapse.model.weights import Weights
from feature_collapse.theory.classify import Verdict, classify


@dataclass(frozen=True, eq=False)
class Picture:
    """What changes from one frame to the next.

    Attributes:
        epoch: with the part of the one under way.
        verdict: the collapse type.
        lengths: (n_w,) of the features.
        points: in the plane that is shown.
    """

    epoch: float
    verdict: Verdict
    lengths: Float[np.ndarray, " n_w"]
    points: Coordinates

    @property
    def residual(self) -> float:
        """The smallest residual to a type: 0 is exact collapse."""
        return min(fit.residual for fit in self.verdict.fits.values())


@dataclass(frozen=True, eq=False)
class Measurement:
    """The numbers of one state.

    Attributes:
        picture: of the same state.
        train_ce, train_accuracy, test_accuracy: on the training and the test sentences.
        bound: the risk and a proved lower bound on the least one.
    """

    picture: Picture
    train_ce: float
    train_accuracy: float
    test_accuracy: float
    bound: Bound

    def numbers(self) -> dict[str, float]:
        """Return the numbers under the keys of a record's summary."""
        lengths, fits = self.picture.lengths, self.picture.verdict.fits
        return {
            "epoch": self.picture.epoch,
            "risk": self.bound.risk,
            "train_ce": self.train_ce,
            "penalty": self.bound.risk - self.bound.data_term,
            "lower_bound": self.bound.lower_bound,
            "relative_gap": self.bound.relative_gap,
            "train_accuracy": self.train_accuracy,
            "test_accuracy": self.test_accuracy,
            "norm_W_mean": float(lengths.mean()),
            "norm_W_std": float(lengths.std()),
            **{f"residual_{kind}": fit.residual for kind, fit in fits.items()},
        }


def picture_of(training: Training, weights: Weights, epoch: float, plane: str = "theory") -> Picture:
    """Return the picture of weights: a few milliseconds, whatever the number of sentences.

    Raises:
        InputError: a plane that is not known.
    """
    task = training.experiment.task
    verdict = classify(weights, task)
    lengths = np.linalg.norm(weights.features(), axis=1)
    return Picture(epoch, verdict, lengths, coordinates(weights, task, verdict, plane))


def epoch_of(training: Training, state: State) -> float:
    """Return the epochs that a state has behind it, with the part of the one under way."""
    return state.epoch + state.step / training.steps_per_epoch


def measure_state(training: Training, state: State, plane: str = "theory") -> Measurement:
    """Return the numbers of a state. O(N K L d + K L n_w²); under a normaliser some 20 n_w³ more.

    >>> from feature_collapse.explorer.choice import Choice
    >>> training = Training.of(Choice(n_w=12, K=6, L=3))
    >>> found = measure_state(training, training.advance(training.start(), 3))
    >>> found.picture.epoch, found.bound.gap > 0
    (3.0, True)

    Raises:
        InputError: a plane that is not known.
    """
    weights = training.weights(state)
    picture = picture_of(training, weights, epoch_of(training, state), plane)
    return measure_weights(training, weights, picture)


def measure_weights(
    training: Training, weights: Weights, picture: Picture, bound: Bound | None = None
) -> Measurement:
    """Return the numbers of any weights of the run's sizes; of a minimiser with the bound that it carries."""
    experiment = training.experiment
    lambda_ = experiment.settings.lambda_
    if bound is None and training.problem is not None:
        bound = certificate(weights, training.problem)
    elif bound is None:
        bound = certificate(weights, training.train, lambda_)
    found = summarise(weights, experiment.data, lambda_, training.decay)
    return Measurement(picture, found["train_ce"], found["train_accuracy"], found["test_accuracy"], bound)
