"""Figure 8's map with a ring where the choice lies."""

from __future__ import annotations

import numpy as np
from bokeh.models import ColumnDataSource, Div, FixedTicker, LinearColorMapper
from bokeh.palettes import Viridis256
from jaxtyping import Float

from feature_collapse.explorer.choice import Choice
from feature_collapse.explorer.page import readout
from feature_collapse.explorer.page.style import TABLES, WIDGETS, picture
from feature_collapse.explorer.phase_map import PhaseMap, map_of


class MapPicture:
    """The map, for h or h* as the choice has it."""

    def __init__(self) -> None:
        """Draw it without a place."""
        self.figure = picture(
            "where this lies: figure 8",
            x_axis_label="sentences per class",
            y_axis_label="Zipf exponent",
        )
        self.said = Div(sizing_mode="stretch_width", stylesheets=[WIDGETS, TABLES])
        self.fields, self.place = ColumnDataSource(), ColumnDataSource({"x": [], "y": []})
        self.fields.data = {"image": [], "x": [], "y": [], "dw": [], "dh": []}
        mapper = LinearColorMapper(palette=Viridis256, low=0.0, high=1.0)
        self.figure.image(
            source=self.fields, color_mapper=mapper, image="image", x="x", y="y", dw="dw", dh="dh"
        )
        for colour, width in (("white", 7), ("black", 3)):  # seen on every colour of the map
            self.figure.scatter(
                "x", "y", source=self.place, marker="circle", size=18, fill_color=None, line_color=colour,
                line_width=width,
            )  # fmt: skip
        self._drawn: PhaseMap | None = None

    def show(self, choice: Choice) -> None:
        """Put the ring where a choice lies."""
        found = map_of(choice)
        if found is not self._drawn:
            self._drawn = found
            image: Float[np.ndarray, "b a"] = found.accuracy.astype(np.float32)
            rows, columns = image.shape
            self.fields.data = {"image": [image], "x": [-0.5], "y": [-0.5], "dw": [columns], "dh": [rows]}
            for axis, values in ((self.figure.xaxis, found.n_spl), (self.figure.yaxis, found.exponents)):
                ticks = list(range(0, len(values), 2))
                axis.ticker = FixedTicker(ticks=ticks)
                axis.major_label_overrides = {i: f"{values[i]:g}" for i in ticks}
        x, y = found.position(choice)
        self.place.data = {"x": [x], "y": [y]}
        self.said.text = f"<p>{readout.place(choice)}</p>"
