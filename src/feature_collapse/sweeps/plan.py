"""From runs to batches: what belongs together, what it costs, how much makes a batch.

A unit is what must run on one worker in one go: a single run, or runs of SGD that differ only in `epochs`,
each of which goes on where the one before stopped. Units are ordered so that those sharing data are
neighbours and the dearest data comes first; a batch is as many neighbours as make about `TARGET` seconds at
the speed measured so far.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
    "seed",
    "n_test",
)

Mapping = dict[str, Any]


@dataclass(frozen=True)
class Unit:
    """Runs that one worker does in one go.

    Attributes:
        keys: of the runs.
        settings: of the runs, as plain mappings.
        data: names the task and seed; units with the same share their data.
        work: of the unit, in the method's own measure.
        kind: units of one kind have comparable speed.
    """

    keys: tuple[str, ...]
    settings: tuple[Mapping, ...]
    data: str
    work: float
    kind: str


def units(runs: Iterable[tuple[str, Mapping]], *, chains: bool = True) -> list[Unit]:
    """The units of the given runs, dearest data first. O(n log n).

    Args:
        runs: key and settings of each run.
        chains: whether runs of SGD that differ only in `epochs` are joined.
    """
    together: dict[str, list[tuple[str, Mapping]]] = {}
    for key, settings in runs:
        join = chains and settings["method"] == "sgd"
        name = (
            json.dumps({k: v for k, v in settings.items() if k != "epochs"}, sort_keys=True) if join else key
        )
        together.setdefault(name, []).append((key, settings))
    made = []
    for members in together.values():
        members.sort(key=lambda member: member[1]["epochs"])
        last = members[-1][1]
        made.append(
            Unit(
                tuple(key for key, _ in members),
                tuple(settings for _, settings in members),
                data_name(last),
                work(last),
                f"{last['method']} {last['normaliser']}",
            )
        )
    dearest: dict[str, float] = {}
    for unit in made:
        dearest[unit.data] = max(dearest.get(unit.data, 0.0), unit.work)
    return sorted(made, key=lambda u: (-dearest[u.data], u.data, u.kind, -u.work, u.settings[0]["lambda"]))


def data_name(settings: Mapping) -> str:
    """Names the task and the seed: runs with the same name share latents, test set and training sentences."""
    return json.dumps([settings[name] for name in _DATA])


def work(settings: Mapping) -> float:
    """The scores computed, N·K·L·d for each epoch; for the certified solver, which works at low rank, N·K·L."""
    scores = float(settings["n_spl"]) * settings["K"] ** 2 * settings["L"]
    steps = settings["d"] * settings["epochs"] if settings["method"] == "sgd" else 1
    return float(scores * steps)


class Planner:
    """The units that are still to be handed out, and how fast each kind has been."""

    def __init__(self, todo: Iterable[Unit]) -> None:
        """A queue of units, in their order."""
        self._queue = deque(todo)
        self._speed: dict[str, tuple[float, float]] = {}  # kind -> seconds of a unit, seconds per work

    def __len__(self) -> int:
        """The number of units left."""
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
        """Seconds that a unit should take, or None before one of its kind was measured.

        The larger of the mean time and the time in proportion to the work: small runs cost more than their
        work.
        """
        if unit.kind not in self._speed:
            return None
        mean, rate = self._speed[unit.kind]
        return max(0.3 * mean, rate * unit.work)

    def again(self, todo: Iterable[Unit]) -> None:
        """Put units back, to be handed out next, each alone."""
        self._queue.extendleft(Unit(u.keys, u.settings, u.data, u.work, u.kind + " alone") for u in todo)

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
            alone = cost is None or unit.kind.endswith(" alone")
            if taken and (alone or seconds + (cost or 0.0) > TARGET or runs + len(unit.keys) > _MOST):
                break
            taken.append(self._queue.popleft())
            seconds, runs = seconds + (cost or 0.0), runs + len(unit.keys)
            if alone:
                break
        return taken
