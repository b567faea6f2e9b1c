"""How figures and pages look: one palette, colour-blind safe, told apart in grey by brightness and marker."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.files import write_atomically

# Okabe and Ito's palette, ordered so that neighbours differ in brightness too
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#B8A800")
MARKERS = ("o", "^", "s", "D", "v", "P", "X", "*")
_LONGEST = 40  # characters of a name in a picture


@dataclass(frozen=True)
class Palette:
    """What surrounds the colours of the data, on one background; its text has a contrast of at least 4.5."""

    ink: str
    muted: str
    paper: str
    stripe: str
    line: str
    accent: str


LIGHT = Palette(
    ink="#1a1a1a", muted="#5a5a5a", paper="#ffffff", stripe="#f4f4f2", line="#c9c9c4", accent=COLOURS[0]
)
DARK = Palette(
    ink="#e9e9e6", muted="#a9a9a4", paper="#16181b", stripe="#212429", line="#4a4e55", accent=COLOURS[4]
)
GREY = LIGHT.muted
_RC: dict[Any, Any] = {
    "font.size": 8.5,
    "axes.titlesize": 9.5,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "figure.facecolor": LIGHT.paper,
    "savefig.facecolor": LIGHT.paper,
}
P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that draws: our style holds inside it, and the user's own is left as it was."""

    @wraps(draw)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        with matplotlib.rc_context(_RC):
            return draw(*args, **kwargs)

    return inner


def colour(alpha: int) -> str:
    """Return the colour of a concept; they repeat after eight, the markers help beyond."""
    return COLOURS[alpha % len(COLOURS)]


def marker(alpha: int) -> str:
    """Return the marker of a concept."""
    return MARKERS[(alpha + alpha // len(COLOURS)) % len(MARKERS)]


def plain(text: str, longest: int = _LONGEST) -> str:
    """Return a user's text on one line, its middle left out if it is long; a dollar is a dollar."""
    text = " ".join(text.split())
    if len(text) > longest:
        text = f"{text[: longest // 2]}…{text[longest // 2 + 1 - longest :]}"
    return text.replace("$", r"\$")


def panels(rows: int, columns: int, size: tuple[float, float], **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure of rows × columns panels, `size` inches in all, and its axes row by row."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False, **options).flat)


def render(figure: Figure, kind: str, dpi: int = 200) -> bytes:
    """Return the figure as the bytes of a `png`, `pdf` or `svg` file, the same for the same figure."""
    buffer = io.BytesIO()
    metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    with matplotlib.rc_context(_RC | {"svg.hashsalt": "feature-collapse"}), warnings.catch_warnings():
        # a user's label: a box is drawn in its place
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        # said where a busy machine took a second
        warnings.filterwarnings("ignore", 'Creating legend with loc="best"')
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def save(figure: Figure, folder: Path, stem: str) -> list[Path]:
    """Write `stem`.png and `stem`.pdf into a folder; returns their paths."""
    paths = [folder / f"{stem}.png", folder / f"{stem}.pdf"]
    for path in paths:
        write_atomically(path, render(figure, path.suffix[1:], 200 if path.suffix == ".png" else 300))
        figure.set_layout_engine("none")  # what the first has found holds for the second
    return paths
