"""Figures 3 and 4: the word embeddings (after the normaliser, where there is one) and the u_{k,ℓ}, by concept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.experiments.record import Record
from feature_collapse.figures.projection import project
from feature_collapse.figures.style import colour, marker, panels, plain, styled
from feature_collapse.model.normalisers import make_normaliser

_LISTED = 8  # concepts named in the legend


Points = tuple[np.ndarray, np.ndarray]


def embeddings(record: Record) -> Points:
    """The word representations φ(w) of a record, (n_w, d), and the concept of each."""
    settings = record.settings
    normaliser = make_normaliser(settings.normaliser, settings.eps)
    features = normaliser.forward(torch.from_numpy(record.W)).numpy()
    return features, np.repeat(np.arange(settings.n_c), len(record.mu))


def linear_weights(record: Record) -> Points:
    """The u_{k,ℓ} of a record, (K L, d), and the concept z_{k,ℓ} of each."""
    return record.U.reshape(-1, record.U.shape[2]), record.latents.reshape(-1)


@styled
def draw_weights(record: Record) -> Figure:
    """Two panels, embeddings and linear weights, with their leading singular values."""
    settings = record.settings
    figure, (left, right) = panels(1, 2, (7.2, 3.9))
    phi = "" if settings.normaliser == "none" else f", after {settings.normaliser}"
    names = (record.config.get("names") or {}).get("concepts") or [
        f"concept {a + 1}" for a in range(settings.n_c)
    ]
    names = [plain(name) for name in names]
    for axes, title, (rows, concepts) in (
        (left, f"word embeddings{phi}", embeddings(record)),
        (right, r"linear weights $u_{k,\ell}$", linear_weights(record)),
    ):
        values = draw_points(axes, rows, concepts, names)
        axes.set(title=title, xlabel="1st principal axis", ylabel="2nd principal axis")
        shown = ", ".join(f"{v:.3g}" if v >= 0.01 else f"{v:.1e}" for v in values[:3])
        box = {"facecolor": "white", "alpha": 0.8, "edgecolor": "none", "pad": 1.5}
        axes.text(
            0.02,
            0.985,
            f"singular values\n{shown}",
            transform=axes.transAxes,
            va="top",
            fontsize=7.5,
            bbox=box,
        )
    handles, labels = left.get_legend_handles_labels()
    columns = min(_LISTED, settings.n_c)
    figure.legend(
        handles[:_LISTED], labels[:_LISTED], loc="outside lower center", ncols=columns, markerscale=3
    )
    law = f"Zipf({settings.exponent:g})" if settings.word_law == "zipf" else settings.word_law
    law = f"{plain(settings.vocabulary)} vocabulary" if settings.vocabulary else f"{law} words"
    figure.suptitle(
        f"{'h' if settings.normaliser == 'none' else 'h*'}, {law}, {settings.n_spl} sentences per class: "
        f"test accuracy {100 * record.summary['test_accuracy']:.1f}%",
        fontsize=10,
    )
    return figure


def draw_points(axes: Axes, rows: np.ndarray, concepts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Scatter the two principal components by concept on equal axes; returns the singular values, largest first."""
    points, values = project(rows, concepts)
    for alpha, name in enumerate(names):
        x, y = points[concepts == alpha].T
        axes.scatter(
            x, y, s=5, color=colour(alpha), marker=marker(alpha), linewidths=0, alpha=0.8, label=name
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    return values
