"""What a record shows, computed from it: the type of collapse, and whether the network generalises."""

from __future__ import annotations

from dataclasses import dataclass

from feature_collapse.experiments.record import Record
from feature_collapse.figures.phase import FAILURE
from feature_collapse.theory.classify import classify


@dataclass(frozen=True)
class Finding:
    """What the weights of a record turned out to be.

    Attributes:
        type: of collapse, `I`, `II` or `III` (definitions 1-3), or `none`.
        nearest: the type with the smallest residual.
        residual: its distance to that type, from 0 to 1.
        tolerance: largest residual that counts as collapse.
        test_accuracy: share of the test sentences.
    """

    type: str
    nearest: str
    residual: float
    tolerance: float
    test_accuracy: float

    @property
    def generalises(self) -> bool:
        """Whether the test accuracy is at least that below which figure 8 speaks of failure."""
        return self.test_accuracy >= FAILURE

    @property
    def collapse(self) -> str:
        """The collapse in two words."""
        return "no collapse" if self.type == "none" else f"type {self.type}"

    @property
    def verdict(self) -> str:
        """Collapse and generalisation in a few words."""
        return f"{self.collapse}, {'generalises' if self.generalises else 'fails'}"

    def __str__(self) -> str:
        """Return one sentence with the numbers."""
        if self.type == "none":
            near = f"nearest is type {self.nearest}, with a residual of {self.residual:.2f}"
            first = f"No collapse ({near} where at most {self.tolerance:g} counts)"
        else:
            first = f"Collapse of type {self.type} (residual {self.residual:.2f})"
        second = "generalises" if self.generalises else "fails"
        return f"{first}; the network {second}: test accuracy {100 * self.test_accuracy:.1f}%."


def find(record: Record) -> Finding:
    """Return what a record shows, judged as `feature-collapse check` judges it. O((n_w + K L) d²)."""
    verdict = classify(record.weights, record.task)
    nearest = min(verdict.fits, key=lambda name: verdict.fits[name].residual)
    shown = nearest if verdict.type == "none" else verdict.type
    accuracy = float(record.summary["test_accuracy"])
    return Finding(verdict.type, nearest, verdict.fits[shown].residual, verdict.tolerance, accuracy)
