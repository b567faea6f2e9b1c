"""The one page builder: escaped, self-contained, in one palette, readable on light and on dark ground."""

import re
from importlib.resources import files

import pytest
from jinja2 import UndefinedError

from feature_collapse.figures.style import COLOURS, DARK, LIGHT, Palette
from feature_collapse.reports.comparison import WHY_BELOW_THEORY
from feature_collapse.reports.page import Picture, Table, render_page
from feature_collapse.reports.reproduction import Section

NASTY = "<script>alert('1')</script> & \"x\""
PICTURE = Picture(NASTY, b"png", alt=f"{NASTY} alt")


def page(text=NASTY, **changes):
    values = {
        "summary": Table(("a", text), [(text, "1"), ("b", "2")]),
        "why_below_theory": WHY_BELOW_THEORY,
        "pictures": [PICTURE],
        "sections": [Section(text, PICTURE, PICTURE, Table(("q",), [[text]]))],
    }
    return render_page("reproduction.html.j2", **(values | changes))


def test_whatever_is_put_in_is_escaped():
    text = page()
    assert "<script" not in text and "alert('1')" not in text
    assert text.count("&lt;script&gt;") >= 5
    assert not re.search(r'alt="[^"]*<', text)


def test_a_page_is_one_file_that_fetches_nothing_and_runs_nothing():
    text = page()
    assert not re.search(r"(src|href)=['\"]?(?!['\"]?data:)", text)
    assert not re.search(r"url\(|@import|<script|<link|\son\w+=", text)


def test_a_template_that_lacks_a_value_is_an_error_and_not_a_hole():
    with pytest.raises(UndefinedError, match="sections"):
        render_page("reproduction.html.j2", pictures=[], summary=Table((), []), why_below_theory="")


def test_both_grounds_take_their_colours_from_the_palette_of_the_figures():
    text = page()
    light, dark = text.split("prefers-color-scheme: dark", 1)
    for palette, part in ((LIGHT, light), (DARK, dark)):
        for name in ("ink", "muted", "paper", "stripe", "line", "accent"):
            assert f"--{name}: {getattr(palette, name)};" in part
    assert LIGHT.accent in COLOURS and DARK.accent in COLOURS


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ground", ["paper", "stripe"])
@pytest.mark.parametrize("text", ["ink", "muted", "accent"])
def test_text_is_readable_on_its_ground(palette, ground, text):
    assert contrast(getattr(palette, text), getattr(palette, ground)) >= 4.5


def test_the_measure_of_contrast_tells_grey_on_grey():
    assert contrast("#777777", "#888888") < 1.5
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def contrast(one: str, other: str) -> float:
    """WCAG 2: (L1 + 0.05)/(L2 + 0.05) of the relative luminances."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_no_template_has_a_colour_of_its_own():
    folder = files("feature_collapse.reports").joinpath("templates")
    texts = [entry.read_text() for entry in folder.iterdir()]
    assert len(texts) >= 3
    assert not any(re.search(r"#[0-9a-fA-F]{3,6}\b", text) for text in texts)
    assert {field for field in Palette.__dataclass_fields__} <= set(
        re.findall(r"palette\.(\w+)", "".join(texts))
    )
