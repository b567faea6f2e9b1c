"""What figures 8, 9 and 11-13 share: a map over two axes, slices with intervals, and the paper's points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

from feature_collapse.errors import InputError, check_real
from feature_collapse.figures.style import COLOURS, MARKERS
from feature_collapse.figures.sweep_map import draw_mesh, interval
from feature_collapse.sweeps.results import Cell, Results, cells

GRID, PAPER = "grid", "paper"  # the groups of the presets
FAILURE = 0.9  # test accuracy below which a network is said to fail
Field = dict[tuple[Any, ...], Cell]


def finished(results: Results, **wanted: Any) -> Results:
    """Return the finished runs whose columns have the given values.

    Raises:
        InputError: there is none, or no such column.
    """
    found = results.where(state="done")
    for name, value in wanted.items():  # one by one: without a row there may be no column
        found = found.where(**{name: value}) if len(found) else found
    if not len(found):
        raise _missing(results, wanted)
    return found


def _missing(results: Results, wanted: Mapping[str, Any], value: str = "") -> InputError:
    wish = " and ".join(
        [*([f"a {value}"] if value else []), *(f"{name} = {x}" for name, x in wanted.items())]
    )
    return InputError(
        f"results {results.name!r} have no finished run{wish and ' with '}{wish}, "
        "which the figure is drawn from"
    )


def check_column(results: Results, name: str, low: float = 0.0, *, above: bool = False) -> None:
    """Refuse a column that cannot be an axis of a figure.

    Raises:
        InputError: a value that is no number, below `low` (or at it, with `above`), or beyond 1e100.
    """
    for value in dict.fromkeys(results.column(name)):
        check_real(f"column {name!r} of results {results.name!r}: {name}", value, low, 1e100, above=above)


def field(results: Results, x: str, y: str, value: str, **wanted: Any) -> Field:
    """Return cells over two columns of the finished runs with the wanted values; seeds averaged.

    Raises:
        InputError: none of them has the value.
    """
    found = cells(finished(results, **wanted), (x, y), value)
    if not found:
        raise _missing(results, wanted, value)
    return found


def paper_points(results: Results, network: str, exponent: float, value: str) -> dict[Any, Cell]:
    """Cells over n_spl of the runs at the paper's size; there need be none."""
    runs = results.where(state="done").where(group=PAPER, network=network)
    return at(cells(runs, ("n_spl", "exponent"), value), 1, exponent)


def draw_field(axis: Axes, found: Field, x: str, y: str, title: str, **options: Any) -> Any:
    """Draw a map with its axes named; return the mesh."""
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
    axis: Axes, results: Results, x: str, y: str, value: str, level: float
) -> dict[float, list[float]]:
    """Draw for each y the x beyond which the value stays above a level: mean over the seeds, bars over all.

    Returns the crossing of each seed for each y, NaN where there is none; x and y are drawn as positions on
    the map.
    """
    by_seed = cells(results, (y, "seed", x), value)
    xs, ys = (sorted({key[i] for key in by_seed}) for i in (2, 0))  # as on the map
    found: dict[float, list[float]] = {}
    for height in ys:
        seeds = sorted({key[1] for key in by_seed if key[0] == height})
        found[height] = [
            crossing({key[2]: cell.mean for key, cell in by_seed.items() if key[:2] == (height, seed)}, level)
            for seed in seeds
        ]
    rows = [i for i, height in enumerate(ys) if not all(math.isnan(v) for v in found[height])]
    positions = [[_position(v, xs) for v in found[ys[i]] if not math.isnan(v)] for i in rows]
    means = np.array([np.mean(v) for v in positions])
    low, high = (np.array([f(v) for v in positions]) for f in (min, max))
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
            label=f"{100 * level:.0f} %",
            path_effects=[withStroke(linewidth=2.6, foreground="white")],  # seen on every colour of the map
        )
    return found


def _position(value: float, ticks: Sequence[float]) -> float:
    return float(np.interp(math.log(value), [math.log(t) for t in ticks], range(len(ticks))))


def draw_slice(axis: Axes, found: Mapping[Any, Cell], value: str, index: int, label: str) -> None:
    """Draw means over one axis with their 95 % intervals as bars."""
    _draw_bars(axis, found, value, index, markersize=4, linewidth=1.2, label=label)


def draw_paper(axis: Axes, found: Mapping[Any, Cell], value: str, index: int, label: str) -> None:
    """Draw the paper's points at their full size: large open markers with their 95 % intervals."""
    look = {"markersize": 10, "markerfacecolor": "none", "markeredgewidth": 1.4, "linestyle": "none"}
    _draw_bars(axis, found, value, index, label=label, **look)


def _draw_bars(axis: Axes, found: Mapping[Any, Cell], value: str, index: int, **options: Any) -> None:
    xs = sorted(found)
    if not xs:
        return
    means, lows, highs = interval([found[x] for x in xs], value)
    bars = np.nan_to_num(np.maximum([means - lows, highs - means], 0.0))  # one run has no bar
    axis.errorbar(xs, means, yerr=bars, color=COLOURS[index], marker=MARKERS[index], **options)


def log_axis(axis: Axes, values: Sequence[float]) -> None:
    """Give a panel a logarithmic x axis with the given values as its ticks, as many as there is room for."""
    axis.set_xscale("log")
    shown = [values[0]]
    for value in values[1:]:
        if value >= 1.45 * shown[-1]:
            shown.append(value)
    axis.set_xticks(shown, [f"{value:g}" for value in shown])
    axis.minorticks_off()


def at(found: Field, position: int, value: Any) -> dict[Any, Cell]:
    """Return the cells of a field with one coordinate given, keyed by the other."""
    return {key[1 - position]: cell for key, cell in found.items() if key[position] == value}


def symbol(network: str) -> str:
    """Return the paper's symbol of a network, `h` or `h*`."""
    return "$h^*$" if network == "h*" else f"${network}$"


def write_cells(axis: Axes, found: Field, text: Callable[[Cell], str], dark: Callable[[Cell], bool]) -> None:
    """Write a number on each field of a map, white where the field is dark."""
    xs, ys = (sorted({key[i] for key in found}) for i in (0, 1))
    for (x, y), cell in found.items():
        ink = "white" if dark(cell) else "black"
        axis.text(xs.index(x), ys.index(y), text(cell), ha="center", va="center", fontsize=6.5, color=ink)
