"""About how long a sweep will take on this machine, from runs of its own that are timed beforehand."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from feature_collapse.experiments.cost import seconds_of
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.sweeps.plan import Unit


def seconds_of_units(units: Sequence[Unit]) -> float:
    """Return about how many seconds of one core some units take together.

    Of each kind the cheapest and the dearest unit are measured (about a second each); the others are put by
    their work between the two.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as a worker has
    try:
        kinds = sorted({unit.kind for unit in units})
        return sum(_of_kind([unit for unit in units if unit.kind == kind]) for kind in kinds)
    finally:
        torch.set_num_threads(threads)


def _of_kind(units: Sequence[Unit]) -> float:
    low, high = min(units, key=lambda unit: unit.work), max(units, key=lambda unit: unit.work)
    least, most = _seconds(low), _seconds(high) if high.work > low.work else 0.0
    slope = (most - least) / (high.work - low.work) if high.work > low.work else 0.0
    return sum(least + max(0.0, slope) * (unit.work - low.work) for unit in units)


def _seconds(unit: Unit) -> float:
    """Return the seconds of a unit's last run: those of SGD go on from one another."""
    return seconds_of(Experiment.of(unit.runs[-1].settings))
