"""Figure 13: the idealised theorems 1 (h) and 3 (h*) beside the exact minimum for random latents (ours).

Random latents are never symmetric. The exact minimum is R6's or R7's, proved for the latents that were drawn.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from feature_collapse.errors import check_real
from feature_collapse.figures.phase import (
    GRID,
    PAPER,
    Field,
    at,
    check_column,
    draw_field,
    draw_paper,
    draw_slice,
    finished,
    log_axis,
    write_cells,
)
from feature_collapse.figures.style import panels, styled
from feature_collapse.sweeps.results import Cell, Results, cells

LENGTH = 15  # of the paper's sentences
_THEOREMS = {"h": "theorem 1, $h$", "h*": "theorem 3, $h^*$"}
_LINEAR, _END = 0.01, 2.0  # linear within ±1 %; the colours end at ±200 %
_DARK = 0.25  # relative difference beyond which a field is dark


@styled
def draw_phase_symmetry(results: Results) -> Figure:
    """Draw the median relative difference over K × L for both theorems, and over K at the paper's L.

    Bars go from the lowest to the highest seed: one pair of equal latents can turn a seed's sign.

    Raises:
        InputError: results of another sweep, or of which something that is shown is missing; it is named.
    """
    grid = finished(results, group=GRID)
    finished(results, group=GRID, L=LENGTH)
    for name in ("K", "L"):
        check_column(grid, name, above=True)
    figure, (left, middle, right) = panels(1, 3, (13.4, 3.3), width_ratios=(1, 1, 1.1))
    sizes: set[float] = set()
    for index, (axis, (network, theorem)) in enumerate(zip((left, middle), _THEOREMS.items(), strict=True)):
        runs = finished(results, group=GRID, network=network)
        for risk in runs.column("limit_risk"):
            check_real(f"column 'limit_risk' of results {results.name!r}: limit_risk", risk, 0.0, above=True)
        found = _medians(runs)
        norm = SymLogNorm(_LINEAR, vmin=-_END, vmax=_END, base=10)
        words = "number of classes $K$"
        mesh = draw_field(axis, found, words, "sentence length $L$", theorem, norm=norm, cmap="RdBu_r")
        write_cells(axis, found, _percent, lambda cell: abs(cell.mean) > _DARK)
        draw_slice(right, at(found, 1, LENGTH), "relative difference", index, theorem)
        full = results.where(state="done").where(group=PAPER, network=network, L=LENGTH)
        points = at(_medians(full), 1, LENGTH)
        draw_paper(right, points, "relative difference", index, f"{theorem}, the paper's size")
        sizes.update({K for K, _ in found}, points)
    figure.colorbar(mesh, ax=[left, middle], label="(theorem - minimum)/minimum")
    log_axis(right, sorted(sizes))
    right.set_yscale("symlog", linthresh=_LINEAR)
    right.set(xlabel="number of classes $K$", ylabel="relative difference", title=f"$L$ = {LENGTH}")
    right.set_ylim(-_END, _END)
    figure.legend(loc="outside right upper")
    return figure


def _percent(cell: Cell) -> str:
    return f"{100 * cell.mean:+.2g}%" if abs(cell.mean) < 1 else f"{100 * cell.mean:+.0f}%"


def _medians(runs: Results) -> Field:
    """Return for each K and L the median over the seeds, its ends being the lowest and the highest."""
    found = cells(runs, ("K", "L"), relative_difference)
    return {
        key: replace(cell, mean=float(np.median(cell.values)), low=min(cell.values), high=max(cell.values))
        for key, cell in found.items()
    }


def relative_difference(results: Results) -> np.ndarray:
    """Return of each run how far the theorem's risk is above the minimum, relative to the minimum."""
    return np.asarray(results.numbers("theorem_risk") / results.numbers("limit_risk") - 1.0)
