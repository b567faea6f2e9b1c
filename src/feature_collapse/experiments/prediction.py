"""Interim."""

from __future__ import annotations

from typing import Any

from feature_collapse.experiments.experiment import Experiment
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.theory.predict import reference


def predict(experiment: Experiment) -> dict[str, Any]:
    """Return the prediction under the keys of a record's summary."""
    s = experiment.settings
    return reference(experiment.task, s.lambda_, s.d, make_normaliser(s.normaliser, s.eps)).summary()
