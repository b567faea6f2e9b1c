"""The one builder of HTML pages: one file, pictures inside, no script, nothing fetched.

Every page extends templates/page.html.j2, which brings the figures' palette on light and on dark ground, and
tables and pictures that scroll sideways where a screen is narrow. Whatever is put in is escaped.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib.figure import Figure

from feature_collapse import __version__
from feature_collapse.figures.style import DARK, LIGHT, render


@dataclass(frozen=True)
class Picture:
    """A picture of a page.

    Attributes:
        caption: shown under it.
        png: the content of a PNG file.
        alt: what it shows, for those who do not see it; the caption where empty.
    """

    caption: str
    png: bytes
    alt: str = ""

    @classmethod
    def of(cls, figure: Figure, caption: str, alt: str = "", dpi: int = 110) -> Picture:
        """Return the picture of a figure."""
        return cls(caption, render(figure, "png", dpi), alt)

    @property
    def source(self) -> str:
        """The picture as a data URL."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Table:
    """A table of text: the first column to the left, numbers to the right; a row of one cell is a heading."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def render_page(template: str, **values: object) -> str:
    """Return the text of a page made from a file in templates/.

    Args:
        template: its name, such as `reproduction.html.j2`.
        values: what the template names; anything missing is an error.
    """
    return _environment().get_template(template).render(light=LIGHT, dark=DARK, version=__version__, **values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("feature_collapse.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
