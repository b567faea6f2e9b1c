"""The paper's story in one picture: embeddings and linear weights of figures 3, 4a, 4b, 4c side by side."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from feature_collapse.experiments.record import Record
from feature_collapse.figures.style import panels, styled
from feature_collapse.figures.weights import draw_points, embeddings, linear_weights


@styled
def draw_overview(records: Sequence[tuple[str, Record]]) -> Figure:
    """Draw a column for each (title, record): embeddings above, linear weights below."""
    columns = len(records)
    figure, axes = panels(2, columns, (2.35 * columns, 4.9))
    for column, (title, record) in enumerate(records):
        above, below = axes[column], axes[columns + column]
        for axis, (rows, concepts) in ((above, embeddings(record)), (below, linear_weights(record))):
            draw_points(axis, rows, concepts, [""] * record.settings.n_c)
            axis.set(xticks=[], yticks=[])
            for side in ("left", "bottom"):
                axis.spines[side].set_visible(False)
        above.set_title(title)
    for axis, text in ((axes[0], "word embeddings"), (axes[columns], r"linear weights $u_{k,\ell}$")):
        axis.set_ylabel(text)
    return figure
