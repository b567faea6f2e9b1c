"""The five pictures of a run: words, linear weights, lengths against frequency, accuracy, risk and bound.

Each keeps its sources; a frame replaces their columns and nothing else, so that little goes over the line.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LogTicker,
    NumeralTickFormatter,
    PrintfTickFormatter,
    Range1d,
)
from bokeh.plotting import figure
from jaxtyping import Float

from feature_collapse.explorer.beside import Exact, Outlines, names_of_words
from feature_collapse.explorer.measurement import Measurement, Picture
from feature_collapse.explorer.page.style import NAMED, colour, key, marker, picture
from feature_collapse.explorer.plane import Points
from feature_collapse.figures.style import COLOURS, GREY
from feature_collapse.task.task import Task

Column = Float[np.ndarray, " n"]
NOTHING: dict[str, Any] = {"x": [], "y": []}
LARGE, SMALL = 17, 8  # rings; small where each length has one
SHORTEST = 1e-6  # what is shorter is drawn there: the scale is logarithmic
LONGEST_TRACE = 4000  # points of a curve
MINIMISER = {"marker": "x", "line_color": "black", "line_width": 1.2, "line_alpha": 0.7}
RINGS = {"marker": "circle", "fill_color": None, "line_color": GREY, "line_width": 1.5}
EXACT = {"marker": "square", "size": 21, "fill_color": None, "line_color": COLOURS[5], "line_width": 2}


class Cloud:
    """Points of words or of linear weights in a plane, with outlines and the minimiser over them."""

    def __init__(self, title: str, small: bool) -> None:
        """Draw an empty one; `small` points are those that are many."""
        span = {"x_range": Range1d(-1, 1), "y_range": Range1d(-1, 1)}
        self.figure = picture(title, **span, match_aspect=False)
        self.figure.axis.visible = False
        self.figure.min_border = 6
        self.small = small
        self.points = ColumnDataSource({**NOTHING, "size": [], "colour": [], "marker": [], "name": []})
        self.rings, self.exact, self.best = (ColumnDataSource(dict(NOTHING)) for _ in range(3))
        drawn = self.figure.scatter(
            "x",
            "y",
            source=self.points,
            size="size",
            marker="marker",
            fill_color="colour",
            line_color="white",
            line_width=0.5,
            fill_alpha=0.35 if small else 0.85,
        )
        ring = self.figure.scatter("x", "y", source=self.rings, size=LARGE, **RINGS)
        self.ring = ring.glyph
        self.figure.scatter("x", "y", source=self.exact, **EXACT)
        self.figure.scatter("x", "y", source=self.best, size=4 if small else 7, **MINIMISER)
        if not small:
            tip = [("", "@name"), ("frequency in its concept", "@mu{0.0%}")]
            self.figure.add_tools(HoverTool(renderers=[drawn], tooltips=tip, limit=NAMED))

    def begin(self, columns: dict[str, Any]) -> None:
        """Put in what stays: names, colours, sizes."""
        n = len(columns["colour"])
        self.points.data = {"x": _single(np.zeros(n)), "y": _single(np.zeros(n)), **columns}
        self.clear()

    def clear(self) -> None:
        """Take the outlines and the minimiser away."""
        for source in (self.rings, self.exact, self.best):
            source.data = dict(NOTHING)

    def move(self, points: Points) -> None:
        """Draw a frame."""
        _patch(self.points, x=points[:, 0], y=points[:, 1])
        self.fit()

    def fit(self) -> None:
        """Widen or narrow the picture where the points need it; in steps of a quarter, to jump seldom."""
        farthest = max(
            (float(np.abs(np.asarray(s.data[c])).max(initial=0.0)) for s in self._sources() for c in "xy"),
            default=0.0,
        )
        wanted = max(farthest, 1e-6) * 1.12
        held = float(self.figure.x_range.end)
        if not 0.6 * held <= wanted <= held:
            span = 1.25 ** np.ceil(np.log(wanted) / np.log(1.25))
            for side in (self.figure.x_range, self.figure.y_range):
                side.start, side.end = -span, span

    def _sources(self) -> tuple[ColumnDataSource, ...]:
        return (self.points, self.rings, self.exact, self.best)


class Pictures:
    """All pictures of a session."""

    def __init__(self) -> None:
        """Draw them empty."""
        self.words, self.linear = Cloud("words", small=False), Cloud("linear weights", small=True)
        self.lengths = picture(
            "length against frequency",
            x_axis_type="log",
            y_axis_type="log",
            x_axis_label="frequency",
            y_range=Range1d(0.1, 10.0),
        )
        self.length_points = ColumnDataSource({**NOTHING, "colour": [], "marker": []})
        self.length_best, self.length_theory = (ColumnDataSource(dict(NOTHING)) for _ in range(2))
        self.lengths.scatter(
            "x", "y", source=self.length_points, size=7, marker="marker", color="colour", alpha=0.75
        )
        self.lengths.scatter("x", "y", source=self.length_best, size=6, **MINIMISER, legend_label="minimiser")
        self.lengths.line(
            "x", "y", source=self.length_theory, color="black", line_width=2, legend_label="theory"
        )
        key(self.lengths)
        self.lengths.yaxis.ticker = LogTicker(mantissas=[1, 3], desired_num_ticks=4)
        self.lengths.xaxis.ticker = self.frequencies = FixedTicker()
        self.lengths.axis.formatter = PrintfTickFormatter(format="%g")
        self.history = ColumnDataSource(
            {name: [] for name in ("epoch", "train", "test", "risk", "bound", "ce")}
        )
        self.accuracy = _accuracy(self.history)
        self.risk = _risk(self.history)
        self.level = ColumnDataSource(dict(NOTHING))
        self.risk.line(
            "x",
            "y",
            source=self.level,
            color=GREY,
            line_dash="dotted",
            line_width=2,
            legend_label="true minimum",
        )
        key(self.risk)

    def begin(self, task: Task) -> None:
        """Start anew with the words and latents of a task."""
        concepts, latents = np.repeat(np.arange(task.n_c), task.s_c), task.latents.ravel()
        mu = np.tile(task.mu, task.n_c)
        share = np.sqrt(mu / mu.max()) if np.ptp(mu) > 0 else np.full(len(mu), 0.25)
        looks = {
            "colour": [colour(int(a)) for a in concepts],
            "marker": [marker(int(a)) for a in concepts],
        }
        size = _single(6.0 + 12.0 * share)
        names = list(names_of_words(task))
        self.words.begin({**looks, "size": size, "name": names, "mu": mu})
        self.linear.begin(
            {
                "colour": [colour(int(a)) for a in latents],
                "marker": [marker(int(a)) for a in latents],
                "size": np.full(len(latents), 7.0),
                "name": [""] * len(latents),
            }
        )
        self.length_points.data = {"x": mu, "y": _single(np.ones(len(mu))), **looks}
        self.frequencies.ticks = _ticks(task.mu)
        self.length_best.data = self.length_theory.data = dict(NOTHING)
        self.history.data = {name: [] for name in self.history.data}
        self.level.data = dict(NOTHING)
        self.risk.legend[0].items[-1].visible = False  # until the true minimum is known

    def show(self, frame: Picture) -> None:
        """Draw a frame."""
        self.words.move(frame.points.words)
        self.linear.move(frame.points.linear)
        _patch(self.length_points, y=np.maximum(frame.lengths, SHORTEST))
        self._fit_lengths()

    def _fit_lengths(self) -> None:
        """Show all lengths, over a factor of three at least: never zoom into differences of a per cent."""
        sources = (self.length_points, self.length_theory, self.length_best)
        found = np.concatenate([np.asarray(s.data["y"], dtype=np.float64) for s in sources])
        low, high = np.log10(found.min()), np.log10(found.max())
        spare = max(0.06, 0.25 - (high - low) / 2)
        ends = 10 ** (np.floor(8 * (low - spare)) / 8), 10 ** (np.ceil(8 * (high + spare)) / 8)
        span = self.lengths.y_range
        if (span.start, span.end) != ends:
            span.start, span.end = map(float, ends)

    def trace(self, found: Measurement) -> None:
        """Draw the next point of the curves."""
        risk, epoch = found.bound.risk, found.picture.epoch
        row = {
            "epoch": epoch,
            "train": found.train_accuracy,
            "test": found.test_accuracy,
            "risk": risk,
            "bound": max(found.bound.lower_bound, 1e-3 * risk),  # the scale is logarithmic
            "ce": max(found.train_ce, 1e-6 * risk),
        }
        self.history.stream({name: [value] for name, value in row.items()}, rollover=LONGEST_TRACE)
        level = self.level.data
        if len(level["x"]):
            self.level.data = {"x": [0.0, max(1.0, epoch)], "y": level["y"]}

    def outline(self, found: Outlines, exact: Exact | None, task: Task) -> None:
        """Draw what the theory says, and the exact limit where it is known."""
        for cloud, points in ((self.words, found.words), (self.linear, found.linear)):
            cloud.ring.size = LARGE if len(points) <= task.n_c else SMALL
            cloud.rings.data = {"x": points[:, 0], "y": points[:, 1]}
        if found.r is not None:
            order = np.argsort(task.mu)
            spread = np.ptp(task.mu) > 0
            x = task.mu[order] if spread else task.mu[0] * np.array([0.8, 1.25])
            y = found.r[order] if spread else np.full(2, found.r[0])
            self.length_theory.data = {"x": x, "y": np.maximum(y, SHORTEST)}
        if exact is not None:
            for cloud, points in ((self.words, exact.words), (self.linear, exact.linear)):
                cloud.exact.data = {"x": points[:, 0], "y": points[:, 1]}
            risk = exact.limit.risk
            self.risk.legend[0].items[-1].visible = True
            last = [0.0, *self.history.data["epoch"]][-1]
            self.level.data = {"x": [0.0, max(1.0, last)], "y": [risk, risk]}
        self.words.fit()
        self.linear.fit()
        self._fit_lengths()

    def overlay(self, best: Measurement, task: Task) -> None:
        """Draw the minimiser over the run."""
        for cloud, points in (
            (self.words, best.picture.points.words),
            (self.linear, best.picture.points.linear),
        ):
            cloud.best.data = {"x": points[:, 0], "y": points[:, 1]}
            cloud.fit()
        lengths = np.maximum(best.picture.lengths, SHORTEST)
        self.length_best.data = {"x": np.tile(task.mu, task.n_c), "y": lengths}
        self._fit_lengths()


def _accuracy(history: ColumnDataSource) -> figure:
    made = picture("accuracy", y_range=Range1d(-0.02, 1.04), x_axis_label="epoch")
    made.line("epoch", "train", source=history, color=COLOURS[1], line_width=3, legend_label="training")
    made.line("epoch", "test", source=history, color=COLOURS[0], line_width=3, legend_label="new sentences")
    made.yaxis.formatter = NumeralTickFormatter(format="0%")
    key(made)
    return made


def _risk(history: ColumnDataSource) -> figure:
    made = picture("risk and what is proved", x_axis_label="epoch", y_axis_type="log")
    made.varea("epoch", "bound", "risk", source=history, fill_color=COLOURS[4], fill_alpha=0.35)
    made.line("epoch", "risk", source=history, color=COLOURS[5], line_width=3, legend_label="risk")
    made.line("epoch", "bound", source=history, color=COLOURS[2], line_width=3, legend_label="proved bound")
    made.line(
        "epoch", "ce", source=history, color=COLOURS[3], line_width=2, line_dash="dashed", legend_label="loss"
    )
    return made


def _ticks(mu: Column) -> list[float]:
    """Return where an axis of frequencies is labelled: 1 and 3 times powers of ten, or the only one."""
    if np.ptp(mu) == 0:
        return [float(mu[0])]
    powers = range(int(np.floor(np.log10(mu.min()))), 1)
    return [float(f"{m}e{p}") for p in powers for m in (1, 3)]


def _patch(source: ColumnDataSource, **columns: Column) -> None:
    """Replace whole columns; the others do not go over the line again."""
    source.patch({name: [(slice(len(x)), _single(x))] for name, x in columns.items()})


def _single(values: Column) -> Column:
    """Return numbers in single precision: half of what goes over the line."""
    return np.asarray(values, dtype=np.float32)
