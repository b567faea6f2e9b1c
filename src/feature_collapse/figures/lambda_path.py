"""Figure 7 (ours): the collapse as λ varies: rank, singular values and risk of the global minimiser.

Above λ_max the minimiser is zero. Below it n_c - 1 directions appear, one per contrast between concepts: full
collapse. As λ falls further the minimiser begins to tell words of the same concept apart, and the rank grows.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.errors import InputError
from feature_collapse.figures.style import COLOURS, GREY, panels, styled
from feature_collapse.solver.lambda_path import LambdaPath

_PROVED = ("solved", "zero")  # the status of a solution with the gap asked for


@styled
def draw_lambda_path(path: LambdaPath, *, n_c: int | None = None, lambda_max: float | None = None) -> Figure:
    """Draw rank, singular values of the words, and risk with its proved lower bound, each over log λ.

    Args:
        path: the minimisers, in any order of λ.
        n_c: draws the rank of full collapse, n_c - 1.
        lambda_max: draws where the minimiser becomes zero.

    Raises:
        InputError: a path with columns that do not fit each other, or values that are not finite.
    """
    _check(path)
    order = np.argsort(path.lambdas)
    x = path.lambdas[order]
    figure, (left, middle, right) = panels(1, 3, (9.0, 2.8))
    left.step(x, path.rank[order], where="mid", color=COLOURS[0])
    left.set_ylabel("rank of the minimiser")
    if n_c is not None:
        left.axhline(n_c - 1, color=GREY, linestyle="--", linewidth=0.8, label=f"full collapse: {n_c - 1}")
    _draw_spectrum(middle, x, path.singular_values[order], n_c)
    right.plot(x, path.risk[order], color=COLOURS[0], label="risk")
    right.plot(x, path.lower_bound[order], color="black", linestyle=":", label="proved lower bound")
    right.set_ylabel("risk with its penalty")
    unproved = np.array([path.status[i] not in _PROVED for i in order])
    _mark(left, x[unproved], path.rank[order][unproved])
    _mark(right, x[unproved], path.risk[order][unproved])
    for axis in (left, right):
        if axis.get_legend_handles_labels()[0]:
            axis.legend()
    for axis in (left, middle, right):
        axis.set_xscale("log")
        axis.set_xlabel("λ")
        axis.grid(True, color=GREY, alpha=0.25, linewidth=0.5)
        if lambda_max is not None:
            axis.axvline(lambda_max, color=GREY, linewidth=0.8)
    return figure


def _mark(axis: Axes, x: np.ndarray, values: np.ndarray) -> None:
    """Ring the λ at which the solver stopped before the gap asked for was proved."""
    if x.size:
        axis.plot(x, values, "o", color=COLOURS[5], markerfacecolor="none", label="gap not proved")


def _draw_spectrum(axis: Axes, x: np.ndarray, values: np.ndarray, n_c: int | None) -> None:
    """Draw the singular values: one colour for the concepts, another for what tells single words apart."""
    collapsed = values.shape[1] if n_c is None else min(n_c - 1, values.shape[1])
    for index in range(values.shape[1]):
        first = index < collapsed
        axis.plot(
            x,
            values[:, index],
            color=COLOURS[0] if first else COLOURS[1],
            linewidth=1.4 if first else 0.8,
            label={0: "concepts" if n_c is not None else None, collapsed: "single words"}.get(index),
        )
    axis.set_ylabel("singular values of W")
    if n_c is not None:
        axis.legend()


def _check(path: LambdaPath) -> None:
    x, values = path.lambdas, path.singular_values
    if x.ndim != 1 or not x.size or values.ndim != 2 or len(values) != x.size:
        raise InputError(
            f"lambdas have shape {x.shape} and singular values {values.shape}, but must be (n,) and (n, m)"
        )
    if len(path.status) != x.size:
        raise InputError(f"status has {len(path.status)} entries, but must have {x.size}")
    for name, column in (("rank", path.rank), ("risk", path.risk), ("lower_bound", path.lower_bound)):
        if np.shape(column) != x.shape or not np.isfinite(column).all():
            raise InputError(f"{name} has shape {np.shape(column)}, but must be ({x.size},) and finite")
    if not (np.isfinite(x).all() and x.min() > 0):
        raise InputError("lambdas must be finite and > 0")
