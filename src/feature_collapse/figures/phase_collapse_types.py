"""Figure 9: distance to collapse of types III and I (h) and II (h*) over n_spl × Zipf exponent (ours).

The residual is 0 for a configuration of the type (definitions 1-3) and at most 1.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from feature_collapse.figures.phase import (
    GRID,
    at,
    check_column,
    draw_field,
    draw_paper,
    draw_slice,
    field,
    finished,
    log_axis,
    paper_points,
)
from feature_collapse.figures.style import panels, styled
from feature_collapse.sweeps.results import Results

EXPONENT = 1.0
_SHOWN = (
    ("h", "type_III", "type III, $h$"),
    ("h", "type_I", "type I, $h$"),
    ("h*", "type_II", "type II, $h^*$"),
)


@styled
def draw_phase_collapse_types(results: Results) -> Figure:
    """Draw three maps of residuals, and the slice at exponent 1 with the paper's points at full size.

    Raises:
        InputError: results of another sweep, or of which something that is shown is missing; it is named.
    """
    grid = finished(results, group=GRID)
    for network in ("h", "h*"):
        finished(results, group=GRID, network=network)
    check_column(finished(results), "n_spl", above=True)
    check_column(finished(results), "exponent")
    finished(results, group=GRID, exponent=EXPONENT)
    figure, axes = panels(2, 2, (8.6, 6.2))
    sizes = set(grid.column("n_spl"))
    for index, (network, quantity, title) in enumerate(_SHOWN):
        found = field(results, "n_spl", "exponent", quantity, group=GRID, network=network)
        mesh = draw_field(
            axes[index],
            found,
            "sentences per class $n_{spl}$",
            "Zipf exponent",
            f"distance to {title}",
            vmin=0,
            vmax=1,
            cmap="viridis_r",
        )
        draw_slice(axes[3], at(found, 1, EXPONENT), quantity, index, title)
        full = paper_points(results, network, EXPONENT, quantity)
        draw_paper(axes[3], full, quantity, index, "")
        sizes.update(full)
    figure.colorbar(mesh, ax=axes[:3], label="residual")
    axes[3].plot([], [], "ko", markersize=9, markerfacecolor="none", label="the paper's size")
    log_axis(axes[3], sorted(sizes))
    axes[3].set(
        xlabel="sentences per class $n_{spl}$", ylabel="residual", title="exponent 1", ylim=(-0.03, 1.03)
    )
    axes[3].legend()
    return figure
