"""The page of a measurement: verdict, pictures, tables; one file, nothing fetched."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from feature_collapse.figures.measurement import draw_measurement
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.report import VERDICTS, Report, View, interval, printable, show, view_name
from feature_collapse.reports.page import Picture, Table, render_page

if TYPE_CHECKING:
    from feature_collapse.metrics.measured import Measured

MOST_CONCEPTS = 200
_DASH = "–"


def html_report(measured: Measured) -> str:
    """Return the page as text; everything from the user's files is escaped."""
    report = measured.report
    return render_page(
        "measurement.html.j2",
        source=printable(measured.source),
        report=report,
        verdict=VERDICTS[report.verdict],
        view=view_name(report.normaliser),
        verdicts=Table(
            ("view", "verdict", "reason"),
            [(view_name(v.normaliser), VERDICTS[v.verdict], v.reason) for v in report.views.values()],
        ),
        pictures=[Picture.of(figure, "", alt=what, dpi=140) for what, figure in draw_measurement(measured)],
        values=_values(report),
        concepts=_concepts(report.views[report.normaliser]),
    )


def _values(report: Report) -> Table:
    """Return the values of the model's own view with interval and chance, and those of the other views."""
    main = report.views[report.normaliser]
    others = [view for view in report.views.values() if view.normaliser != report.normaliser]
    rows: list[list[str]] = []
    group = ""
    for key, definition in DEFINITIONS.items():
        if not any(key in view.values for view in report.views.values()):
            continue
        if definition.group != group:
            group = definition.group
            rows.append([group])
        value = main.values.get(key)
        own = [_DASH] * 4
        if value is not None:
            own = [show(value.value), interval(value), show(value.chance), show(value.p, 2)]
        beside = [show(view.values[key].value) if key in view.values else _DASH for view in others]
        rows.append([definition.title, *own, *beside])
    names = [view_name(view.normaliser) for view in others]
    return Table(["value", view_name(main.normaliser), "95% interval", "shuffled", "p", *names], rows)


def _concepts(view: View) -> Table:
    """Return spread, by direction and by length, of each concept, the worst direction first."""

    def worst(value: float) -> float:
        return 0.0 if math.isnan(value) else -value

    known = sorted(view.concepts, key=lambda c: worst(c.values["direction_spread"].value))
    rows = []
    for concept in known[:MOST_CONCEPTS]:
        cells = [concept.name, str(concept.count)]
        for key in ("spread", "direction_spread", "length_spread"):
            cells += [show(concept.values[key].value, 3), interval(concept.values[key])]
        rows.append([*cells, show(concept.mean_length, 4)])
    if len(known) > MOST_CONCEPTS:
        rows.append([f"… and {len(known) - MOST_CONCEPTS} more"])
    head = ["concept", "entities", "spread", "95%", "of direction", "95%", "of length", "95%", "mean length"]
    return Table(head, rows)
