"""The pictures of a measurement, one figure each, so that a page can lay them out for any width."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_collapse.figures import measured as panel
from feature_collapse.figures.scene import Scene
from feature_collapse.figures.style import panels, styled
from feature_collapse.metrics.report import view_name

if TYPE_CHECKING:
    from feature_collapse.metrics.measured import Measured

_SIZE = (4.3, 3.4)  # inches: text stays readable where a phone shows one picture a row


def draw_measurement(measured: Measured) -> list[tuple[str, Figure]]:
    """Return seven figures with what each shows, in the order of reading, and a legend of the colours.

    Time O(n d²) of the entities drawn, at most 4,000.
    """
    scene = Scene(measured)
    after = "sphere" if measured.report.normaliser == "none" else measured.report.normaliser
    own = view_name(measured.report.normaliser)
    shown: list[tuple[str, Callable[[Axes], None]]] = [
        ("length against frequency", lambda ax: panel.lengths(ax, scene)),
        (f"cosines inside and between concepts, {own}", lambda ax: panel.angles(ax, scene)),
        ("principal components as they are", lambda ax: panel.pca(ax, scene, "none")),
        (f"principal components, {view_name(after)}", lambda ax: panel.pca(ax, scene, after)),
        ("spectrum of the centred vectors", lambda ax: panel.spectrum(ax, scene)),
        ("spread and residuals before and after normalisation", lambda ax: panel.before_after(ax, scene)),
        (f"spread of direction by concept, {own}", lambda ax: panel.concepts(ax, scene)),
    ]
    figures = [(what, _draw_panel(fill)) for what, fill in shown]
    return [*figures, ("the concepts and their colours", _draw_legend(scene))]


@styled
def _draw_panel(fill: Callable[[Axes], None]) -> Figure:
    figure, (axes,) = panels(1, 1, _SIZE)
    fill(axes)
    return figure


@styled
def _draw_legend(scene: Scene) -> Figure:
    """Return the colour of each concept, taken from a scatter plot of the scene that is not shown."""
    rows = math.ceil((len(scene.coloured) + 1) / 2)
    figure, (axes,) = panels(1, 1, (_SIZE[0], 0.45 + 0.2 * rows))
    scene.scatter(axes, scene.x[:, 0], scene.x[:, 0])
    handles, labels = axes.get_legend_handles_labels()
    axes.clear()
    axes.set_axis_off()
    axes.legend(handles, labels, loc="upper left", title="concepts", ncols=2, markerscale=1.5)
    return figure
