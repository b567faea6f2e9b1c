"""Figure 12: test accuracy of h where the decay of a word is in proportion to (its frequency)^q (ours).

q = 0 is the paper's decay. With q = 1 theorem 1 holds for every word law: full collapse without
normalisation.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.figures.phase import (
    FAILURE,
    GRID,
    PAPER,
    at,
    check_column,
    draw_boundary,
    draw_field,
    draw_paper,
    draw_slice,
    field,
    finished,
    log_axis,
)
from feature_collapse.figures.style import GREY, colour, marker, panels, styled
from feature_collapse.sweeps.results import Results, cells

NORM = 1.42214  # theorem 1's embedding norm at the paper's size
SLICES = (0.0, 0.5, 1.0)  # decay exponents
_NORMALISED, _LAZY, _FULL_LAZY = "normalised", "lazy", "paper-lazy"  # groups of the preset
_ASIDE = 0.09  # between the two markers of a network


@styled
def draw_phase_decay(results: Results) -> Figure:
    """Draw the map over n_spl × q, slices beside h* and lazy SGD, and the paper's size.

    Raises:
        InputError: results of another sweep, or of which something that is shown is missing; it is named.
    """
    grid = finished(results, group=GRID, network="h")
    normalised = field(results, "n_spl", "network", "test_accuracy", group=_NORMALISED, network="h*")
    lazy = cells(_longest(finished(results, group=_LAZY)), ("n_spl",), "test_accuracy")
    paper = finished(results, group=PAPER)
    full = {name: paper.where(network=name) for name in dict.fromkeys(paper.column("network"))}
    trained = _longest(finished(results, group=_FULL_LAZY))
    full |= {name: trained.where(network=name) for name in dict.fromkeys(trained.column("network"))}
    for runs in (grid, finished(results, group=_NORMALISED), finished(results, group=_LAZY)):
        check_column(runs, "n_spl", above=True)
    check_column(grid, "decay_exponent")
    figure, (left, middle, right, last) = panels(1, 4, (14.4, 3.7), width_ratios=(1.2, 1, 1, 0.9))
    found = field(results, "n_spl", "decay_exponent", "test_accuracy", group=GRID, network="h")
    title = f"test accuracy of $h$ (line: {100 * FAILURE:.0f} %)"
    words = "sentences per class $n_{spl}$"
    mesh = draw_field(left, found, words, "decay exponent $q$", title, vmin=0, vmax=1)
    draw_boundary(left, grid, "n_spl", "decay_exponent", "test_accuracy", FAILURE)
    figure.colorbar(mesh, ax=left)
    shown = [q for q in sorted({key[1] for key in found}) if q in SLICES]
    for index, q in enumerate(shown):
        draw_slice(middle, at(found, 1, q), "test_accuracy", index, f"$h$, $q$ = {q:g}")
    draw_slice(middle, at(normalised, 1, "h*"), "test_accuracy", len(shown), "$h^*$")
    points = {key[0]: cell for key, cell in lazy.items()}
    draw_paper(middle, points, "test_accuracy", len(shown) + 1, "$h$, SGD with lazy decay")
    middle.axhline(FAILURE, color=GREY, linewidth=0.8, linestyle=":")
    log_axis(middle, sorted({key[0] for key in (*found, *normalised)}))
    middle.set(xlabel=words, ylabel="test accuracy", title="slices", ylim=(-0.03, 1.05))
    middle.legend(loc="lower right")
    _draw_full_size(right, full)
    _draw_norms(last, {name: runs for name, runs in full.items() if name != "h*"})
    return figure


def _longest(runs: Results) -> Results:
    """Return the runs that were trained longest."""
    check_column(runs, "epochs", above=True)
    return runs.where(epochs=max(runs.column("epochs")))


def _draw_full_size(axis: Axes, full: Mapping[str, Results]) -> None:
    """Draw test accuracy and distance to collapse (type I; II under a normaliser) of each network."""
    for index, label in enumerate(("test accuracy", "distance to collapse")):
        points = {}
        for position, (name, runs) in enumerate(full.items()):
            value = "test_accuracy" if index == 0 else "type_II" if name == "h*" else "type_I"
            for cell in cells(runs, ("network",), value).values():
                points[position + (2 * index - 1) * _ASIDE] = cell
        draw_paper(axis, points, "test_accuracy", index, label)
    _name(axis, list(full))
    axis.set(title="the paper's size, $n_{spl}$ = 5", ylim=(-0.03, 1.05))
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)  # among the points there is no room


def _draw_norms(axis: Axes, full: Mapping[str, Results]) -> None:
    """Draw the mean length of the embeddings of each network without a normaliser, and their spread."""
    for position, runs in enumerate(full.values()):
        mean, spread = (float(np.nanmean(runs.numbers(f"norm_W_{what}"))) for what in ("mean", "std"))
        axis.errorbar(position, mean, yerr=spread, color=colour(0), marker=marker(0), capsize=3)
    axis.axhline(NORM, color=GREY, linewidth=0.8, linestyle=":", label="theorem 1")
    _name(axis, list(full))
    axis.set(ylim=(0.0, None), title="embedding norms (bar: ± their std)")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16))


def _name(axis: Axes, names: list[str]) -> None:
    """Name the networks at their positions, 0 and up."""
    shown = [name.replace("h*", "$h^*$").replace("h, ", "$h$\n").replace("q", "$q$") for name in names]
    axis.set_xticks(range(len(names)), shown)
    axis.set_xlim(-0.5, len(names) - 0.5)
