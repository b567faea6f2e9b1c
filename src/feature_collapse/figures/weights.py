"""Figures 3 and 4: word embeddings (after the normaliser, if there is one) and linear weights, by concept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.experiments.record import Record
from feature_collapse.experiments.settings import Settings
from feature_collapse.figures.projection import project
from feature_collapse.figures.style import colour, marker, panels, plain, styled

_CLOUD = 1000  # points of a concept
_LISTED = 8  # concepts named in the legend


Points = tuple[np.ndarray, np.ndarray]


def embeddings(record: Record) -> Points:
    """Return the word representations φ(w) of a record, (n_w, d), and the concept of each."""
    task = record.task
    return record.weights.features(), np.repeat(np.arange(task.n_c), task.s_c)


def linear_weights(record: Record) -> Points:
    """Return the u_{k,ℓ} of a record, (K L, d), and the concept z_{k,ℓ} of each."""
    return record.weights.U.reshape(-1, record.weights.d), record.task.latents.reshape(-1)


def what_ran(settings: Settings) -> str:
    """The network, the word law and the amount of data in words: `h, Zipf words, 5 sentences per class`."""
    law = "Zipf" if settings.word_law == "zipf" else settings.word_law
    law += f"({settings.exponent:g})" if settings.word_law == "zipf" and settings.exponent != 1 else ""
    words = f"{settings.vocabulary} vocabulary" if settings.vocabulary else f"{law} words"
    sentences = "sentence" if settings.n_spl == 1 else "sentences"
    return f"{network_name(settings)}, {words}, {settings.n_spl} {sentences} per class"


def network_name(settings: Settings) -> str:
    """Return `h` without a normaliser, `h*` with one."""
    return "h" if settings.normaliser == "none" else "h*"


def concept_names(record: Record) -> list[str]:
    """Return the names of the concepts, as text for a picture."""
    words = record.task.vocabulary
    return [plain(words.concept_name(a)) if words.concepts else f"concept {a + 1}" for a in range(words.n_c)]


@styled
def draw_weights(record: Record) -> Figure:
    """Draw two panels, embeddings and linear weights, with their leading singular values."""
    settings = record.settings
    figure, (left, right) = panels(1, 2, (7.2, 3.9))
    phi = "" if settings.normaliser == "none" else f", after {settings.normaliser}"
    names = concept_names(record)
    for axes, title, (rows, concepts) in (
        (left, f"word embeddings{phi}", embeddings(record)),
        (right, r"linear weights $u_{k,\ell}$", linear_weights(record)),
    ):
        values = draw_points(axes, rows, concepts, names)
        axes.set(title=title, xlabel="1st principal axis", ylabel="2nd principal axis")
        shown = ", ".join(_singular_value(v, values[0]) for v in values[:3])
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
    accuracy = 100 * record.summary["test_accuracy"]
    figure.suptitle(f"{plain(what_ran(settings), 80)}: test accuracy {accuracy:.1f}%", fontsize=10)
    return figure


def _singular_value(value: float, largest: float) -> str:
    """Return three digits; 0 for what is rounding beside the largest, the weights being kept as float32."""
    if value <= 1e-6 * largest:
        return "0"
    return f"{value:.3g}" if value >= 0.01 else f"{value:.1e}"


def draw_points(axes: Axes, rows: np.ndarray, concepts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Scatter the two principal components by concept on equal axes; return the singular values, falling.

    A cloud of many points is pixels in a PDF too, as it is to the eye.
    """
    points, values = project(rows, concepts)
    for alpha, name in enumerate(names):
        x, y = points[concepts == alpha].T
        axes.scatter(
            x,
            y,
            s=5,
            color=colour(alpha),
            marker=marker(alpha),
            linewidths=0,
            alpha=0.8,
            label=name,
            rasterized=len(x) > _CLOUD,
        )
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.08)
    return values
