"""A self-contained HTML report: verdict, pictures (inline PNG), tables. No script, nothing fetched."""

from __future__ import annotations

import base64
import html
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from feature_collapse import __version__
from feature_collapse.figures import measured as plots
from feature_collapse.figures.scene import Scene
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.report import VERDICTS, Report, View, interval, show, view_name

if TYPE_CHECKING:
    from feature_collapse.metrics.measured import Measured

MOST_CONCEPTS = 200
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color:
#1a1a1a;
       background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2rem; }
table { border-collapse: collapse; font-size: 0.9rem; } th, td { padding: 0.25rem 0.7rem; text-align: right; }
th:first-child, td:first-child { text-align: left; } thead th { border-bottom: 2px solid #1a1a1a; }
tbody tr:nth-child(even) { background: #f4f4f4; } tr.group td { font-weight: 600; background: #fff;
padding-top: 1rem; } img { max-width: 100%; height: auto; } .verdict { font-size: 1.15rem; border-left:
0.4rem solid #0072B2; padding: 0.4rem 1rem; } .wide { overflow-x: auto; } footer { margin-top: 3rem; color:
#555; font-size: 0.85rem; }
"""


def html_report(measured: Measured) -> str:
    """Return the page as text; everything from the user's files is escaped."""
    report = measured.report
    e = html.escape
    picture = figure(measured)
    parts = [
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
        "<meta name='viewport' content='width=device-width, initial-scale=1'>",
        f"<title>Feature collapse: {e(measured.source)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>Feature collapse in {e(measured.source)}</h1>",
        f"<p>{report.n_entities} entities, {report.n_concepts} concepts, {report.dimension} dimensions.</p>",
        f"<p class='verdict'><b>{e(VERDICTS[report.verdict])}</b> ({e(view_name(report.normaliser))})<br>"
        f"{e(report.reason)}</p>",
        _verdicts(report),
        f"<h2>Pictures</h2><img alt='{e(_in_words(report))}' src='data:image/png;base64,{picture}'>",
        "<h2>Values</h2><p>Each with its 95% bootstrap interval, its mean under shuffled labels, and the "
        "share p of shuffles that look at least as collapsed.</p>",
        f"<div class='wide'>{_values(report)}</div>",
        "<h2>Concepts, the worst first</h2>",
        f"<div class='wide'>{_concepts(report.views[report.normaliser])}</div>",
        _notes(report),
        f"<footer>feature-collapse {__version__}; policy: {e(str(dict(report.policy)))}</footer>",
        "</body></html>",
    ]
    return "\n".join(parts)


def figure(measured: Measured) -> str:
    """Return the pictures as one PNG, base64."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scene = Scene(measured)
    after = "sphere" if measured.report.normaliser == "none" else measured.report.normaliser
    panels: list[Callable[[Any], None]] = [
        lambda ax: plots.lengths(ax, scene),
        lambda ax: plots.angles(ax, scene),
        lambda ax: plots.pca(ax, scene, "none"),
        lambda ax: plots.pca(ax, scene, after),
        lambda ax: plots.spectrum(ax, scene),
        lambda ax: plots.before_after(ax, scene),
        lambda ax: plots.concepts(ax, scene),
    ]
    drawn = Figure(figsize=(12, 18.5), dpi=110, layout="constrained")
    FigureCanvasAgg(drawn)
    axes = list(drawn.subplots(4, 2).flat)
    for panel, ax in zip(panels, axes, strict=False):
        panel(ax)
        ax.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[2].get_legend_handles_labels()
    axes[7].axis("off")
    axes[7].legend(
        handles, labels, loc="upper left", title="concepts", frameon=False, ncol=2, markerscale=1.5
    )
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="Glyph"
        )  # a name in a script that the font lacks shows as boxes
        drawn.savefig(out, format="png", metadata={"Software": None})
    return base64.b64encode(out.getvalue()).decode("ascii")


def _in_words(report: Report) -> str:
    spread = report.views[report.normaliser].values.get("direction_spread")
    return (
        "Seven panels: length against frequency, cosines inside and between concepts, principal components "
        "before and after normalisation, spectrum, values before and after normalisation, concepts. "
        f"Direction spread {show(spread.value) if spread else 'undefined'}."
    )


def _row(cells: list[str], tag: str = "td") -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"


def _table(head: list[str], rows: list[str]) -> str:
    return f"<table><thead>{_row(head, 'th')}</thead><tbody>{''.join(rows)}</tbody></table>"


def _verdicts(report: Report) -> str:
    rows = [_row([view_name(v.normaliser), VERDICTS[v.verdict], v.reason]) for v in report.views.values()]
    return f"<div class='wide'>{_table(['view', 'verdict', 'reason'], rows)}</div>"


def _values(report: Report) -> str:
    main = report.views[report.normaliser]
    others = [v for v in report.views.values() if v.normaliser != report.normaliser]
    head = [
        "value",
        view_name(main.normaliser),
        "95% interval",
        "shuffled",
        "p",
        *(view_name(v.normaliser) for v in others),
    ]
    rows, group = [], ""
    keys = [k for k in DEFINITIONS if any(k in v.values for v in report.views.values())]
    for key in keys:
        d = DEFINITIONS[key]
        if d.group != group:
            group = d.group
            rows.append(f"<tr class='group'><td colspan='{len(head)}'>{html.escape(group)}</td></tr>")
        value = main.values.get(key)
        own = (
            ["–"] * 4
            if value is None
            else [show(value.value), interval(value), show(value.chance), show(value.p, 2)]
        )
        rows.append(
            _row([d.title, *own, *(show(v.values[key].value) if key in v.values else "–" for v in others)])
        )
    return _table(head, rows)


def _concepts(view: View) -> str:
    known = sorted(view.concepts, key=lambda c: -_or_zero(c.values["direction_spread"].value))
    rows = []
    for c in known[:MOST_CONCEPTS]:
        cells = [c.name, str(c.count)]
        for key in ("spread", "direction_spread", "length_spread"):
            cells += [show(c.values[key].value, 3), interval(c.values[key])]
        rows.append(_row([*cells, show(c.mean_length, 4)]))
    if len(known) > MOST_CONCEPTS:
        rows.append(_row([f"… and {len(known) - MOST_CONCEPTS} more", *[""] * 8]))
    head = ["concept", "entities", "spread", "95%", "of direction", "95%", "of length", "95%", "mean length"]
    return _table(head, rows)


def _or_zero(x: float) -> float:
    return x if x == x else 0.0


def _notes(report: Report) -> str:
    if not report.notes:
        return ""
    return "<h2>Notes</h2><ul>" + "".join(f"<li>{html.escape(n)}</li>" for n in report.notes) + "</ul>"
