"""The paper's story in one picture: embeddings and linear weights of figures 3, 4a, 4b, 4c side by side."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from feature_collapse.experiments.record import Record
from feature_collapse.figures.style import panels, styled
from feature_collapse.figures.weights import draw_points, embeddings, linear_weights


@styled
def draw_overview(records: Sequence[tuple[str, Record]]) -> Figure:
    """A column for each (title, record): embeddings above, linear weights below, test accuracy in the title."""
    columns = len(records)
    figure, axes = panels(2, columns, (2.35 * columns, 4.9))
    for column, (title, record) in enumerate(records):
        above, below = axes[column], axes[columns + column]
        for place, (rows, concepts) in ((above, embeddings(record)), (below, linear_weights(record))):
            draw_points(place, rows, concepts, [""] * record.settings.n_c)
            place.set(xticks=[], yticks=[])
            for side in ("left", "bottom"):
                place.spines[side].set_visible(False)
        above.set_title(f"{title}\ntest accuracy {100 * record.summary['test_accuracy']:.1f}%")
    for place, text in ((axes[0], "word embeddings"), (axes[columns], r"linear weights $u_{k,\ell}$")):
        place.set_ylabel(text)
    return figure
