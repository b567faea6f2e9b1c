"""From runs to batches: what belongs together, what it costs, how much makes a batch.

A unit is what must run on one worker in one go: a single run, or runs of SGD that differ only in `epochs`,
each of which goes on where the one before stopped. Units are ordered so that those sharing data are
neighbours and the dearest data comes first; a batch is as many neighbours as make about `TARGET` seconds at
the speed measured so far.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from feature_collapse.experiments.settings import FIELDS, Settings
from feature_collapse.sweeps.messages import Planned

TARGET = 1.5  # seconds of a batch: scheduling one takes a few milliseconds
_MOST = 500  # runs in a batch
_FORGET = 0.3  # weight of the newest measurement
_DATA = (
    "n_c",
    "n_w",
    "L",
    "K",
    "word_law",
    "exponent",
    "frequencies",
    "vocabulary",
    "design",
    "latents",
    "seed",
    "n_test",
)


@dataclass(frozen=True)
class Unit:
    """Runs that one worker does in one go.

    Attributes:
        runs: in their order.
        data: names the task and seed; units with the same share their data.
        work: of the unit, in the method's own measure.
        kind: units of one kind have comparable speed.
        alone: whether it is handed out without neighbours.
    """

    runs: tuple[Planned, ...]
    data: str
    work: float
    kind: str
    alone: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys of its runs."""
        return tuple(run.key for run in self.runs)


def units(runs: Iterable[Planned], *, chains: bool = True) -> list[Unit]:
    """Return the units of the given runs, dearest data first. O(n log n).

    Args:
        runs: to do.
        chains: whether runs of SGD that differ only in `epochs` are joined.
    """
    together: dict[Hashable, list[Planned]] = {}
    for run in runs:
        joined = chains and run.settings.method == "sgd"
        together.setdefault(settings_but(run.settings, "epochs") if joined else run.key, []).append(run)
    made = []
    for members in together.values():
        members.sort(key=lambda run: run.settings.epochs)
        last = members[-1].settings
        kind = f"{last.method} {last.normaliser}"
        made.append(Unit(tuple(members), data_name(last), work(last), kind))
    dearest: dict[str, float] = {}
    for unit in made:
        dearest[unit.data] = max(dearest.get(unit.data, 0.0), unit.work)
    return sorted(made, key=lambda u: (-dearest[u.data], u.data, u.kind, -u.work, u.runs[0].settings.lambda_))


def settings_but(settings: Settings, *names: str) -> Hashable:
    """Return the values of all settings except those named: equal where nothing else differs."""
    return tuple(getattr(settings, name) for name in FIELDS if name not in names)


def data_name(settings: Settings) -> str:
    """Return a name of task and seed: runs with the same share latents, test set and training sentences."""
    return json.dumps([getattr(settings, name) for name in _DATA])


def work(settings: Settings) -> float:
    """Return the scores computed, N·K·L·d for each epoch; for the certified solver, at low rank, N·K·L."""
    scores = float(settings.n_spl) * settings.K**2 * settings.L
    return scores * (settings.d * settings.epochs if settings.method == "sgd" else 1)


class Planner:
    """The units that are still to be handed out, and how fast each kind has been."""

    def __init__(self, todo: Iterable[Unit]) -> None:
        """Queue units, in their order."""
        self._queue = deque(todo)
        self._speed: dict[str, tuple[float, float]] = {}  # kind -> seconds of a unit, seconds per work

    def __len__(self) -> int:
        """Return the number of units left."""
        return len(self._queue)

    def measured(self, unit: Unit, seconds: float) -> None:
        """Learn from a unit that ran."""
        rate = seconds / unit.work
        if unit.kind in self._speed:
            before = self._speed[unit.kind]
            seconds = before[0] + _FORGET * (seconds - before[0])
            rate = before[1] + _FORGET * (rate - before[1])
        self._speed[unit.kind] = (seconds, rate)

    def predicted(self, unit: Unit) -> float | None:
        """Return the seconds that a unit should take, or None before one of its kind was measured.

        The larger of the mean time and the time in proportion to the work: small runs cost more than their
        work.
        """
        if unit.kind not in self._speed:
            return None
        mean, rate = self._speed[unit.kind]
        return max(0.3 * mean, rate * unit.work)

    def again(self, todo: Iterable[Unit]) -> None:
        """Put units back, to be handed out next, each alone."""
        self._queue.extendleft(replace(unit, alone=True) for unit in todo)

    def batch(self, workers: int) -> list[Unit]:
        """Take the next batch: one unit of unknown cost, or neighbours for TARGET seconds; less near the end.

        Near the end the rest is shared out, so that no worker waits long for another.
        """
        taken: list[Unit] = []
        seconds, runs = 0.0, 0
        share = max(1, len(self._queue) // (2 * max(workers, 1)))
        while self._queue and len(taken) < share:
            unit = self._queue[0]
            cost = self.predicted(unit)
            alone = cost is None or unit.alone
            if taken and (alone or seconds + (cost or 0.0) > TARGET or runs + len(unit.runs) > _MOST):
                break
            taken.append(self._queue.popleft())
            seconds, runs = seconds + (cost or 0.0), runs + len(unit.runs)
            if alone:
                break
        return taken
