"""The results of a sweep as columns, read from its file, and summarised over the seeds.

Columns: `group`, the axes, the settings that differ between runs, `state`, `attempts`, `error`,
`run_seconds`, and what was measured (a list of numbers becomes `name_1`, `name_2`, …), then `key`.
"""

from __future__ import annotations

import gc
import json
import math
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from feature_collapse.errors import InputError, nearest
from feature_collapse.sweeps.database import damaged_store
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.store import Store

_FIRST = ("group",)
_LAST = ("state", "attempts", "error", "run_seconds")
_MISSING = (None, "")
_LARGEST = 1e150  # its square is still a float


@dataclass(frozen=True)
class Results:
    """Results as columns.

    Attributes:
        name: of the sweep.
        columns: name -> one value per run; None where there is none.
    """

    name: str
    columns: dict[str, list[Any]]

    def __len__(self) -> int:
        """Return the number of runs."""
        return len(next(iter(self.columns.values()), []))

    def column(self, name: str) -> list[Any]:
        """Return the values of a column.

        Raises:
            InputError: an unknown column; the nearest is named.
        """
        if name not in self.columns:
            raise InputError(
                f"sweep {self.name!r} has no column {name!r}{nearest(name, self.columns)}; "
                f"it has {', '.join(self.columns)}"
            )
        return self.columns[name]

    def numbers(self, name: str) -> np.ndarray:
        """Return a column as float64, NaN where there is no number.

        Raises:
            InputError: an unknown column, one of text, or an integer that is too large for a float.
        """
        values = self.column(name)
        try:
            return np.array([math.nan if x in _MISSING else float(x) for x in values], dtype=np.float64)
        except OverflowError:
            raise InputError(
                f"column {name!r} of sweep {self.name!r} has an integer beyond 1e308, the largest float"
            ) from None
        except (TypeError, ValueError):
            raise InputError(f"column {name!r} of sweep {self.name!r} is text, but must be numbers") from None

    def where(self, **wanted: Any) -> Results:
        """Return the runs whose columns have the given values; a wanted None is no restriction.

        Raises:
            InputError: an unknown column.
        """
        keep = np.ones(len(self), dtype=bool)
        for name, value in wanted.items():
            if value is not None:
                keep &= np.array([x == value for x in self.column(name)], dtype=bool)
        rows = np.flatnonzero(keep)
        return Results(self.name, {name: [values[i] for i in rows] for name, values in self.columns.items()})


def read_results(
    store: Store, quantities: Collection[str] | None = None, *, as_text: bool = False
) -> Results:
    """Return the finished and failed runs of a sweep file, in the order of the grid. O(rows).

    Args:
        store: the open file.
        quantities: what was measured that is wanted, by the names of their columns; None for all.
        as_text: whether fractions that were measured stay the text in the file, which is faster where they
            are only written again.

    Raises:
        InputError: a file whose rows are not what we wrote.
    """
    with no_collection():
        sweep = store.sweep
        only_axes = _one_setting_each(sweep)
        held = store.columns(settings=not only_axes)
        try:
            _check_held(held)
            columns = _columns(held, quantities, only_axes, as_text)
            _check_columns(columns)
        except (TypeError, ValueError, RecursionError):
            raise damaged_store(store.path, "the row of a run is not what was written") from None
        return Results(sweep.name, columns)


_TEXT: set[type] = {str}
_OPTIONAL: set[type] = {str, type(None)}
_HELD: dict[str, set[type]] = {  # what a row holds
    **{name: _TEXT for name in ("key", "grp", "axes", "state", "settings")},
    "error": _OPTIONAL,
    "result": _OPTIONAL,
    "attempts": {int},
    "seconds": {float, int, type(None)},
}
_SCALARS = {str, int, float, bool, type(None)}
_BEYOND = 2**63  # no whole number of ours is that large


def _check_held(held: dict[str, list[Any]]) -> None:
    for name, values in held.items():
        if not set(map(type, values)) <= _HELD[name]:
            raise TypeError(name)


def _check_columns(columns: dict[str, list[Any]]) -> None:
    """Raise TypeError or ValueError for what a table cannot hold: nested values, huge integers, bad text."""
    for name, values in columns.items():
        kinds = set(map(type, values))
        if not kinds <= _SCALARS:
            raise TypeError(name)
        if int in kinds and any(type(value) is int and abs(value) >= _BEYOND for value in values):
            raise ValueError(name)
        if str in kinds:
            "".join([name, *(value for value in values if type(value) is str)]).encode()
    "".join(columns).encode()


def grid_axes(sweep: Sweep) -> dict[str, list[Any]]:
    """Return the axes of all blocks but the seeds, each with its values as columns hold them, in order."""
    found: dict[str, list[Any]] = {}
    for axis in (axis for block in sweep.blocks for axis in block.axes if axis.name != "seed"):
        found[axis.name] = list(dict.fromkeys([*found.get(axis.name, []), *map(_cell, axis.labels)]))
    return found


def _one_setting_each(sweep: Sweep) -> bool:
    """Return whether the axes are all that differs between runs: then the settings need not be read."""
    (first, *others) = sweep.blocks
    moved = {key for axis in first.axes for change in axis.changes for key in change}
    follow = {"n_c", "L", "design", "latents", "vocabulary", "normaliser"}  # others follow from these
    return not others and moved == {axis.name for axis in first.axes} and not moved & follow


@contextmanager
def no_collection() -> Iterator[None]:
    """Millions of small objects are made and none in a cycle: the cycle collector would double the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _columns(
    held: dict[str, list[Any]], quantities: Collection[str] | None, only_axes: bool, as_text: bool
) -> dict[str, list[Any]]:
    axes, results = _parsed(held["axes"]), _parsed(held["result"], as_text)
    settings = [{}] * len(axes) if only_axes else _parsed(held["settings"])
    if not axes:
        return {name: [] for name in (*_FIRST, *_LAST, "key")}
    names = list(dict.fromkeys(name for labels in axes for name in labels))
    first = settings[0]
    differ = [
        name for name in first if name not in names and any(one.get(name) != first[name] for one in settings)
    ]
    columns: dict[str, list[Any]] = {"group": held["grp"]}
    for name in names:  # an axis that a block lacks has there the value of the setting
        columns[name] = [
            _cell(labels[name] if name in labels else one.get(name))
            for labels, one in zip(axes, settings, strict=True)
        ]
    for name in differ:
        columns[name] = [_cell(one.get(name)) for one in settings]
    columns |= {name: held[name] for name in ("state", "attempts", "error")}
    columns["run_seconds"] = held["seconds"]
    measured = dict.fromkeys(chain.from_iterable(results))
    wanted = None if quantities is None else {*quantities, *(name.rpartition("_")[0] for name in quantities)}
    for name in measured if wanted is None else [name for name in measured if name in wanted]:
        values = [result.get(name) for result in results]
        if list not in set(map(type, values)):
            columns[name] = values
            continue
        lists = (value if isinstance(value, list) else () for value in values)
        for i, column in enumerate(zip_longest(*lists), start=1):
            columns[f"{name}_{i}"] = list(column)
    columns["key"] = held["key"]
    return columns


def _parsed(texts: list[str | None], as_text: bool = False) -> list[dict[str, Any]]:
    """Many small JSON texts at once, which is several times faster than one by one."""
    whole = "[" + ",".join("{}" if text is None else text for text in texts) + "]"
    found: list[dict[str, Any]] = json.loads(whole, parse_float=str) if as_text else json.loads(whole)
    if len(found) != len(texts) or not set(map(type, found)) <= {dict}:
        raise ValueError("not one object each")
    return found


def _cell(value: Any) -> Any:
    return " ".join(map(str, value)) if isinstance(value, list) else value


@dataclass(frozen=True)
class Cell:
    """The runs of one point, which differ in their seeds.

    Attributes:
        count: runs with a value.
        mean: of their values.
        low, high: of the 95 % interval of the mean (Student's t); NaN for one run.
        values: themselves.
    """

    count: int
    mean: float
    low: float
    high: float
    values: tuple[float, ...]


def cells(
    results: Results,
    by: Sequence[str],
    value: str | Callable[[Results], np.ndarray],
) -> dict[tuple[Any, ...], Cell]:
    """Return a cell for each combination of the columns `by`, as they appear, of the runs with a value.

    Raises:
        InputError: an unknown column, a value that is not a number, or one beyond ±1e150, whose square is no
            float.
    """
    numbers = results.numbers(value) if isinstance(value, str) else value(results)
    beyond = numbers[np.abs(numbers) > _LARGEST]
    if beyond.size:
        name = value if isinstance(value, str) else "a quantity"
        raise InputError(
            f"{name} = {beyond[0]:g} in sweep {results.name!r}, but must be within ±{_LARGEST:g}"
        )
    groups: dict[tuple[Any, ...], list[float]] = {}
    for key, number in zip(
        zip(*(results.column(name) for name in by), strict=True), numbers.tolist(), strict=True
    ):
        if not math.isnan(number):
            groups.setdefault(key, []).append(number)
    return {key: _cell_of(values) for key, values in groups.items()}


def _cell_of(values: list[float]) -> Cell:
    from scipy.stats import t

    n, mean = len(values), float(np.mean(values))
    half = math.nan if n < 2 else float(t.ppf(0.975, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Cell(n, mean, mean - half, mean + half, tuple(values))
