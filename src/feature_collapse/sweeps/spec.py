"""What a sweep runs: a base experiment, axes, seeds, what to keep of each run; from TOML or from Python.

    name = "example"
    [base]                      settings of every run
    n_w = 120
    method = "certified"
    [axes]                      every combination is run
    n_spl = [1, 2, 5, 10]
    seeds = 5
    [record]                    optional
    quantities = ["test_accuracy", "risk"]
    folders = false             a record on disk for each run
    [[extra]]                   optional: further runs beside the grid, on top of `base`
    group = "paper"
    base = { n_w = 1200 }
    axes = { n_spl = [5, 500] }
    [quick]                     optional: what `--quick` puts in place of the above
    base = { n_w = 30 }
    axes = { seeds = 2 }

The axes are described in `axes`.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_collapse.boundary import read_toml
from feature_collapse.errors import InputError, nearest
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.settings import Settings
from feature_collapse.sweeps.axes import KEYS, Axis, read_axis
from feature_collapse.sweeps.quantities import check_quantities

LARGE = 10_000  # runs, above which a grid must be confirmed
_TOP = ("name", "title", "base", "axes", "record", "extra", "quick")
_BLOCK = ("group", "base", "axes")
_RECORD = ("quantities", "folders")
_QUICK = ("base", "axes", "extra")
GRID = "grid"  # the group of the main block


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes:
        key: the hash of its settings.
        group: the block it comes from.
        axes: the label on each axis.
        settings: of the run.
    """

    key: str
    group: str
    axes: dict[str, Any]
    settings: Settings


@dataclass(frozen=True)
class Block:
    """A grid: every combination of the axes' values on top of a base."""

    group: str
    base: dict[str, Any]
    axes: tuple[Axis, ...]

    @property
    def count(self) -> int:
        """The number of combinations."""
        return math.prod(len(axis) for axis in self.axes)


@dataclass(frozen=True)
class Sweep:
    """A sweep, checked as far as that costs nothing per run.

    Attributes:
        name: of the sweep, also of its files.
        blocks: the grid, and what was added beside it.
        quantities: names of the results to keep; none for all.
        folders: whether each run leaves a record on disk.
        source: the plain mapping it was made of, kept in the store.
    """

    name: str
    blocks: tuple[Block, ...]
    quantities: tuple[str, ...]
    folders: bool
    source: dict[str, Any]

    @property
    def count(self) -> int:
        """The number of combinations, before those that give the same settings are counted once."""
        return sum(block.count for block in self.blocks)

    def runs(self) -> Iterator[Run]:
        """Return every run once, in the order of the axes, the last axis fastest. About 50 µs a run.

        Raises:
            InputError: a combination whose settings do not fit together; it is named.
        """
        seen = set()
        for block in self.blocks:
            for combination in itertools.product(*(range(len(axis)) for axis in block.axes)):
                values, labels = dict(block.base), {}
                for axis, index in zip(block.axes, combination, strict=True):
                    values |= axis.changes[index]
                    labels[axis.name] = axis.labels[index]
                point = ", ".join(f"{name} = {label}" for name, label in labels.items())
                settings = Settings.from_mapping(values, f"sweep {self.name!r} at {point or 'its base'}")
                found = Experiment.of(settings)
                if found.key not in seen:
                    seen.add(found.key)
                    yield Run(found.key, block.group, labels, found.settings)

    @classmethod
    def from_mapping(
        cls, source: Mapping[str, Any], where: str = "the sweep", *, quick: bool = False
    ) -> Sweep:
        """Return a sweep from a plain mapping, as a TOML file gives it; with `quick`, at its quick size.

        Raises:
            InputError: an unknown key or axis (the nearest is named), an empty grid, a value of the wrong
                kind.
        """
        plain = _quick(dict(source), where) if quick else {k: v for k, v in source.items() if k != "quick"}
        if not quick and _table(source, "quick", where):
            next(cls.from_mapping(source, f"{where}: quick", quick=True).runs(), None)
        _known(plain, _TOP, where)
        if not any(plain.get(key) for key in ("base", "axes", "extra")):
            raise InputError(f"{where} names no runs, but must have a table [base] or [axes], or [[extra]]")
        name = plain.get("name")
        if not isinstance(name, str) or not name or not all(c.isalnum() or c in "-_." for c in name):
            raise InputError(f"{where}: name = {name!r}, but must be letters, digits, '-', '_' and '.'")
        base, record = _table(plain, "base", where), _table(plain, "record", where)
        _known(record, _RECORD, f"{where}: record")
        quantities, folders = record.get("quantities", []), record.get("folders", False)
        if not isinstance(quantities, list) or not all(isinstance(q, str) for q in quantities):
            raise InputError(f"{where}: record.quantities = {quantities!r}, but must be a list of names")
        if not isinstance(folders, bool):
            raise InputError(f"{where}: record.folders = {folders!r}, but must be true or false")
        title = plain.get("title", "")
        if not isinstance(title, str):
            raise InputError(f"{where}: title = {title!r}, but must be text")
        blocks = [_block({"group": GRID, "base": {}, "axes": _table(plain, "axes", where)}, base, where)]
        extra = plain.get("extra", [])
        if not isinstance(extra, list) or not all(isinstance(entry, Mapping) for entry in extra):
            raise InputError(f"{where}: extra must be a list of tables, [[extra]] in TOML")
        blocks += [_block(entry, base, f"{where}: extra") for entry in extra]
        return cls(name, tuple(blocks), check_quantities(quantities, where), folders, plain)


def read_sweep(path: str | Path, *, quick: bool = False) -> Sweep:
    """Return a sweep from a TOML file.

    Raises:
        InputError: as `Sweep.from_mapping`; a file that is missing or is not TOML.
    """
    source = {"name": Path(path).stem, **read_toml(path, "sweep")}
    return Sweep.from_mapping(source, f"sweep file {str(path)!r}", quick=quick)


def check_size(sweep: Sweep, confirmed: bool) -> None:
    """Refuse a grid of more than 10,000 runs that was not confirmed.

    Raises:
        InputError: telling the number of runs.
    """
    if sweep.count > LARGE and not confirmed:
        sizes = " + ".join(
            " × ".join(f"{len(axis)} {axis.name}" for axis in block.axes) or "1" for block in sweep.blocks
        )
        raise InputError(
            f"sweep {sweep.name!r} has {sweep.count:,} runs ({sizes}), more than {LARGE:,}; "
            "confirm with --yes"
        )


def _block(entry: Mapping[str, Any], base: Mapping[str, Any], where: str) -> Block:
    _known(entry, _BLOCK, where)
    group = entry.get("group", "extra")
    if not isinstance(group, str):
        raise InputError(f"{where}: group = {group!r}, but must be text")
    own = {**base, **_table(entry, "base", where)}
    for key in own:
        if key not in KEYS:
            raise InputError(
                f"{where}: unknown key {key!r} in base{nearest(key, KEYS)}; known are {', '.join(KEYS)}"
            )
    axes = tuple(read_axis(name, value, where) for name, value in _table(entry, "axes", where).items())
    owner: dict[str, str] = {}
    for axis in axes:
        for key in dict.fromkeys(key for change in axis.changes for key in change):
            if key in owner:
                raise InputError(f"{where}: the axes {owner[key]!r} and {axis.name!r} both set {key}")
            owner[key] = axis.name
    return Block(group, own, axes)


def _quick(source: dict[str, Any], where: str) -> dict[str, Any]:
    quick = _table(source, "quick", where)
    if not quick:
        raise InputError(f"{where} has no table [quick], so it cannot be run with --quick")
    _known(quick, _QUICK, f"{where}: quick")
    plain = {key: value for key, value in source.items() if key not in ("quick", "extra")}
    plain["base"] = {**_table(source, "base", where), **_table(quick, "base", where)}
    plain["axes"] = {**_table(source, "axes", where), **_table(quick, "axes", where)}
    return plain | ({"extra": quick["extra"]} if "extra" in quick else {})


def _table(source: Mapping[str, Any], key: str, where: str) -> dict[str, Any]:
    value = source.get(key, {})
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: {key} = {value!r}, but must be a table")
    return dict(value)


def _known(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in table:
        if key not in known:
            raise InputError(
                f"{where}: unknown key {key!r}{nearest(key, known)}; known are {', '.join(known)}"
            )
