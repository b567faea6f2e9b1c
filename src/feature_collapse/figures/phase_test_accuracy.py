"""Figure 8: test accuracy over n_spl × Zipf exponent, for h and h*, with the boundary of failure (ours).

The paper has two points of this plane: n_spl = 5 and 500 at exponent 1 (figure 4).
"""

from __future__ import annotations

from matplotlib.figure import Figure

from feature_collapse.figures.phase import (
    FAILURE,
    GRID,
    at,
    check_column,
    draw_boundary,
    draw_field,
    draw_paper,
    draw_slice,
    field,
    finished,
    log_axis,
    paper_points,
    symbol,
)
from feature_collapse.figures.style import GREY, panels, styled
from feature_collapse.sweeps.results import Results

PAPERS = {("h", 5): 0.437, ("h", 500): 0.999, ("h*", 5): 1.0}  # the authors' notebooks; one unseeded run each
EXPONENT = 1.0


@styled
def draw_phase_test_accuracy(results: Results) -> Figure:
    """Draw two maps, and the slice at exponent 1 with the paper's points at full size.

    Raises:
        InputError: results of another sweep, or of which something that is shown is missing; it is named.
    """
    grid = finished(results, group=GRID)
    networks = {name: finished(results, group=GRID, network=name) for name in ("h", "h*")}
    check_column(finished(results), "n_spl", above=True)
    check_column(finished(results), "exponent")
    finished(results, group=GRID, exponent=EXPONENT)
    figure, (left, middle, right) = panels(1, 3, (11.0, 3.3), width_ratios=(1, 1, 1.1))
    for index, (axis, (network, runs)) in enumerate(zip((left, middle), networks.items(), strict=True)):
        found = field(results, "n_spl", "exponent", "test_accuracy", group=GRID, network=network)
        name = symbol(network)
        mesh = draw_field(
            axis,
            found,
            "sentences per class $n_{spl}$",
            "Zipf exponent",
            f"test accuracy of {name} (line: {100 * FAILURE:.0f} %)",
            vmin=0,
            vmax=1,
        )
        draw_boundary(axis, runs, "n_spl", "exponent", "test_accuracy", FAILURE)
        draw_slice(right, at(found, 1, EXPONENT), "test_accuracy", index, f"{name}, this sweep")
        full = paper_points(results, network, EXPONENT, "test_accuracy")
        draw_paper(right, full, "test_accuracy", index, f"{name}, the paper's size")
    figure.colorbar(mesh, ax=[left, middle])
    right.plot(
        [n for _, n in PAPERS], list(PAPERS.values()), "k+", markersize=9, label="the authors' runs", zorder=5
    )
    right.axhline(FAILURE, color=GREY, linewidth=0.8, linestyle=":")
    log_axis(right, sorted({*grid.column("n_spl"), *(n for _, n in PAPERS)}))
    right.set(
        xlabel="sentences per class $n_{spl}$",
        ylabel="test accuracy",
        title="exponent 1",
        ylim=(-0.03, 1.05),
    )
    right.legend(loc="lower right")
    return figure
