"""What figures 8, 9 and 11 share: a map with values on its fields, slices with intervals, and the paper's points."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from feature_collapse.figures.style import COLOURS, MARKERS
from feature_collapse.figures.sweep_map import draw_mesh
from feature_collapse.sweeps.results import Cell, Results, cells

GRID, PAPER = "grid", "paper"  # the groups of the presets
Field = dict[tuple[Any, ...], Cell]


def group(results: Results, name: str) -> Results:
    """The finished runs of one block of a sweep."""
    return results.where(group=name, state="done")


def field(results: Results, x: str, y: str, value: str) -> Field:
    """Cells over two columns; seeds averaged."""
    return cells(results, (x, y), value)


def draw_field(axis: Axes, found: Field, x: str, y: str, title: str, **options: Any) -> Any:
    """A map with its axes named; returns the mesh."""
    mesh = draw_mesh(axis, found, **options)
    axis.set(xlabel=x, ylabel=y, title=title)
    return mesh


def crossing(values: Mapping[float, float], level: float) -> float:
    """The x from which on a sequence stays above a level, interpolated in log x; NaN where it never does.

    The smallest x where it is above everywhere.
    """
    xs = sorted(values)
    above = [values[x] >= level for x in xs]
    if not above[-1]:
        return math.nan
    first = len(xs) - 1
    while first > 0 and above[first - 1]:
        first -= 1
    if first == 0:
        return float(xs[0])
    a, b = xs[first - 1], xs[first]
    share = (level - values[a]) / (values[b] - values[a])
    return float(math.exp(math.log(a) + share * (math.log(b) - math.log(a))))


def draw_boundary(
    axis: Axes, results: Results, x: str, y: str, value: str, level: float, label: str
) -> dict[float, list[float]]:
    """The x beyond which the value stays above a level, for each y: mean over the seeds, bars from lowest to highest.

    Returns the crossing of each seed for each y, NaN where there is none; x and y are drawn as positions on the map.
    """
    xs, ys = (sorted(set(results.column(name))) for name in (x, y))
    by_seed = cells(results, (y, "seed", x), value)
    found: dict[float, list[float]] = {}
    for height in ys:
        seeds = sorted({key[1] for key in by_seed if key[0] == height})
        found[height] = [
            crossing({key[2]: cell.mean for key, cell in by_seed.items() if key[:2] == (height, seed)}, level)
            for seed in seeds
        ]
    rows = [i for i, height in enumerate(ys) if not all(math.isnan(v) for v in found[height])]
    place = [[_position(v, xs) for v in found[ys[i]] if not math.isnan(v)] for i in rows]
    means = np.array([np.mean(v) for v in place])
    low, high = (np.array([f(v) for v in place]) for f in (min, max))
    if rows:
        axis.errorbar(
            means,
            rows,
            xerr=np.stack([means - low, high - means]),
            color="black",
            marker="o",
            markersize=3,
            linewidth=1.2,
            elinewidth=1,
            label=label,
            path_effects=[withStroke(linewidth=2.6, foreground="white")],  # seen on every colour of the map
        )
    return found


def _position(value: float, ticks: Sequence[float]) -> float:
    return float(np.interp(math.log(value), [math.log(t) for t in ticks], range(len(ticks))))


def draw_slice(axis: Axes, found: Mapping[Any, Cell], index: int, label: str) -> None:
    """Means over one axis with their 95 % intervals as bars."""
    xs = sorted(found)
    means = np.array([found[x].mean for x in xs])
    half = np.array([0.0 if math.isnan(found[x].high) else found[x].high - found[x].mean for x in xs])
    axis.errorbar(
        xs, means, yerr=half, color=COLOURS[index], marker=MARKERS[index], markersize=4, linewidth=1.2, label=label
    )


def draw_paper(axis: Axes, found: Mapping[Any, Cell], index: int, label: str) -> None:
    """The paper's points at their full size: large open markers with their 95 % intervals."""
    xs = sorted(found)
    if not xs:
        return
    half = [0.0 if math.isnan(found[x].high) else found[x].high - found[x].mean for x in xs]
    axis.errorbar(
        xs,
        [found[x].mean for x in xs],
        yerr=half,
        color=COLOURS[index],
        marker=MARKERS[index],
        markersize=10,
        markerfacecolor="none",
        markeredgewidth=1.4,
        linestyle="none",
        label=label,
    )


def log_axis(axis: Axes, values: Sequence[float]) -> None:
    """A logarithmic x axis with the given values as its ticks, as many as there is room for."""
    axis.set_xscale("log")
    shown = [values[0]]
    for value in values[1:]:
        if value >= 1.45 * shown[-1]:
            shown.append(value)
    axis.set_xticks(shown, [f"{value:g}" for value in shown])
    axis.minorticks_off()


def at(found: Field, position: int, value: Any) -> dict[Any, Cell]:
    """The cells of a field with one coordinate given, keyed by the other."""
    return {key[1 - position]: cell for key, cell in found.items() if key[position] == value}
