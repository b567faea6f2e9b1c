"""A record with planted weights, as if it had been read from disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.record import Record
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.geometry import simplex
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.model.weights import Weights


def planted_record(
    settings: Settings, norms: np.ndarray, *, spread: float = 0.0, test_accuracy: float = 1.0
) -> Record:
    """Words on the rays of a simplex with the given norms (n_c, s_c), linear weights on the same rays.

    `spread` is the norm of noise on the linear weights, relative to theirs: 0 is collapse.
    """
    data = Experiment.of(settings).data
    task = data.task
    frame = np.pad(simplex(settings.n_c), ((0, 0), (0, settings.d - settings.n_c + 1)))
    W = (norms[:, :, None] * frame[:, None]).reshape(settings.n_w, settings.d)
    noise = np.random.default_rng(0).standard_normal((*task.latents.shape, settings.d))
    U = frame[task.latents] + spread * noise / np.sqrt(settings.d)
    summary = {"test_accuracy": test_accuracy, "risk": 1.0, "seconds": 0.5}
    weights = Weights(W, U, make_normaliser(settings.normaliser, settings.eps))
    return Record(Path("planted"), settings, {}, summary, {}, weights, data)
