"""Figure 5 (ours): embedding norm against word frequency, log-log: trained words, and the theory as a line.

Theorem 2 says that frequent words get larger embeddings; for K < n_c^L random latents R5 gives the curve.
Words that the training set never shows keep no norm under weight decay, and fall below the line.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from feature_collapse.experiments.record import Record
from feature_collapse.figures.style import GREY, colour, marker, panels, styled
from feature_collapse.figures.weights import concept_names
from feature_collapse.theory.predict import reference

_NAMED = 8  # concepts named in the legend


@styled
def draw_embedding_lengths(record: Record) -> Figure:
    """Draw the norm ‖w_(α,β)‖ of every word against its frequency μ_β, and the theory's r_β."""
    settings, weights, mu = record.settings, record.weights, record.task.mu
    norms = np.linalg.norm(weights.W, axis=1).reshape(record.task.n_c, -1)
    theory = reference(record.task, settings.lambda_, settings.d, weights.normaliser)
    figure, (axes,) = panels(1, 1, (4.6, 3.3))
    _draw_words(axes, mu, norms, concept_names(record))
    if theory.r is not None and np.max(theory.r) > 0:
        order = np.argsort(mu)
        axes.plot(
            mu[order], np.asarray(theory.r)[order], color="black", lw=0.9, label=theory.theorem, zorder=3
        )
    axes.set(xlabel="frequency of the word inside its concept", ylabel="norm of its embedding")
    axes.grid(True, color=GREY, alpha=0.25, linewidth=0.5)
    axes.set_xscale("log")
    _plain_ticks(axes, "x")
    if (norms > 0).any():
        axes.set_yscale("log")
        _plain_ticks(axes, "y")
    axes.legend(loc="best", markerscale=1.6)
    return figure


def _draw_words(axes: Axes, mu: np.ndarray, norms: np.ndarray, names: list[str]) -> None:
    """Scatter the words of each concept that have a norm."""
    size = float(np.clip(3000 / mu.size, 9, 28))
    for alpha, values in enumerate(norms):
        shown = values > 0
        axes.scatter(
            mu[shown],
            values[shown],
            s=size,
            c=colour(alpha),
            marker=marker(alpha),
            alpha=0.7,
            linewidths=0,
            label=names[alpha] if len(norms) <= _NAMED else None,
            zorder=2,
        )


def _plain_ticks(axes: Axes, side: str) -> None:
    """Name 1, 2 and 5 times the powers of ten as plain numbers; beyond three decades the powers alone."""
    axis = axes.xaxis if side == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1.0,) if high > 1000 * low else (1.0, 2.0, 5.0)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())
