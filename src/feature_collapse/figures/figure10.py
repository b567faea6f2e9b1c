"""Figure 10: how far above the certified minimum SGD is, over training time, for h and h* (ours).

For each task, (risk of SGD - lower bound)/lower bound, the bound being that of the certified run on the same data;
it is at least the relative distance to the minimum.
"""

from __future__ import annotations

import math

import numpy as np
from matplotlib.figure import Figure

from feature_collapse.figures.style import COLOURS, GREY, MARKERS, panels, styled
from feature_collapse.sweeps.results import Results, cells


@styled
def draw(results: Results) -> Figure:
    """One panel for the gap, one for the test accuracy; bands from the lowest to the highest seed, lines the median.

    Raises:
        InputError: results of another sweep.
    """
    figure, (left, right) = panels(1, 2, (8.6, 3.3))
    done = results.where(state="done")
    bounds = {
        key: cell.mean
        for key, cell in cells(done.where(group="certified"), ("network", "n_spl", "seed"), "lower_bound").items()
    }
    columns = zip(*(done.column(name) for name in ("network", "n_spl", "seed")), strict=True)
    bound = np.array([bounds.get(key, math.nan) for key in columns])
    gap = done.numbers("risk") / bound - 1.0
    accuracy = done.numbers("test_accuracy")
    training = np.array([name != "certified" for name in done.column("group")])
    kinds = [
        (network, n_spl)
        for n_spl in sorted({n for _, n, _ in bounds})
        for network in dict.fromkeys(name for name, _, _ in bounds)
    ]
    for index, (network, n_spl) in enumerate(kinds):
        name = "$h$" if network == "h" else "$h^*$"
        for axis, value in ((left, gap), (right, accuracy)):
            chosen = np.where(training, value, math.nan)
            found = cells(done, ("network", "n_spl", "epochs"), lambda _, chosen=chosen: chosen)  # type: ignore[misc]
            curve = {key[2]: cell.values for key, cell in found.items() if key[:2] == (network, n_spl)}
            xs = sorted(curve)
            low, middle, high = (np.array([f(curve[x]) for x in xs]) for f in (min, np.median, max))
            line = axis.plot(xs, middle, color=COLOURS[index], marker=MARKERS[index], markersize=3, linewidth=1.2)[0]
            line.set(label=f"{name}, $n_{{spl}}$ = {n_spl}", linestyle="-" if network == "h" else "--")
            axis.fill_between(xs, low, high, color=COLOURS[index], alpha=0.25, linewidth=0)
    own = float(np.nanmax(done.where(group="certified").numbers("relative_gap")))
    left.axhline(own, color=GREY, linewidth=0.8, linestyle=":")
    left.annotate(
        "below: the bound's own gap",
        (0.02, own),
        xycoords=("axes fraction", "data"),
        fontsize=7,
        va="bottom",
        color=GREY,
    )
    left.set(xscale="log", yscale="log", xlabel="epochs", ylabel="(risk - bound)/bound", title="risk above the minimum")
    right.set(xscale="log", xlabel="epochs", ylabel="test accuracy", title="test accuracy", ylim=(-0.03, 1.03))
    left.legend()
    return figure
