"""Figure 6 (ours): the three types of collapse side by side, for n_c = 2, 3 and 4 concepts.

Embeddings in the n_c - 1 dimensions that they span, drawn as arrows with a dot for each word: type I has all
words of a concept in one point, type II the same at norm √d after normalisation, type III one ray with norms
by frequency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import blended_transform_factory

from feature_collapse.errors import InputError, check_int
from feature_collapse.figures.style import GREY, colour, marker, styled
from feature_collapse.model.geometry import simplex
from feature_collapse.task.frequencies import Law, zipf
from feature_collapse.theory import theorem2

TITLES = (
    "type I\nall words of a concept alike",
    "type II\nthe same, at a fixed norm",
    "type III\none direction, norm by frequency",
)


@styled
def draw_collapse_types(
    concepts: Sequence[int] = (2, 3, 4), mu: Law | None = None, L: int = 3, lambda_: float = 1e-2
) -> Figure:
    """Return the three types for several numbers of concepts; the norms of type III are those of theorem 2.

    Args:
        concepts: numbers of concepts, each 2, 3 or 4 (they span 1, 2 or 3 dimensions).
        mu: word law of type III, Zipf with 6 words where None.
        L: sentence length for theorem 2.
        lambda_: λ for theorem 2.

    Raises:
        InputError: no numbers, or numbers that cannot be drawn.
    """
    if not concepts:
        raise InputError("concepts is empty, but must name at least one number of concepts")
    for n_c in concepts:
        check_int("n_c", n_c, 2, 4)
    mu = zipf(6) if mu is None else mu
    heights = [0.8 if n_c == 2 else 2.1 for n_c in concepts]
    engine = ConstrainedLayoutEngine(rect=(0.03, 0.0, 0.97, 1.0))  # room for the names of the rows
    figure = Figure(figsize=(7.0, sum(heights) + 0.4), layout=engine)
    grid = figure.add_gridspec(len(concepts), 3, height_ratios=heights)
    for row, n_c in enumerate(concepts):
        found = theorem2.constants(n_c, L, mu, lambda_)
        reach = float(found.r.max()) or 1.0
        lengths = (np.full(len(mu), 0.75), np.full(len(mu), 1.0), found.r / reach)
        for column, norms in enumerate(lengths):
            solid: dict[str, Any] = {"projection": "3d"} if n_c == 4 else {}
            axes = figure.add_subplot(grid[row, column], **solid)
            _draw(axes, simplex(n_c), norms, sphere=column == 1)
            if row == 0:
                axes.set_title(TITLES[column])
            if column == 0:
                across = blended_transform_factory(figure.transFigure, axes.transAxes)
                write = axes.text2D if n_c == 4 else axes.text
                name = write(0.015, 0.5, f"{n_c} concepts", transform=across, rotation=90, va="center")
                name.set_in_layout(False)  # the engine leaves the room
    return figure


def _draw(axes: Any, frame: np.ndarray, norms: np.ndarray, sphere: bool) -> None:
    """Draw one panel: rays of the frame, words as dots, and the circle or sphere of a fixed norm."""
    dimensions = frame.shape[1]
    pad = np.zeros((len(frame), max(0, 2 - dimensions)))
    frame = np.hstack([frame, pad])
    if sphere:
        _circle(axes, dimensions)
    for alpha, f in enumerate(frame):
        ends = np.vstack([np.zeros_like(f), f * norms.max()])
        axes.plot(*ends.T, color=colour(alpha), linewidth=1.0, zorder=1)
        words = norms[:, None] * f
        flat: dict[str, Any] = {"depthshade": False} if dimensions == 3 else {}
        axes.scatter(
            *words.T, s=16, color=colour(alpha), marker=marker(alpha), linewidths=0, zorder=3, **flat
        )
    axes.scatter(*np.zeros((frame.shape[1], 1)), s=6, color="black", zorder=2)
    axes.set_axis_off()
    limit = (-1.12, 1.12)
    axes.set_xlim(limit)
    axes.set_ylim((-0.35, 0.35) if dimensions == 1 else limit)
    if dimensions == 3:
        axes.set_zlim(limit)
        axes.set_box_aspect((1, 1, 1), zoom=1.35)
        axes.view_init(elev=14, azim=70)
    else:
        axes.set_aspect("equal")


def _circle(axes: Any, dimensions: int) -> None:
    turn = np.linspace(0, 2 * np.pi, 100)
    if dimensions == 1:
        axes.plot([-1, -1, np.nan, 1, 1], [-0.15, 0.15, np.nan, -0.15, 0.15], color=GREY, linewidth=0.8)
    elif dimensions == 2:
        axes.plot(np.cos(turn), np.sin(turn), color=GREY, linewidth=0.8)
    else:
        for height in (-0.6, 0.0, 0.6):
            width = np.sqrt(1 - height**2)
            axes.plot(
                width * np.cos(turn), width * np.sin(turn), np.full(100, height), color=GREY, linewidth=0.5
            )
