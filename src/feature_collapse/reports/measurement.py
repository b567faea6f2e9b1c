"""The page of a measurement: what was found, pictures, tables; one file, nothing fetched."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from feature_collapse.figures.measurement import draw_measurement
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.findings import findings
from feature_collapse.metrics.outcome import OUTCOMES
from feature_collapse.metrics.report import (
    VERDICTS,
    Report,
    View,
    distinct_views,
    interval,
    printable,
    show,
    view_name,
)
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
        findings=findings(report),
        outcomes=Table(
            ("view", "features", "the paper's definitions"),
            [
                (
                    name,
                    f"{OUTCOMES[v.outcome]}: {v.outcome_reason}",
                    f"{VERDICTS[v.verdict]} ({v.reason})",
                )
                for name, v in distinct_views(report).items()
            ],
        ),
        curve=_curve(report),
        pictures=[Picture.of(figure, "", alt=what, dpi=140) for what, figure in draw_measurement(measured)],
        values=_values(report),
        concepts=_concepts(report.views[report.normaliser]),
    )


def _values(report: Report) -> Table:
    """Return the values of the model's own view with interval and chance, and those of the other views."""
    main = report.views[report.normaliser]
    others = {n: v for n, v in distinct_views(report).items() if v.normaliser != report.normaliser}
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
        beside = [show(view.values[key].value) if key in view.values else _DASH for view in others.values()]
        rows.append([definition.title, *own, *beside])
    return Table(["value", view_name(main.normaliser), "95% interval", "shuffled", "p", *others], rows)


def _curve(report: Report) -> Table | None:
    """Return length, direction and nearest centre by frequency, from rare to frequent."""
    curve = None if report.detail is None else report.detail.curve
    if curve is None:
        return None
    rows = []
    for b in curve.bins:
        reach = f"{show(b.length_low, 3)}…{show(b.length_high, 3)}"
        shares = [show(b.nearest, 2), f"{show(b.nearest_low, 2)}…{show(b.nearest_high, 2)}"]
        frequencies = f"{show(b.low_frequency, 3)} to {show(b.high_frequency, 3)}"
        rows.append([frequencies, str(b.entities), show(b.length, 3), reach, show(b.direction, 3), *shares])
    return Table(["frequency", "entities", "length", "95%", "direction", "nearest own", "95%"], rows)


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
