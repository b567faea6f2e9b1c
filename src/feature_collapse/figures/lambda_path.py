"""Figure 7 (ours): the collapse as λ varies: rank, singular values and risk of the global minimiser.

Above λ_max the minimiser is zero. Below it n_c - 1 directions appear, one per contrast between concepts: full
collapse. As λ falls further the minimiser begins to tell words of the same concept apart, and the rank grows.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure

from feature_collapse.errors import InputError
from feature_collapse.figures.style import COLOURS, GREY, panels, styled


@styled
def figure7(
    lambdas: Float[np.ndarray, " n"],
    rank: Int[np.ndarray, " n"],
    singular_values: Float[np.ndarray, "n m"],
    risk: Float[np.ndarray, " n"],
    lower_bound: Float[np.ndarray, " n"],
    *,
    n_c: int | None = None,
    lambda_max: float | None = None,
) -> Figure:
    """Three panels over log λ: rank; singular values of the words; risk and its proved lower bound.

    Args:
        lambdas: (n,) positive.
        rank: (n,) directions in use.
        singular_values: (n, m) falling in each row.
        risk: (n,).
        lower_bound: (n,).
        n_c: draws the rank of full collapse, n_c - 1.
        lambda_max: draws where the minimiser becomes zero.

    Raises:
        InputError: shapes that do not fit, or values that are not finite.
    """
    x = np.asarray(lambdas, dtype=np.float64)
    values = np.asarray(singular_values, dtype=np.float64)
    if x.ndim != 1 or not x.size or values.ndim != 2 or len(values) != x.size:
        raise InputError(
            f"lambdas have shape {x.shape} and singular values {values.shape}, but must be (n,) and (n, m)"
        )
    for name, column in (("rank", rank), ("risk", risk), ("lower_bound", lower_bound)):
        if np.shape(column) != x.shape or not np.isfinite(column).all():
            raise InputError(f"{name} has shape {np.shape(column)}, but must be ({x.size},) and finite")
    if not (np.isfinite(x).all() and x.min() > 0):
        raise InputError("lambdas must be finite and > 0")
    figure, axes = panels(1, 3, (9.0, 2.8))
    order = np.argsort(x)
    x = x[order]
    axes[0].step(x, np.asarray(rank)[order], where="mid", color=COLOURS[0])
    axes[0].set_ylabel("rank of the minimiser")
    if n_c is not None:
        axes[0].axhline(n_c - 1, color=GREY, linestyle="--", linewidth=0.8, label=f"full collapse: {n_c - 1}")
        axes[0].legend()
    collapsed = values.shape[1] if n_c is None else min(n_c - 1, values.shape[1])
    for index in range(values.shape[1]):
        first = index < collapsed
        label = {0: "concepts" if n_c is not None else None, collapsed: "single words"}.get(index)
        axes[1].plot(
            x,
            values[order, index],
            color=COLOURS[0] if first else COLOURS[1],
            linewidth=1.4 if first else 0.8,
            label=label,
        )
    axes[1].set_ylabel("singular values of W")
    if n_c is not None:
        axes[1].legend()
    axes[2].plot(x, np.asarray(risk)[order], color=COLOURS[0], label="risk")
    axes[2].plot(x, np.asarray(lower_bound)[order], color="black", linestyle=":", label="proved lower bound")
    axes[2].set_ylabel("risk with its penalty")
    axes[2].legend()
    for one in axes:
        one.set_xscale("log")
        one.set_xlabel("λ")
        one.grid(True, color=GREY, alpha=0.25, linewidth=0.5)
        if lambda_max is not None:
            one.axvline(lambda_max, color=GREY, linewidth=0.8)
    return figure
