"""Interim."""

from __future__ import annotations

from typing import Any

from feature_collapse.experiments.experiment import Experiment


def predict(experiment: Experiment) -> dict[str, Any]:
    """Interim: replaced when the theory's engine lands."""
    from feature_collapse.theory.compare import refer

    s, task = experiment.settings, experiment.task
    found = refer(task.latents, s.n_c, task.mu, s.lambda_, s.d, normaliser=s.normaliser)
    return {"theorem": found.theorem, **found.values}
