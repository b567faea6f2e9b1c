"""Figure 10: how far above the certified minimum SGD is, over training time, for h and h* (ours).

For each task, (risk of SGD - lower bound)/lower bound, the bound being that of the certified run on the same
data; it is at least the relative distance to the minimum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.errors import InputError, check_real
from feature_collapse.figures.phase import check_column, finished, symbol
from feature_collapse.figures.style import GREY, colour, marker, panels, styled
from feature_collapse.sweeps.results import Results, cells

_TASK = ("network", "n_spl", "seed")


@styled
def draw_gap_over_training(results: Results) -> Figure:
    """Draw gap and test accuracy over the epochs; bands from the lowest to the highest seed, lines: medians.

    Raises:
        InputError: results of another sweep, or of which something that is shown is missing; it is named.
    """
    certified = finished(results, group="certified")
    for network in ("h", "h*"):
        finished(results, group="certified", network=network)
    check_column(certified, "n_spl")
    bounds = {key: cell.mean for key, cell in cells(certified, _TASK, "lower_bound").items()}
    for bound in bounds.values():
        check_real(f"column 'lower_bound' of results {results.name!r}: lower_bound", bound, 0.0, above=True)
    training = _training(results, bounds)
    check_column(training, "epochs", above=True)
    gap = training.numbers("risk") / np.array([bounds[key] for key in _tasks(training)]) - 1.0
    figure, (left, right) = panels(1, 2, (8.6, 3.3))
    kinds = [
        (network, n_spl)
        for n_spl in sorted({n for _, n, _ in bounds})
        for network in dict.fromkeys(name for name, _, _ in bounds)
    ]
    for axis, value, name in (
        (left, gap, "risk"),
        (right, training.numbers("test_accuracy"), "test_accuracy"),
    ):
        by = ("network", "n_spl", "epochs")
        found = cells(training, by, lambda _, value=value: value)  # type: ignore[misc]
        if not found:
            raise InputError(f"results {results.name!r} have no finished run of SGD with a {name}")
        for index, (network, n_spl) in enumerate(kinds):
            curve = {key[2]: cell.values for key, cell in found.items() if key[:2] == (network, n_spl)}
            if not curve:
                continue
            xs = sorted(curve)
            low, middle, high = (np.array([f(curve[x]) for x in xs]) for f in (min, np.median, max))
            line = axis.plot(
                xs, middle, color=colour(index), marker=marker(index), markersize=3, linewidth=1.2
            )[0]
            line.set(
                label=f"{symbol(network)}, $n_{{spl}}$ = {n_spl}", linestyle="-" if network == "h" else "--"
            )
            axis.fill_between(xs, low, high, color=colour(index), alpha=0.25, linewidth=0)
    own = max((cell.mean for cell in cells(certified, _TASK, "relative_gap").values()), default=0.0)
    if own > 0:
        _draw_own_gap(left, own)
    left.set(
        xscale="log",
        yscale="log",
        xlabel="epochs",
        ylabel="(risk - bound)/bound",
        title="risk above the minimum",
    )
    right.set(
        xscale="log", xlabel="epochs", ylabel="test accuracy", title="test accuracy", ylim=(-0.03, 1.03)
    )
    left.legend()
    return figure


def _tasks(results: Results) -> list[tuple[Any, ...]]:
    return list(zip(*(results.column(name) for name in _TASK), strict=True))


def _training(results: Results, bounds: Mapping[tuple[Any, ...], float]) -> Results:
    """Return the finished runs of SGD on tasks whose bound is known."""
    done = finished(results)
    groups = done.column("group")
    rows = [i for i, task in enumerate(_tasks(done)) if groups[i] != "certified" and task in bounds]
    if not rows:
        raise InputError(
            f"results {results.name!r} have no finished run of SGD on a task with a certified lower_bound"
        )
    return Results(done.name, {name: [values[i] for i in rows] for name, values in done.columns.items()})


def _draw_own_gap(axis: Axes, own: float) -> None:
    """Draw the line below which the bound itself is no nearer to the minimum."""
    axis.axhline(own, color=GREY, linewidth=0.8, linestyle=":")
    axis.annotate(
        "below: the bound's own gap",
        (0.02, own),
        xycoords=("axes fraction", "data"),
        fontsize=7,
        va="bottom",
        color=GREY,
    )
