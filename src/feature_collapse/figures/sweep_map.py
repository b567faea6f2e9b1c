"""A map of one quantity of a sweep over two axes, or curves over one, averaged over the seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.errors import InputError, check_choice
from feature_collapse.figures.style import COLOURS, MARKERS, panels, styled
from feature_collapse.sweeps.results import Cell, Results, cells

_MOST = 12  # panels or curves


@styled
def draw_map(
    results: Results,
    axes: Sequence[str],
    value: str,
    *,
    x: str | None = None,
    y: str | None = None,
    split: str | None = None,
) -> Figure:
    """One panel for each value of `split`: a map over x and y, or with y = 'none' curves over x with 95 % intervals.

    Other axes, and the seeds, are averaged over.

    Args:
        results: of the sweep.
        axes: of the sweep, without the seeds.
        value: name of the quantity.
        x: name of an axis; by default the first.
        y: by default the second.
        split: by default one of at most 12 values, if there is any.

    Raises:
        InputError: an unknown axis or quantity, or nothing to draw.
    """
    for name, chosen in (("x", x), ("split", split)):
        if chosen is not None:
            check_choice(name, chosen, axes)
    if y is not None:
        check_choice("y", y, [*axes, "none"])
    if not axes:
        raise InputError(f"sweep {results.name!r} has no axis to draw over besides its seeds")
    numeric = [name for name in axes if all(isinstance(v, (int, float)) for v in results.column(name))]
    free = [name for name in [*numeric, *axes] if name not in (x, y, split)]
    x = x or free[0]
    others = [name for name in axes if name not in (x, y, split)]
    y = y or next((name for name in numeric if name in others), "none")
    others = [name for name in others if name != y]
    others.sort(key=lambda name: name in numeric)  # rather networks side by side than another number
    split = split or next((name for name in others if len(set(results.column(name))) <= _MOST), None)
    by = [x, *([y] if y != "none" else []), *([split] if split else [])]
    found = cells(results.where(state="done") if "state" in results.columns else results, by, value)
    if not found:
        raise InputError(f"sweep {results.name!r} has no finished run with a {value}")
    kinds = list(dict.fromkeys(key[-1] for key in found)) if split else [None]
    if y == "none":
        figure, (axis,) = panels(1, 1, (4.6, 3.2))
        for i, kind in enumerate(kinds):
            curve = {key[0]: cell for key, cell in found.items() if not split or key[-1] == kind}
            draw_curve(axis, curve, i, "" if kind is None else f"{split} = {kind}")
        axis.set(xlabel=x, ylabel=value)
        if split:
            axis.legend()
        return figure
    columns = min(len(kinds), 3)
    rows = math.ceil(len(kinds) / columns)
    figure, places = panels(rows, columns, (3.2 * columns + 0.8, 2.8 * rows))
    means = [cell.mean for cell in found.values()]
    for axis in places[len(kinds) :]:
        axis.set_visible(False)
    for axis, kind in zip(places, kinds, strict=False):
        fields = {(key[0], key[1]): cell for key, cell in found.items() if not split or key[-1] == kind}
        mesh = draw_mesh(axis, fields, vmin=min(means), vmax=max(means))
        axis.set(xlabel=x, ylabel=y, title="" if kind is None else f"{split} = {kind}")
    figure.colorbar(mesh, ax=places, label=value)
    return figure


def draw_mesh(axis: Axes, found: dict[tuple[Any, Any], Cell], **options: Any) -> Any:
    """A map of the means on equally wide fields, labelled with the axes' values; returns the mesh."""
    xs, ys = (sorted({key[i] for key in found}) for i in (0, 1))
    grid = np.full((len(ys), len(xs)), np.nan)
    for (x, y), cell in found.items():
        grid[ys.index(y), xs.index(x)] = cell.mean
    mesh = axis.pcolormesh(np.arange(len(xs)), np.arange(len(ys)), grid, shading="nearest", **options)
    for set_ticks, values in ((axis.set_xticks, xs), (axis.set_yticks, ys)):
        step = max(1, math.ceil(len(values) / 12))
        set_ticks(range(0, len(values), step), [_short(v) for v in values[::step]])
    axis.tick_params(axis="x", rotation=45 if len(xs) > 6 else 0)
    return mesh


def draw_curve(axis: Axes, found: dict[Any, Cell], index: int, label: str) -> None:
    """Means over one axis with the 95 % interval as a band; logarithmic where the values span more than 30."""
    xs = sorted(found)
    means, lows, highs = (np.array([getattr(found[x], name) for x in xs]) for name in ("mean", "low", "high"))
    at: Any = xs if all(isinstance(x, (int, float)) for x in xs) else range(len(xs))
    axis.plot(at, means, marker=MARKERS[index % 8], color=COLOURS[index % 8], label=label, markersize=4, linewidth=1.2)
    axis.fill_between(at, lows, highs, color=COLOURS[index % 8], alpha=0.2, linewidth=0)
    if at is not xs:
        axis.set_xticks(range(len(xs)), [str(x) for x in xs])
    elif xs[0] > 0 and xs[-1] / xs[0] > 30:
        axis.set_xscale("log")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, (int, float)) else str(value)
