"""The word frequencies μ of a record, on logarithmic axes: a power law is a straight line."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from feature_collapse.experiments.record import Record
from feature_collapse.figures.style import COLOURS, GREY, panels, styled


@styled
def draw_word_frequencies(record: Record) -> Figure:
    """Draw μ_β against the rank β, and beside it how often each word occurs in the training set."""
    mu, n_c = record.task.mu, record.task.n_c
    rank = np.arange(1, len(mu) + 1)
    counts = np.bincount(record.train.words.ravel(), minlength=n_c * len(mu)).reshape(n_c, -1)
    figure, (left, right) = panels(1, 2, (7.2, 2.9))
    left.loglog(rank, mu, ".", color=COLOURS[0], markersize=4)
    left.set(
        xlabel=r"rank $\beta$ of a word in its concept", ylabel=r"frequency $\mu_\beta$", title="word law"
    )
    if mu.max() < 1.05 * mu.min():
        left.set_ylim(mu.mean() / 10, mu.mean() * 10)
    seen = counts > 0
    right.loglog(
        np.tile(rank, (n_c, 1))[seen],
        counts[seen],
        ".",
        color=COLOURS[0],
        markersize=2.5,
        alpha=0.6,
        label="a word",
    )
    right.loglog(rank, mu * record.train.words.size / n_c, color=GREY, linewidth=1, label="expected")
    right.set(
        xlabel=r"rank $\beta$",
        ylabel="occurrences",
        title=f"training set ({100 * seen.mean():.1f}% of words occur)",
    )
    right.legend(markerscale=2)
    return figure
