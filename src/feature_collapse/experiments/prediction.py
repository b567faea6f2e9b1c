"""What the theory predicts for a setting in the large-sample limit, under the keys of a record's summary."""

from __future__ import annotations

from typing import Any

from feature_collapse.experiments.record import Record
from feature_collapse.experiments.settings import Settings
from feature_collapse.task import Task
from feature_collapse.task.frequencies import Law
from feature_collapse.task.latents import Latents
from feature_collapse.theory.compare import refer


def predict(settings: Settings, task: Task) -> dict[str, Any]:
    """The prediction of theorem 1, 2 or 3 or of the mean field (R5), whichever fits, with its name in `theorem`."""
    return _predict(settings, task.latents, task.mu)


def prediction_of(record: Record) -> dict[str, Any]:
    """The prediction in a record's summary, or computed where an earlier version wrote none."""
    stored = record.summary.get("prediction")
    if isinstance(stored, dict):
        return stored
    return _predict(record.settings, record.latents, record.mu)


def _predict(settings: Settings, latents: Latents, mu: Law) -> dict[str, Any]:
    found = refer(latents, settings.n_c, mu, settings.lambda_, settings.d, normaliser=settings.normaliser)
    return {"theorem": found.theorem, **found.values}
