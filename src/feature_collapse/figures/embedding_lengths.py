"""Figure 5 (ours): embedding norm against word frequency, log-log: trained words as points, the theory as a line.

Theorem 2 says that frequent words get larger embeddings; for K < n_c^L random latents R5 gives the curve.
Words that the training set never shows keep no norm under weight decay, and fall below the line.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from feature_collapse.errors import InputError
from feature_collapse.figures.style import GREY, colour, marker, panels, styled


@styled
def figure5(
    mu: Float[np.ndarray, " s_c"],
    norms: Float[np.ndarray, "n_c s_c"],
    r: Float[np.ndarray, " s_c"] | None,
    *,
    theory: str = "theory",
    concepts: tuple[str, ...] = (),
) -> Figure:
    """Norms of the embeddings of every concept against the frequency of their words, and the predicted norms.

    Args:
        mu: (s_c,) frequencies.
        norms: (n_c, s_c) norms ‖w_(α,β)‖.
        r: (s_c,) predicted norms, or None for no line.
        theory: name of the line.
        concepts: n_c names.

    Raises:
        InputError: shapes that do not fit, or entries that are not finite and, for frequencies, positive.
    """
    mu, norms = np.asarray(mu, dtype=np.float64), np.asarray(norms, dtype=np.float64)
    fits = (
        mu.ndim == 1
        and norms.ndim == 2
        and norms.shape[1] == mu.size > 0
        and (r is None or np.shape(r) == mu.shape)
    )
    if not fits:
        raise InputError(
            f"norms have shape {norms.shape} and mu {mu.shape}, but must be (n_c, s_c) and (s_c,), as r"
        )
    if not (np.isfinite(norms).all() and np.isfinite(mu).all() and mu.min() > 0):
        raise InputError("norms and mu must be finite, and mu > 0")
    figure, (axes,) = panels(1, 1, (4.6, 3.3))
    size = float(np.clip(3000 / mu.size, 9, 28))
    for alpha, values in enumerate(norms):
        shown = values > 0
        name = concepts[alpha] if concepts else f"concept {alpha + 1}"
        axes.scatter(
            mu[shown],
            values[shown],
            s=size,
            c=colour(alpha),
            marker=marker(alpha),
            alpha=0.7,
            linewidths=0,
            label=name if len(norms) <= 8 else None,
            zorder=2,
        )
    if r is not None and np.max(r) > 0:
        order = np.argsort(mu)
        axes.plot(mu[order], np.asarray(r)[order], color="black", linewidth=0.9, label=theory, zorder=3)
    axes.set_xscale("log")
    if (norms > 0).any():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("frequency of the word inside its concept")
    axes.set_ylabel("norm of its embedding")
    axes.grid(True, color=GREY, alpha=0.25, linewidth=0.5)
    axes.legend(loc="best", markerscale=1.6)
    return figure
