"""What the pictures share: the entities that are drawn, the concepts that get a colour, their names.

Colours are Okabe and Ito's, told apart with any colour vision; shapes repeat what colours say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from feature_collapse.metrics.arrays import Floats, encode_concepts
from feature_collapse.metrics.report import Report, printable
from feature_collapse.metrics.views import normalise

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from feature_collapse.metrics.measured import Measured

COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000", "#F0E442")
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "*")
POINTS = 4000
MARKED = 3 * len(COLOURS)
"""Concepts that get a colour and a shape of their own: every colour comes back with another shape."""


class Scene:
    """The entities drawn (at most `POINTS`, by a seeded generator), and the concepts that get a colour."""

    def __init__(self, measured: Measured, seed: int = 0) -> None:
        """Prepare what all pictures share."""
        generator = np.random.default_rng(seed)
        codes, self.names = encode_concepts(measured.concepts, len(measured.concepts))
        n = len(codes)
        rows = np.arange(n) if n <= POINTS else np.sort(generator.choice(n, POINTS, replace=False))
        self.x: Floats = np.asarray(measured.vectors[rows], dtype=np.float64)
        self.codes = codes[rows]
        self.frequencies = None if measured.frequencies is None else measured.frequencies[rows]
        self.eps = measured.eps
        self.report: Report = measured.report
        self.generator = generator
        largest = np.argsort(-np.bincount(codes, minlength=len(self.names)), kind="stable")
        self.coloured = [int(c) for c in np.sort(largest[:MARKED])]

    def view(self, name: str) -> Floats:
        """Return the drawn entities after a normaliser."""
        return normalise(self.x, name, self.eps)

    def scatter(self, ax: Axes, x: Floats, y: Floats) -> None:
        """Draw entities: the largest concepts in colours and shapes, all others small and grey."""
        size = 26 if len(x) < 400 else 12 if len(x) < 2000 else 6
        other = ~np.isin(self.codes, self.coloured)
        if other.any():
            ax.scatter(x[other], y[other], s=size / 2, c="#BBBBBB", label="other concepts", linewidths=0)
        for k, c in enumerate(self.coloured):
            mine, (colour, marker) = self.codes == c, look(k)
            ax.scatter(
                x[mine],
                y[mine],
                s=size,
                c=colour,
                marker=marker,
                alpha=0.7,
                linewidths=0,
                label=short(self.names[c]),
            )


def look(k: int) -> tuple[str, str]:
    """Return colour and marker of the k-th concept that has them; `MARKED` differ."""
    return COLOURS[k % len(COLOURS)], SHAPES[(k + k // len(COLOURS)) % len(SHAPES)]


def short(name: str, length: int = 18) -> str:
    """Return a name that fits into a legend."""
    name = printable(name).replace("$", r"\$")
    return name if len(name) <= length else name[: length - 1] + "…"
