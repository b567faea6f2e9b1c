"""The part of the page for a table of one's own: two files, a press, and the same views of it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.core.property.descriptors import UnsetValueError
from bokeh.models import Button, ColumnDataSource, Div, FileInput, HoverTool, Select

from feature_collapse.boundary import clip
from feature_collapse.errors import InputError, check_choice
from feature_collapse.explorer.own_data import BINS, MOST_BYTES, OwnData, Upload, read_own
from feature_collapse.explorer.page import readout
from feature_collapse.explorer.page.errands import Errands
from feature_collapse.explorer.page.style import NAMED, TABLES, WIDGETS, colour, key, marker, picture
from feature_collapse.figures.style import COLOURS
from feature_collapse.metrics.views import VIEWS

LONGEST_UPLOAD = 4 * (MOST_BYTES // 3 + 2)  # characters of base64


class OwnPage:
    """Uploads and their pictures."""

    def __init__(self, errands: Errands, say: Callable[[str], None]) -> None:
        """Draw it empty.

        Args:
            errands: do longer work.
            say: shows one sentence.
        """
        self._errands, self._say = errands, say
        self.table = FileInput(title="table of embeddings", stylesheets=[WIDGETS])
        self.groups = FileInput(title="groups: entity,concept[,frequency]", stylesheets=[WIDGETS])
        self.measure = Button(label="Show my table", stylesheets=[WIDGETS])
        self.view = Select(
            title="normaliser", options=list(VIEWS), value="none", width=150, stylesheets=[WIDGETS]
        )
        self.said = Div(sizing_mode="stretch_width", stylesheets=[WIDGETS, TABLES])
        self.found: OwnData | None = None
        empty: dict[str, Any] = {name: [] for name in ("x", "y", "mu", "length", "colour", "marker", "name")}
        self.points = ColumnDataSource(empty)
        self.cosines = ColumnDataSource({"left": [], "right": [], "same": [], "different": []})
        self.cloud = picture("principal components")
        self.lengths = picture("length against frequency", x_axis_type="log", x_axis_label="frequency")
        self.angles = picture("cosines", x_axis_label="cosine of two entities", y_axis_label="% of pairs")
        look = {"source": self.points, "size": 8, "marker": "marker", "color": "colour", "alpha": 0.75}
        dots = self.cloud.scatter("x", "y", **look)
        self.cloud.add_tools(HoverTool(renderers=[dots], tooltips=[("", "@name")], limit=NAMED))
        self.lengths.scatter("mu", "length", **look)
        for name, shade, label in (
            ("same", COLOURS[0], "same group"),
            ("different", COLOURS[1], "different"),
        ):
            self.angles.quad(
                left="left", right="right", bottom=0, top=name, source=self.cosines, fill_color=shade,
                fill_alpha=0.55, line_color=shade, legend_label=label,
            )  # fmt: skip
        key(self.angles)
        self.measure.on_click(self.press)
        self.view.on_change("value", lambda attr, old, new: self.show())

    def press(self) -> None:
        """Read what was uploaded."""
        try:
            table, groups = _upload(self.table, "table"), _upload(self.groups, "groups file")
        except InputError as error:
            self._say(str(error))
            return
        self._say("")
        if not self._errands.busy("table"):
            self._errands.send("table", lambda: read_own(table, groups), self.keep, lambda: True)

    def keep(self, found: OwnData) -> None:
        """Show a table that was read; the uploads are let go."""
        self.found = found
        self.said.text = readout.own_data(found)
        self.show()

    def show(self) -> None:
        """Draw the view that is chosen."""
        if self.found is None:
            return
        name = check_choice("normaliser", self.view.value, VIEWS)
        view, frequencies = self.found.views[name], self.found.measured.frequencies
        n = len(self.found.codes)
        positive = np.full(n, 1.0) if frequencies is None else np.where(frequencies > 0, frequencies, np.nan)
        self.points.data = {
            "x": view.points[:, 0],
            "y": view.points[:, 1],
            "mu": positive,
            "length": view.lengths,
            "colour": [colour(int(c)) for c in self.found.codes],
            "marker": [marker(int(c)) for c in self.found.codes],
            "name": [clip(f"{e} ({self.found.names[c]})") for e, c in zip(
                self.found.measured.entities, self.found.codes, strict=True)],
        }  # fmt: skip
        self.cosines.data = {
            "left": BINS[:-1], "right": BINS[1:], "same": view.same, "different": view.different,
        }  # fmt: skip
        self.cloud.title.text = f"principal components, {'as they are' if name == 'none' else name}"


def _upload(held: FileInput, what: str) -> Upload:
    """Return the file that a widget holds.

    Raises:
        InputError: there is none, or it is no base64 of at most `MOST_BYTES`.
    """
    try:
        name, value = held.filename, held.value
    except UnsetValueError:
        name = value = ""
    if not isinstance(name, str) or not isinstance(value, str) or not name:
        raise InputError(f"choose a {what} of at most {MOST_BYTES >> 20} MB first")
    if not value:
        raise InputError(f"{clip(name)} is empty or over {MOST_BYTES >> 20} MB, which the page does not take")
    try:
        return Upload(clip(name), base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise InputError(f"{clip(name)} did not arrive whole; choose it again") from None
