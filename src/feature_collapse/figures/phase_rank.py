"""Figure 11: the rank of the certified optimum of h over λ × n_spl (ours).

Collapse is rank n_c - 1; above it the optimum has not collapsed, at 0 λ is so large that zero weights are the
minimum.
"""

from __future__ import annotations

from matplotlib.figure import Figure

from feature_collapse.figures.phase import (
    GRID,
    at,
    check_column,
    draw_field,
    draw_slice,
    field,
    finished,
    log_axis,
    write_cells,
)
from feature_collapse.figures.style import GREY, panels, styled
from feature_collapse.sweeps.results import Cell, Results

_SLICES = 4
_ASIDE = 1.035  # factor between the curves


@styled
def draw_phase_rank(results: Results) -> Figure:
    """Return the map with the mean rank written on each field, and slices over n_spl with 95 % intervals.

    Raises:
        InputError: results of another sweep, or of which something that is shown is missing; it is named.
    """
    grid = finished(results, group=GRID)
    check_column(grid, "n_spl", above=True)
    check_column(grid, "lambda")
    figure, (left, right) = panels(1, 2, (10.6, 3.8), width_ratios=(1.35, 1))
    found = field(results, "n_spl", "lambda", "rank_W", group=GRID)
    mesh = draw_field(
        left, found, "sentences per class $n_{spl}$", r"$\lambda$", "rank of the optimum of $h$", vmin=0
    )
    xs, ys = (sorted({key[i] for key in found}) for i in (0, 1))
    largest = max(cell.mean for cell in found.values())
    write_cells(left, found, _rank, lambda cell: cell.mean < 0.6 * largest)
    figure.colorbar(mesh, ax=left)
    chosen = ys[:: max(1, len(ys) // _SLICES)][:_SLICES]
    for index, value in enumerate(chosen):
        aside = _ASIDE ** (index - (len(chosen) - 1) / 2)  # bars of equal ranks stand beside each other
        beside = {n_spl * aside: cell for n_spl, cell in at(found, 1, value).items()}
        draw_slice(right, beside, "rank_W", index, rf"$\lambda$ = {value:.2g}")
    right.axhline(2, color=GREY, linewidth=0.8, linestyle=":", label="$n_c - 1$: collapse")
    log_axis(right, xs)
    right.set(ylim=(-0.3, None), xlabel="sentences per class $n_{spl}$", ylabel="rank", title="slices")
    figure.legend(loc="outside right upper")
    return figure


def _rank(cell: Cell) -> str:
    return f"{cell.mean:.0f}" if len(set(cell.values)) == 1 else f"{cell.mean:.1f}"
