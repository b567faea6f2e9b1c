"""The explorer for the site: the grid's states under four sliders, in one file without a server.

A Sphinx extension: after the pages it writes `explorer-static.html`. The libraries and the data are inside
the file; nothing is fetched.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from bokeh.embed import file_html
from bokeh.models import CategoricalSlider, ColumnDataSource, CustomJS, Div, HoverTool, Range1d
from bokeh.resources import INLINE
from explorer_grid import CURES, EXPONENTS, FULL, N_SPL, STEPS, TYPES, Grid
from jinja2 import Environment
from sphinx.application import Sphinx

from feature_collapse.explorer.choice import Choice
from feature_collapse.explorer.page.style import NAMED, TABLES, WIDGETS, colour, key, marker, picture
from feature_collapse.explorer.plane import directions
from feature_collapse.figures.style import GREY, LIGHT
from feature_collapse.task.frequencies import zipf
from feature_collapse.task.vocabulary import read_vocabulary

NAME = "explorer-static.html"
SHORTEST = 1e-3  # what is shorter is drawn there: the scale is logarithmic
TEMPLATE = """
{% extends base %}
{% block postamble %}
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>
html { font: 16px/1.4 system-ui, sans-serif; color: {{ light.ink }}; background: {{ light.paper }}; }
body { margin: 0; padding: 6px 12px; height: auto; }
h1 { font-size: 1.2rem; margin: 0 0 6px; } a { color: {{ light.accent }}; }
.sliders, .main { display: grid; gap: 8px 20px; }
.sliders { grid-template-columns: repeat(auto-fit, minmax(170px, 1fr)); }
.main { grid-template-columns: repeat(3, minmax(0, 1fr)); margin-top: 8px; }
.main > div { height: min(420px, calc(100vh - 130px)); display: flex; min-width: 0; }
.main > .said { overflow: auto; height: auto; display: block; }
@media (max-width: 700px) { .main { grid-template-columns: 1fr; } }
@media (max-height: 500px) { html { font-size: 13px; } h1 { display: none; } .note { font-size: .8rem; } }
</style>
{% endblock %}
{% block contents %}
<h1>Feature collapse: what the long tail breaks, and what repairs it</h1>
<div class="sliders">
{{ embed(roots.exponent) }}{{ embed(roots.n_spl) }}{{ embed(roots.cure) }}{{ embed(roots.step) }}
</div>
<div class="main">
<div role="img" aria-label="the words' vectors in the theory's plane">{{ embed(roots.words) }}</div>
<div role="img" aria-label="length of each word against its frequency">{{ embed(roots.lengths) }}</div>
<div class="said" aria-live="polite">{{ embed(roots.said) }}
<p class="note">{{ n_w }} words, {{ K }} classes of {{ L }} words, trained by the package beforehand.
Rings: the theory. Colour and shape: concept; size: frequency. Live, with every setting and your own data:
<code>feature-collapse explore</code>. <a href="explorer.html">About this page</a></p></div>
</div>
{% endblock %}
"""
_DRAW = """
const cure = cures.indexOf(which.value)
const cell = (exponent.categories.indexOf(exponent.value) * n_spl.categories.length
  + n_spl.categories.indexOf(n_spl.value)) * cures.length + cure
const state = cell * step.categories.length + step.categories.indexOf(step.value)
const row = (source, i, n) => Array.prototype.slice.call(source.data.v, i * n, (i + 1) * n)
const half = scale.data.v[cell], n_w = points.data.x.length
const flat = row(all, state, 2 * n_w)
const x = new Float32Array(n_w), y = new Float32Array(n_w)
for (let i = 0; i < n_w; i++) { x[i] = flat[2 * i] / full * half; y[i] = flat[2 * i + 1] / full * half }
const mu = row(laws, exponent.categories.indexOf(exponent.value), n_w)
const size = mu.map((m) => 7 + 13 * Math.sqrt(m / Math.max(...mu)))
points.data = {...points.data, x, y, size, mu}
span.start = tall.start = -half; span.end = tall.end = half
const length = row(long, state, n_w).map((v) => Math.max(v, shortest))
dots.data = {...dots.data, x: mu, y: length}
const s_c = n_w / ways.length, r = row(theory, cell, s_c)
const lengths = [...new Set(r)].filter((v) => isFinite(v))
rings.data = {
  x: lengths.flatMap((v) => ways.map((w) => v * w[0])), y: lengths.flatMap((v) => ways.map((w) => v * w[1])),
}
ring.size = lengths.length > 1 ? 8 : 17
const equal = mu[0] == mu[s_c - 1]
const shown = isFinite(r[0])
line.data = !shown ? {x: [], y: []}
  : {x: equal ? [mu[0] * 0.8, mu[0] * 1.25] : mu.slice(0, s_c), y: equal ? [r[0], r[0]] : r}
const [training, fresh, risk, bound, residual] = row(numbers, state, 5)
const kind = types[kinds.data.v[state]]
const above = Math.ceil(1e4 * (risk - bound) / risk) / 100
said.text = `<p class='big'>${(100 * fresh).toFixed(1)} % of new sentences right</p>`
  + `<p>training sentences: ${(100 * training).toFixed(1)} %</p>`
  + `<p class='big'>${kind == "none" ? "no collapse" : "collapse of type " + kind}</p>`
  + `<p>residual ${residual.toFixed(3)}; collapse is at most 0.2</p>`
  + `<p>risk ${risk.toPrecision(4)}; proved: at most ${above} % of it above the minimum</p>`
"""


def page(grid: Grid) -> str:
    """Return the page's HTML."""
    choice = Choice()
    n_w, n_c = choice.n_w, choice.n_c
    concepts = np.repeat(np.arange(n_c), n_w // n_c)
    looks = {"colour": [colour(int(a)) for a in concepts], "marker": [marker(int(a)) for a in concepts]}
    blank = np.ones(n_w, dtype=np.float32)
    points = ColumnDataSource(
        {"x": blank, "y": blank, "size": blank, "mu": blank, "name": names(n_c, n_w), **looks}
    )
    dots = ColumnDataSource({"x": blank, "y": blank, **looks})
    rings, line = (ColumnDataSource({"x": [], "y": []}) for _ in range(2))
    span, tall = Range1d(-1, 1), Range1d(-1, 1)
    words = picture("words", x_range=span, y_range=tall)
    words.axis.visible = False
    drawn = words.scatter(
        "x",
        "y",
        source=points,
        size="size",
        marker="marker",
        fill_color="colour",
        line_color="white",
        fill_alpha=0.85,
    )
    ring = words.scatter("x", "y", source=rings, size=17, marker="circle", fill_color=None, line_color=GREY)
    tip = [("", "@name"), ("frequency", "@mu{0.0%}")]
    words.add_tools(HoverTool(renderers=[drawn], tooltips=tip, limit=NAMED))
    lengths = picture(
        "length against frequency", x_axis_type="log", y_axis_type="log", x_axis_label="frequency",
        y_range=Range1d(SHORTEST, 10.0), x_range=Range1d(3e-4, 1.0),
    )  # fmt: skip
    lengths.scatter("x", "y", source=dots, size=8, marker="marker", color="colour", alpha=0.75)
    lengths.line("x", "y", source=line, color="black", line_width=2, legend_label="theory")
    key(lengths)
    sliders = {
        "exponent": _slider("Zipf exponent", [f"{e:g}" for e in EXPONENTS], "1"),
        "n_spl": _slider("sentences per class", [str(n) for n in N_SPL], "5"),
        "cure": _slider("cure", list(CURES), "none"),
        "step": _slider("steps of training", [str(s) for s in STEPS], str(STEPS[-1])),
    }
    said = Div(sizing_mode="stretch_width", stylesheets=[WIDGETS, TABLES])
    laws = np.array([np.tile(zipf(n_w // n_c, e), n_c) for e in EXPONENTS], dtype=np.float32)
    arms = {
        **{"which" if name == "cure" else name: slider for name, slider in sliders.items()},
        **{"points": points, "dots": dots, "rings": rings, "ring": ring.glyph, "line": line},
        **{"span": span, "tall": tall, "said": said, "full": FULL, "shortest": SHORTEST},
        "all": _column(grid.points),
        "scale": _column(grid.scale),
        "long": _column(grid.lengths.astype(np.float32)),
        "numbers": _column(grid.numbers),
        "kinds": _column(grid.types),
        "theory": _column(grid.theory),
        "laws": _column(laws),
        "cures": list(CURES),
        "types": list(TYPES),
        "ways": directions(n_c).tolist(),
    }
    draw = CustomJS(args=arms, code=_DRAW)
    for slider in sliders.values():
        slider.js_on_change("value", draw)
    roots = {**sliders, "words": words, "lengths": lengths, "said": said}
    for name, root in roots.items():
        root.name = name
    words.js_on_change("inner_width", draw)  # the first picture, once there is a place for it
    template = Environment(autoescape=False).from_string(TEMPLATE)
    facts = {"light": LIGHT, "n_w": n_w, "K": choice.K, "L": choice.L}
    return file_html(
        list(roots.values()), INLINE, "Feature collapse", template=template, template_variables=facts
    )


def names(n_c: int, n_w: int) -> list[str]:
    """Return the words' names."""
    food, _ = read_vocabulary("food")
    s_c = n_w // n_c
    return [
        food.words[a * food.s_c + b] if b < food.s_c else f"{food.concepts[a]} {b + 1}"
        for a in range(n_c)
        for b in range(s_c)
    ]


def _slider(title: str, categories: list[str], value: str) -> CategoricalSlider:
    return CategoricalSlider(
        title=title, categories=categories, value=value, sizing_mode="stretch_width", stylesheets=[WIDGETS]
    )


def _column(values: np.ndarray) -> ColumnDataSource:
    return ColumnDataSource({"v": np.ascontiguousarray(values).ravel()})


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the page beside the others, once they are written."""
    if error is None and app.builder.format == "html":
        (Path(app.outdir) / NAME).write_text(page(Grid.read()), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
