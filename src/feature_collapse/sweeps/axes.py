"""The axes of a sweep: lists, ranges, seeds, and settings that move together.

    n_spl = [1, 2, 5, 10]                                     a list
    exponent = { from = 0.0, to = 2.0, points = 9 }           equally spaced
    lambda = { from = 1e-4, to = 1e-1, points = 7, scale = "log" }
    seeds = 5                                                 seed 0 … 4
    network = [ { label = "h" }, { label = "h*", normaliser = "layernorm" } ]

These are the forms of an entry of the table [axes].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_collapse.errors import InputError, check_choice, check_int, check_real, nearest
from feature_collapse.experiments.settings import ALIASES, FIELDS
from feature_collapse.sweeps.quantities import TAKEN

KEYS = tuple(name.rstrip("_") for name in FIELDS)
_RANGE = ("from", "to", "points", "scale")


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        name: a setting, or a free name where several settings move together.
        labels: how each value is shown and stored: the value itself, or the label of a table.
        changes: the settings that each value stands for.
    """

    name: str
    labels: tuple[Any, ...]
    changes: tuple[dict[str, Any], ...]

    def __len__(self) -> int:
        """The number of values."""
        return len(self.labels)


def read_axis(name: str, value: Any, source: str) -> Axis:
    """Return an axis from its value in a TOML file.

    Raises:
        InputError: an unknown axis (the nearest is named), no values, or a range that is not one.
    """
    where = f"{source}: axis {name!r}"
    if name == "seeds":
        count = check_int(f"{where}", value, 1, 10**6)
        return Axis("seed", tuple(range(count)), tuple({"seed": seed} for seed in range(count)))
    if name in TAKEN:
        raise InputError(
            f"{where} has the name of a column of the results; give it another one, with a list of tables "
            f'such as {{ label = "a", … }}'
        )
    if isinstance(value, list) and not value:
        raise InputError(f"{where} has no values, so the grid is empty; give at least one")
    if isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        return _together(name, value, where)
    if name not in KEYS:
        raise InputError(
            f"{where} is not a setting{nearest(name, [*KEYS, 'seeds'])}; a list of tables makes "
            f"several settings move together; known are seeds, {', '.join(KEYS)}"
        )
    if isinstance(value, Mapping):
        value = _range(name, value, where)
    if not isinstance(value, list):
        raise InputError(
            f"{where} = {value!r}, but must be a list of values or a table with {', '.join(_RANGE)}"
        )
    return Axis(name, tuple(value), tuple({name: entry} for entry in value))


def _together(name: str, entries: list[Any], where: str) -> Axis:
    if name in KEYS:
        raise InputError(
            f"{where} is a setting, so its values must not be tables; give the axis another name"
        )
    labels, changes = [], []
    for entry in entries:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("label"), str):
            raise InputError(f"{where} has {entry!r}, but each value must be a table with a text `label`")
        for key in entry:
            if key != "label" and key not in KEYS:
                raise InputError(f"{where} has the unknown key {key!r}{nearest(key, KEYS)}")
        labels.append(entry["label"])
        changes.append({key: x for key, x in entry.items() if key != "label"})
    if len(set(labels)) < len(labels):
        raise InputError(f"{where} has the labels {', '.join(labels)}, but each must be different")
    return Axis(name, tuple(labels), tuple(changes))


def _range(name: str, table: Mapping[str, Any], where: str) -> list[Any]:
    for key in table:
        if key not in _RANGE:
            known = ", ".join(_RANGE)
            raise InputError(f"{where} has the unknown key {key!r}{nearest(key, _RANGE)}; known are {known}")
    for key in _RANGE[:3]:
        if key not in table:
            raise InputError(f"{where} lacks {key!r}: a range needs from, to and points")
    kind = str(FIELDS[ALIASES.get(name, name)].type)
    if kind not in ("int", "float"):
        raise InputError(f"{where} is a range, but {name} is no number; give a list")
    scale = check_choice(f"{where}: scale", table.get("scale", "linear"), ("linear", "log"))
    points = check_int(f"{where}: points", table["points"], 0, 10**6)
    if points == 0:
        raise InputError(f"{where} has points = 0, so the grid is empty; give at least one")
    low = 0.0 if scale == "log" else -np.inf
    high = np.inf if kind == "float" else float(2**53)  # whole numbers are exact up to there
    start, stop = (
        check_real(f"{where}: {key}", table[key], max(low, -high), high, above=scale == "log")
        for key in ("from", "to")
    )
    if points == 1 and start != stop:
        raise InputError(
            f"{where} has points = 1, but from = {start:g} and to = {stop:g} are two; give at least 2"
        )
    with np.errstate(all="ignore"):
        space = np.geomspace(start, stop, points) if scale == "log" else np.linspace(start, stop, points)
    if not np.isfinite(space).all():
        raise InputError(
            f"{where} goes from {start:g} to {stop:g}, too far apart for even steps; give a list"
        )
    if kind == "int":
        whole = [int(x) for x in dict.fromkeys(np.rint(space).astype(int).tolist())]
        if len(whole) < points and scale == "linear":  # small whole numbers on a log scale are meant to merge
            raise InputError(
                f"{where} has points = {points}, but only {len(whole)} whole numbers "
                f"from {start:g} to {stop:g}"
            )
        return whole
    values = [
        float(f"{x:.6g}") for x in space
    ]  # six digits, so that a value reads and stores as it was meant
    if len(set(values)) < points or not np.isfinite(values).all():
        raise InputError(
            f"{where} has points = {points}, but to six digits they are not all different; give a list"
        )
    return values
