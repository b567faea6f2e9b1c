"""A map of one quantity of a sweep over two axes, or curves over one, averaged over the seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from feature_collapse.errors import InputError, check_choice
from feature_collapse.figures.style import colour, marker, panels, plain, styled
from feature_collapse.figures.ticks import MOST_TICKS, is_number, label, ordered, tick_labels
from feature_collapse.sweeps.results import Cell, Results, cells

_MOST = 12  # panels or curves
_UNIT = {"test_accuracy", "train_accuracy", "type_I", "type_II", "type_III"}  # from 0 to 1
_DRAWABLE = 1e150  # a larger number stands in the row of values, not on a scale


@styled
def draw_map(
    results: Results,
    axes: Sequence[str] | Mapping[str, Sequence[Any]],
    value: str,
    *,
    x: str | None = None,
    y: str | None = None,
    split: str | None = None,
) -> Figure:
    """Draw a map over x and y for each value of `split`, or with y = 'none' curves over x with intervals.

    Other axes, and the seeds, are averaged over. A run without a value on an axis stands at 'none' there.

    Args:
        results: of the sweep.
        axes: of the sweep, without the seeds; with their values, text is drawn in that order, else as it
            appears.
        value: name of the quantity.
        x: name of an axis; by default the first.
        y: by default the second.
        split: an axis of at most 12 values; by default there is one if any is left.

    Raises:
        InputError: an unknown axis or quantity, one axis in two places, more than 12 panels or curves, or
            nothing to draw.
    """
    _check(results.name, list(axes), x, y, split)
    done = results.where(state="done") if "state" in results.columns else results
    if not len(done):
        failed = f"; {len(results):,} failed" if len(results) else ""
        raise InputError(f"no run of sweep {results.name!r} is finished yet{failed}")
    known = dict(axes) if isinstance(axes, Mapping) else {}
    values = {name: ordered(done.column(name), known.get(name, ())) for name in axes}
    x, y, split = _chosen(values, x, y, split)
    if split and len(values[split]) > _MOST:
        raise InputError(
            f"split = {split!r} has {len(values[split]):,} values, but must be an axis of at most {_MOST}: "
            "each is a panel or a curve"
        )
    by = [name for name in (x, y, split) if name is not None]
    found = cells(done, by, value)
    if not found:
        raise InputError(f"sweep {results.name!r} has no finished run with a {value}")
    present = [ordered((key[i] for key in found), values[name]) for i, name in enumerate(by)]
    kinds = {kind: {key[:-1]: cell for key, cell in found.items() if key[-1] == kind} for kind in present[-1]}
    if y is None:
        curves = (
            {kind: {key[0]: cell for key, cell in own.items()} for kind, own in kinds.items()}
            if split
            else {}
        )
        return _curves(
            curves or {None: {key[0]: cell for key, cell in found.items()}}, present[0], x, value, split
        )
    return _maps(kinds if split else {None: found}, (present[0], present[1]), (x, y), value, split)


def _check(sweep: str, axes: Sequence[str], x: str | None, y: str | None, split: str | None) -> None:
    """Refuse what cannot be drawn whatever was measured."""
    if not axes:
        raise InputError(f"sweep {sweep!r} has no axis to draw over besides its seeds")
    taken: dict[str, str] = {}
    for role, name in (("x", x), ("y", y), ("split", split)):
        if name is None:
            continue
        check_choice(role, name, [*axes, "none"] if role == "y" else axes)
        if name in taken:
            raise InputError(f"{role} = {name!r}, but {taken[name]} is the same axis; each must be another")
        taken[name] = role
    if x is None and not set(axes) - set(taken):
        given = " and ".join(f"{role} = {name!r}" for name, role in taken.items())
        raise InputError(f"{given} leaves no axis for x: sweep {sweep!r} has only {', '.join(axes)}")


def _chosen(
    values: Mapping[str, Sequence[Any]], x: str | None, y: str | None, split: str | None
) -> tuple[str, str | None, str | None]:
    """Return the axes that are drawn: numbers rather along x and y, networks rather side by side."""
    numeric = [name for name in values if all(is_number(v) for v in values[name])]
    x = x or next(name for name in [*numeric, *values] if name not in (y, split))
    y = y or next((name for name in numeric if name not in (x, split)), "none")
    others = sorted((name for name in values if name not in (x, y)), key=lambda name: name in numeric)
    split = split or next((name for name in others if len(values[name]) <= _MOST), None)
    return x, None if y == "none" else y, split


def _curves(
    curves: Mapping[Any, Mapping[Any, Cell]], xs: Sequence[Any], x: str, value: str, split: str | None
) -> Figure:
    """Draw curves with the 95 % interval as a band; x is logarithmic where its values span more than 30."""
    figure, (axis,) = panels(1, 1, (6.2 if split else 4.6, 3.2))
    scale = all(is_number(v) and (v == 0 or 1 / _DRAWABLE < abs(v) < _DRAWABLE) for v in xs)
    at = {v: float(v) if scale else i for i, v in enumerate(xs)}
    for i, (kind, curve) in enumerate(curves.items()):
        shown = [v for v in xs if v in curve]
        positions = [at[v] for v in shown]
        means, lows, highs = interval([curve[v] for v in shown], value)
        axis.plot(
            positions,
            means,
            marker=marker(i),
            color=colour(i),
            label=plain(label(kind), 30),
            markersize=4,
            linewidth=1.2,
        )
        axis.fill_between(positions, lows, highs, color=colour(i), alpha=0.2, linewidth=0)
    if not scale:
        _set_ticks(axis, "x", xs)
    elif xs[0] > 0 and at[xs[-1]] / at[xs[0]] > 30:
        axis.set_xscale("log")
    elif all(isinstance(v, int) for v in xs):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.set(xlabel=plain(x), ylabel=plain(value))
    if split:
        figure.legend(title=plain(split, 30), loc="outside right upper")
    return figure


def _maps(
    kinds: Mapping[Any, Mapping[tuple[Any, ...], Cell]],
    ticks: tuple[Sequence[Any], Sequence[Any]],
    names: tuple[str, str],
    value: str,
    split: str | None,
) -> Figure:
    columns = min(len(kinds), 3)
    rows = math.ceil(len(kinds) / columns)
    figure, axes = panels(rows, columns, (3.2 * columns + 0.8, 2.8 * rows))
    means = [cell.mean for fields in kinds.values() for cell in fields.values()]
    for axis in axes[len(kinds) :]:
        axis.set_visible(False)
    for axis, (kind, fields) in zip(axes, kinds.items(), strict=False):
        mesh = draw_mesh(axis, fields, *ticks, vmin=min(means), vmax=max(means))
        title = "" if split is None else f"{plain(split, 16)} = {plain(label(kind), 18)}"
        axis.set(xlabel=plain(names[0]), ylabel=plain(names[1], 34), title=title)
    figure.colorbar(mesh, ax=axes, label=plain(value))
    return figure


def draw_mesh(
    axis: Axes,
    found: Mapping[tuple[Any, ...], Cell],
    xs: Sequence[Any] | None = None,
    ys: Sequence[Any] | None = None,
    **options: Any,
) -> Any:
    """Draw a map of the means on equally wide fields, labelled with the axes' values; return the mesh.

    The values are those given, in their order, else those found, sorted.
    """
    xs, ys = (
        sorted({key[i] for key in found}) if given is None else given for i, given in enumerate((xs, ys))
    )
    column, row = ({v: i for i, v in enumerate(values)} for values in (xs, ys))
    grid = np.full((len(ys), len(xs)), np.nan)
    for (x, y), cell in found.items():
        grid[row[y], column[x]] = cell.mean
    mesh = axis.pcolormesh(np.arange(len(xs) + 1) - 0.5, np.arange(len(ys) + 1) - 0.5, grid, **options)
    for side, values in (("x", xs), ("y", ys)):
        _set_ticks(axis, side, values)
    return mesh


def _set_ticks(axis: Axes, side: str, values: Sequence[Any]) -> None:
    """Name the positions 0, 1, … of an axis; slanting where the names need room."""
    step = max(1, math.ceil(len(values) / MOST_TICKS))
    names = tick_labels(values[::step])
    slanting = side == "x" and (len(names) > 6 or sum(map(len, names)) > 30)
    options = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if slanting else {}
    getattr(axis, f"set_{side}ticks")(range(0, len(values), step), names, **options)


def interval(found: Sequence[Cell], value: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means and the ends of their 95 % intervals, cut to the range of the quantity; NaN ends for one run."""
    means, lows, highs = (
        np.array([getattr(cell, name) for cell in found]) for name in ("mean", "low", "high")
    )
    if value in _UNIT:
        lows, highs = np.clip(lows, 0.0, 1.0), np.clip(highs, 0.0, 1.0)
    return means, lows, highs
