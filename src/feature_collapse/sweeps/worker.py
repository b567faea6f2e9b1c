"""What a worker does: a batch of runs, one after the other on one thread, sharing data where they can.

Runs with the same task and seed share latents, test set and training sentences: a smaller training set is the
beginning of a larger one. Runs of SGD that differ only in `epochs` go on from one another, bit by bit as if
each had begun from the start, since the shuffles depend on the epoch alone. Certified runs of the plain
network that differ only in λ or n_spl begin from their neighbour's weights; the gap asked for is proved for
each. Those of a normalised network do not: there a word that is not in the training set stays where it
started, and the test accuracy with it.
"""

from __future__ import annotations

import json
import math
import platform
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from feature_collapse import __version__
from feature_collapse.errors import InputError
from feature_collapse.sweeps.plan import data_name

_ERROR_LENGTH = 500
_NEEDED = (
    "feature_collapse.experiments.run",
    "feature_collapse.sweeps.measure",
    "feature_collapse.theory.types",
)


class WrongVersions(RuntimeError):
    """This worker's libraries are not those of the driver."""


@dataclass(frozen=True)
class Batch:
    """What is sent to a worker.

    Attributes:
        units: keys and settings (plain mappings) of the runs of each unit.
        quantities: names of the results to keep; none for all.
        folder: where records go, or None for none.
        versions: of the driver.
    """

    units: tuple[tuple[tuple[str, ...], tuple[dict[str, Any], ...]], ...]
    quantities: tuple[str, ...]
    folder: str | None
    versions: dict[str, str]


def versions() -> dict[str, str]:
    """The versions that must be the same on the driver and on every worker (of Python, without the last number)."""
    import torch

    for name in _NEEDED:  # what the first run would import should not count as its time
        import_module(name)

    return {
        "feature_collapse": __version__,
        "python": ".".join(platform.python_version_tuple()[:2]),
        "torch": torch.__version__.split("+")[0],
        "numpy": np.__version__,
    }


def difference(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """How two sets of versions differ, as the tail of a sentence, or nothing."""
    return ", ".join(
        f"{name} {theirs.get(name)} instead of {ours[name]}"
        for name in ours
        if theirs.get(name) != ours[name]
    )


def run_batch(batch: Batch) -> dict[str, Any]:
    """Run the units of a batch in their order.

    Returns:
        `units`: for each unit its seconds and its runs' outcomes (key, error, seconds, result); `worker`: a
            name.

    Raises:
        WrongVersions: before any work.
    """
    import torch

    wrong = difference(batch.versions, versions())
    if wrong:
        raise WrongVersions(f"a worker on {platform.node()} has {wrong}")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        shared = _Shared(settings for _, members in batch.units for settings in members)
        done = []
        for keys, members in batch.units:
            started = time.perf_counter()
            outcomes = _unit(keys, members, shared, batch)
            done.append({"seconds": time.perf_counter() - started, "runs": outcomes})
    finally:
        torch.set_num_threads(threads)
    return {"units": done, "worker": platform.node()}


def _unit(
    keys: tuple[str, ...], members: tuple[dict[str, Any], ...], shared: _Shared, batch: Batch
) -> list[dict[str, Any]]:
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="feature-collapse-") as folder:
        checkpoint = Path(folder) / "checkpoint.safetensors" if len(members) > 1 else None
        before = ""
        for key, mapping in zip(keys, members, strict=True):
            started = time.perf_counter()
            error = result = None
            try:
                result = _run(key, mapping, shared, batch, checkpoint, before)
                before = key
            except Exception as caught:  # whatever happens in a run is that run's result
                error = f"{type(caught).__name__}: {' '.join(str(caught).split())}"[:_ERROR_LENGTH]
            seconds = time.perf_counter() - started
            outcomes.append({"key": key, "error": error, "seconds": seconds, "result": result})
    return outcomes


def _run(
    key: str, mapping: dict[str, Any], shared: _Shared, batch: Batch, checkpoint: Path | None, before: str
) -> dict[str, Any]:
    from feature_collapse.experiments.run import Outcome, execute, run
    from feature_collapse.experiments.settings import Settings
    from feature_collapse.sgd.checkpoint import read_checkpoint, write_checkpoint
    from feature_collapse.sweeps.measure import measure

    settings = Settings.from_mapping(mapping)
    if settings.key() != key:
        raise InputError(f"vocabulary = {settings.vocabulary!r} has changed since the run was planned")
    if batch.folder is not None:
        record = run(settings, Path(batch.folder) / settings.key(), device="cpu")
        outcome = Outcome(record.W, record.U, (), next(iter(record.history.values())), record.summary)
        return measure(settings, settings.task(), outcome, batch.quantities)
    task, train, test = shared.data(mapping, settings)
    if checkpoint is not None and before:
        earlier = read_checkpoint(checkpoint, before)
        if earlier is not None:
            write_checkpoint(checkpoint, replace(earlier, key=settings.key()))
    options: dict[str, Any] = {"device": "cpu"}
    if checkpoint is not None:
        options |= {"checkpoint": checkpoint, "checkpoint_seconds": math.inf}
    if settings.method == "certified" and settings.normaliser == "none":
        options["start"] = shared.start(mapping)
    outcome = execute(settings, task, train, test, **options)
    shared.keep(mapping, outcome)
    return measure(settings, task, outcome, batch.quantities)


class _Shared:
    """The data of the last task and seed, and the weights of the last certified run."""

    def __init__(self, members: Iterable[dict[str, Any]]) -> None:
        self._largest: dict[str, int] = {}
        for mapping in members:
            name = data_name(mapping)
            self._largest[name] = max(self._largest.get(name, 0), mapping["n_spl"])
        self._name = ""
        self._held: Any = None
        self._last: tuple[str, Any] = ("", None)

    def data(self, mapping: dict[str, Any], settings: Any) -> tuple[Any, Any, Any]:
        """Task, training set and test set; the training set is the beginning of the largest in the batch."""
        from feature_collapse.task import Sentences

        name = data_name(mapping)
        if name != self._name:
            task = settings.task()
            self._held = (task, task.train_set(self._largest[name]), task.test_set(settings.n_test))
            self._name = name
        task, train, test = self._held
        rows = settings.n_spl * settings.K
        return task, Sentences(train.words[:rows], train.labels[:rows]), test

    def start(self, mapping: dict[str, Any]) -> Any:
        """The weights of a neighbour that differs only in λ or n_spl, or None."""
        return self._last[1] if self._last[0] == _neighbour_name(mapping) else None

    def keep(self, mapping: dict[str, Any], outcome: Any) -> None:
        """Remember the weights of a certified run that are not zero."""
        if mapping["method"] == "certified" and outcome.W.any():
            from feature_collapse.solver.solution import compressed

            self._last = (_neighbour_name(mapping), compressed(outcome.W, outcome.U))


def _neighbour_name(mapping: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in mapping.items() if k not in ("lambda", "n_spl")}, sort_keys=True)
