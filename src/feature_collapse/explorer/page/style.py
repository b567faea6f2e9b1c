"""How the page's pictures look: the figures' palette, large text, thick lines."""

from __future__ import annotations

from typing import Any

from bokeh.models import GlyphRenderer
from bokeh.plotting import figure

from feature_collapse.figures.style import COLOURS, LIGHT

# bokeh's names of the figures' markers, in their order
MARKERS = ("circle", "triangle", "square", "diamond", "inverted_triangle", "plus", "x", "star")
TEXT = "14px"
NAMED = 5  # points that the pointer names at once: collapsed words lie on each other
# plain text, not models: those belong to one document
WIDGETS = (
    ":host { font-size: 15px; --font-size: 15px; margin: 0; } "
    ".bk-btn, select, input { min-height: 34px; font-size: 15px; } "
    "@media (max-height: 500px) { :host, .bk-btn, select, input { font-size: 13px; --font-size: 13px; } "
    ".bk-btn, select, input { min-height: 26px; padding: 2px 8px; } } "
    ".bk-btn:focus-visible, .bk-input:focus-visible, input:focus-visible, .noUi-handle:focus-visible "
    "{ outline: 3px solid #D55E00; }"
)
TABLES = (
    "p { margin: 2px 0 6px; } .big { font-size: 1.25em; font-weight: 600; margin-bottom: 0; } "
    "table { border-collapse: collapse; font-size: 13px; } "
    "th { text-align: left; font-weight: 500; padding-right: 10px; } "
    "td { text-align: right; padding: 1px 8px; font-variant-numeric: tabular-nums; } "
    "code { font-size: 12px; overflow-wrap: anywhere; }"
)


def picture(title: str, **options: Any) -> figure:
    """Return an empty picture that fills its place on the page; nothing on it can be dragged or zoomed."""
    made = figure(
        title=title,
        toolbar_location=None,
        tools="",
        sizing_mode="stretch_both",
        min_width=120,
        min_height=100,
        output_backend="canvas",
        background_fill_color=LIGHT.paper,
        border_fill_color=LIGHT.paper,
        outline_line_color=LIGHT.line,
        **options,
    )
    made.title.text_font_size = TEXT
    made.title.text_color = LIGHT.ink
    for axis in made.axis:
        axis.axis_label_text_font_size = "13px"
        axis.axis_label_text_font_style = "normal"
        axis.major_label_text_font_size = "12px"
        axis.major_label_text_color = axis.axis_label_text_color = LIGHT.ink
        axis.minor_tick_line_color = None
    made.grid.grid_line_alpha = 0.5
    return made


def key(made: figure, columns: int = 2) -> None:
    """Show the names of what is drawn above the picture, where they never lie over it.

    Args:
        made: with its names given to what is drawn.
        columns: in which they stand.
    """
    legend = made.legend[0]
    made.center.remove(legend)
    made.add_layout(legend, "above")
    legend.ncols, legend.location = columns, "left"
    legend.label_text_font_size = "12px"
    legend.label_text_color = LIGHT.ink
    legend.label_height = legend.glyph_height = 14
    legend.background_fill_color = legend.border_line_color = None
    legend.padding, legend.spacing, legend.margin = 0, 8, 2
    legend.glyph_width, legend.label_standoff = 16, 4


def colour(alpha: int) -> str:
    """Return the colour of a concept."""
    return COLOURS[alpha % len(COLOURS)]


def marker(alpha: int) -> str:
    """Return the marker of a concept."""
    return MARKERS[alpha % len(MARKERS)]


def renderers(made: figure) -> list[GlyphRenderer[Any]]:
    """Return what is drawn on a picture."""
    return [r for r in made.renderers if isinstance(r, GlyphRenderer)]
