"""Figures 3 and 4: the word embeddings (after the normaliser, where there is one) and the u_{k,ℓ}, by concept."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.experiments.record import Record
from feature_collapse.figures.projection import project
from feature_collapse.figures.style import colour, marker, panels, styled
from feature_collapse.normalisers import make_normaliser

_LISTED = 8  # concepts named in the legend


@styled
def draw_weights(record: Record) -> Figure:
    """Two panels, embeddings and linear weights, with their leading singular values."""
    settings = record.settings
    features = make_normaliser(settings.normaliser, settings.eps).forward(torch.from_numpy(record.W)).numpy()
    figure, (left, right) = panels(1, 2, (7.2, 3.9))
    phi = "" if settings.normaliser == "none" else f", after {settings.normaliser}"
    names = record.config.get("names", {}).get("concepts") or [f"concept {a + 1}" for a in range(settings.n_c)]
    _panel(left, features, np.repeat(np.arange(settings.n_c), len(record.mu)), f"word embeddings{phi}", names)
    _panel(
        right,
        record.U.reshape(-1, record.U.shape[2]),
        record.latents.reshape(-1),
        r"linear weights $u_{k,\ell}$",
        names,
    )
    handles, labels = left.get_legend_handles_labels()
    figure.legend(
        handles[:_LISTED], labels[:_LISTED], loc="outside lower center", ncols=min(_LISTED, settings.n_c), markerscale=3
    )
    law = f"Zipf({settings.exponent:g})" if settings.word_law == "zipf" else settings.word_law
    law = f"{settings.vocabulary} vocabulary" if settings.vocabulary else f"{law} words"
    figure.suptitle(
        f"{'h' if settings.normaliser == 'none' else 'h*'}, {law}, {settings.n_spl} sentences per class: "
        f"test accuracy {100 * record.summary['test_accuracy']:.1f}%",
        fontsize=10,
    )
    return figure


def _panel(axes: Axes, rows: np.ndarray, concepts: np.ndarray, title: str, names: list[str]) -> None:
    points, values = project(rows, concepts)
    for alpha, name in enumerate(names):
        x, y = points[concepts == alpha].T
        axes.scatter(x, y, s=5, color=colour(alpha), marker=marker(alpha), linewidths=0, alpha=0.8, label=name)
    axes.set_title(title)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    axes.set_xlabel("1st principal axis")
    axes.set_ylabel("2nd principal axis")
    shown = ", ".join(f"{v:.3g}" if v >= 0.01 else f"{v:.1e}" for v in values[:3])
    axes.text(
        0.02,
        0.985,
        f"singular values\n{shown}",
        transform=axes.transAxes,
        va="top",
        fontsize=7.5,
        bbox={"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5},
    )
