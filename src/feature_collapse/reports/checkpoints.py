"""The page of several checkpoints: the values as curves, and a table of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feature_collapse.figures import measured as panel
from feature_collapse.figures.style import panels, styled
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.report import printable, show
from feature_collapse.reports.page import Picture, Table, render_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from feature_collapse.metrics.trajectory import Trajectory

_CURVES = (
    ("spread, by position and direction", ("spread", "direction_spread")),
    ("neural collapse", ("nc1", "nc2_angle_error", "nc3")),
    ("nearest to the own centre", ("nearest_centre", "nc4")),
    ("length against frequency", ("length_slope", "length_slope_within")),
)


def checkpoints_page(found: Trajectory) -> str:
    """Return the page as text; everything from the user's files is escaped."""
    known = set(found.keys())
    drawn = [(what, [k for k in keys if k in known]) for what, keys in _CURVES]
    head = ["value", *(str(i + 1) for i in range(len(found.sources)))]
    rows = [[DEFINITIONS[k].title, *(show(v) for v in found.series(k)[1])] for k in found.keys()]
    return render_page(
        "checkpoints.html.j2",
        sources=[printable(s) for s in found.sources],
        same=[(printable(a), printable(b)) for a, b in found.identical],
        pictures=[Picture.of(_draw(found, keys), what, alt=what, dpi=140) for what, keys in drawn if keys],
        values=Table(head, rows),
    )


@styled
def _draw(found: Trajectory, keys: list[str]) -> Figure:
    figure, (axes,) = panels(1, 1, (4.3, 3.4))
    panel.history(axes, found, keys)
    axes.set_xlabel("checkpoint")
    axes.set_xticks(list(range(1, len(found.sources) + 1, 1 + len(found.sources) // 10)))
    axes.margins(y=0.08)
    axes.autoscale_view()
    return figure
