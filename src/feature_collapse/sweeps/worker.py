"""What a worker does: a batch of runs, one after the other on one thread, sharing data where they can.

Runs with the same task and seed share latents, test set and training sentences: a smaller training set is the
beginning of a larger one. Runs of SGD that differ only in `epochs` go on from one another, bit by bit as if
each had begun from the start, since the shuffles depend on the epoch alone. Certified runs of the plain
network that differ only in λ or n_spl begin from their neighbour's weights; the gap asked for is proved for
each. Those of a normalised network do not: there a word that is not in the training set stays where it
started, and the test accuracy with it.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Hashable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from feature_collapse import __version__
from feature_collapse.errors import InputError
from feature_collapse.experiments.experiment import Data, Experiment
from feature_collapse.experiments.run import execute, run
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.weights import Weights
from feature_collapse.sgd.checkpoint import Checkpointing, Held, read_checkpoint, write_checkpoint
from feature_collapse.sweeps.limit_quantities import limit_quantities
from feature_collapse.sweeps.messages import Batch, BatchEnd, Finished, Planned, Quantities, Versions
from feature_collapse.sweeps.plan import data_name, settings_but
from feature_collapse.sweeps.run_quantities import quantities_of
from feature_collapse.task import Sentences

_ERROR_LENGTH = 500


class WrongVersions(RuntimeError):
    """This worker's libraries are not those of the driver."""


def versions() -> Versions:
    """Return the versions here."""
    return Versions(
        __version__,
        ".".join(platform.python_version_tuple()[:2]),
        torch.__version__.split("+")[0],
        np.__version__,
    )


def run_batch(batch: Batch) -> BatchEnd:
    """Run the units of a batch in their order; whatever happens in a run is that run's result.

    Raises:
        WrongVersions: before any work.
    """
    wrong = batch.versions.difference(versions())
    if wrong:
        raise WrongVersions(f"a worker on {platform.node()} has {wrong}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        shared = _Shared(planned.settings for unit in batch.units for planned in unit)
        return BatchEnd(tuple(_unit(unit, shared, batch) for unit in batch.units), platform.node())
    finally:
        torch.set_num_threads(threads)


def _unit(runs: tuple[Planned, ...], shared: _Shared, batch: Batch) -> tuple[Finished, ...]:
    ends = []
    checkpoint, before = Held() if len(runs) > 1 else None, ""
    for planned in runs:
        started = time.perf_counter()
        error = result = None
        try:
            result = _run(planned, shared, batch, checkpoint, before)
            before = planned.key
        except Exception as caught:
            error = f"{type(caught).__name__}: {' '.join(str(caught).split())}"[:_ERROR_LENGTH]
        ends.append(Finished(planned.key, error, time.perf_counter() - started, result))
    return tuple(ends)


def _run(planned: Planned, shared: _Shared, batch: Batch, checkpoint: Held | None, before: str) -> Quantities:
    experiment = Experiment.of(planned.settings)  # reads the files of this machine, as they are now
    if experiment.key != planned.key:
        raise InputError(f"{planned.settings.files} has changed since the run was planned")
    if batch.folder is not None:
        record = run(planned.settings, Path(batch.folder) / planned.key, device="cpu")
        found = quantities_of(record.weights, record.task, record.summary, batch.quantities)
        return found | limit_quantities(planned.settings, record.task, batch.quantities)
    if checkpoint is not None and before:
        earlier = read_checkpoint(checkpoint, before)
        if earlier is not None:
            write_checkpoint(checkpoint, replace(earlier, key=planned.key))
    data = shared.data(experiment)
    outcome = execute(
        experiment,
        data,
        device="cpu",
        start=shared.start(planned.settings),
        checkpoint=None if checkpoint is None else Checkpointing(checkpoint, math.inf),
    )
    shared.keep(planned.settings, outcome.weights)
    found = quantities_of(outcome.weights, data.task, outcome.summary, batch.quantities)
    return found | limit_quantities(experiment.settings, data.task, batch.quantities)


class _Shared:
    """The data of the last task and seed, and the weights of the last certified run."""

    def __init__(self, runs: Iterable[Settings]) -> None:
        self._largest: dict[str, int] = {}
        for settings in runs:
            name = data_name(settings)
            self._largest[name] = max(self._largest.get(name, 0), settings.n_spl)
        self._held: tuple[str, Data] | None = None
        self._last: tuple[Hashable, Weights] | None = None

    def data(self, experiment: Experiment) -> Data:
        """Return the data of a run; its training set is the beginning of the largest in the batch."""
        settings = experiment.settings
        name = data_name(settings)
        if self._held is None or self._held[0] != name:
            task = experiment.task
            largest = task.train_set(self._largest[name])
            self._held = (name, Data(task, largest, task.test_set(settings.n_test)))
        held, rows = self._held[1], settings.n_spl * settings.K
        return replace(held, train=Sentences(held.train.words[:rows], held.train.labels[:rows]))

    def start(self, settings: Settings) -> Weights | None:
        """Return the weights of a plain certified run that differs only in λ or n_spl, or None."""
        same = self._last is not None and self._last[0] == _neighbours(settings)
        return self._last[1] if self._last is not None and same else None

    def keep(self, settings: Settings, weights: Weights) -> None:
        """Remember the weights of a plain certified run that are not zero."""
        if settings.method == "certified" and weights.radius is None and weights.W.any():
            self._last = (_neighbours(settings), weights.compressed())


def _neighbours(settings: Settings) -> Hashable:
    return settings_but(settings, "lambda_", "n_spl")
