"""The tables of `feature-collapse measure`, 80 columns wide at most."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from feature_collapse.metrics.baseline import Differences
    from feature_collapse.metrics.measured import Measured
    from feature_collapse.metrics.report import Report, View
    from feature_collapse.metrics.trajectory import Trajectory

WORST = 8
OUTLYING = 2.0
LONGEST_NAME = 30
SHORT = (
    "spread",
    "direction_spread",
    "length_spread",
    "length_variation",
    "shape_frame",
    "shape_centred",
    "shape_orthogonal",
    "length_slope",
    "length_slope_within",
    "nc1",
    "nc2_angle_error",
    "nc3",
    "nc4",
    "nearest_centre",
    "effective_rank",
)
COMPARED = (
    "spread",
    "direction_spread",
    "length_variation",
    "type_I",
    "type_II",
    "type_III",
    "nc1",
    "nearest_centre",
)
CURVES = (
    "spread",
    "direction_spread",
    "length_variation",
    "nc1_trace_ratio",
    "nearest_centre",
    "length_slope",
)


def print_measured(measured: Measured, full: bool) -> None:
    """Print what was found in sentences, then the tables; `full` for every value, view and concept."""
    from rich.console import Console
    from rich.markup import escape

    from feature_collapse.metrics.findings import findings
    from feature_collapse.metrics.report import printable

    report, console = measured.report, Console(highlight=False)
    console.print(f"[bold]{escape(printable(measured.source))}[/bold]")
    console.print(
        f"{report.n_entities} entities, {report.n_concepts} concepts, {report.dimension} dimensions\n"
    )
    for sentence in findings(report):
        console.print(escape(printable(f"- {sentence}")))
    console.print()
    _print_values(console, report, full)
    _print_curve(console, report)
    if full:
        _print_views(console, report)
        _print_outcomes(console, report)
    _print_concepts(console, report.views[report.normaliser], full)
    _print_outliers(console, measured)
    for note in report.notes:
        console.print(escape(printable(f"note: {note}")))
    if not full:
        console.print("--full shows every value, every view and every concept.", style="dim")


def _table(title: str, first: str, *others: str) -> Table:
    """Return a table of 80 columns at most: numbers are never wrapped, a long name is cut."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0))
    table.add_column(first, no_wrap=True, overflow="ellipsis")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _print_values(console: Console, report: Report, full: bool) -> None:
    from feature_collapse.metrics.definitions import DEFINITIONS
    from feature_collapse.metrics.report import interval, show, view_name

    table = _table(f"values {view_name(report.normaliser)}", "", "value", "95%", "shuffled", "p")
    group, reasons = "", set()
    for key, value in report.views[report.normaliser].values.items():
        definition = DEFINITIONS[key]
        if not full and key not in SHORT:
            continue
        if definition.group != group and full:
            table.add_row("", end_section=True)
        group = definition.group
        table.add_row(
            definition.title, show(value.value, 3), interval(value), show(value.chance, 3), show(value.p, 2)
        )
        if value.withheld:
            reasons.add(value.withheld)
    console.print(table)
    for reason in sorted(reasons):
        console.print(f"some intervals are withheld: {reason}", style="dim")


def _print_curve(console: Console, report: Report) -> None:
    from feature_collapse.metrics.report import show

    curve = None if report.detail is None else report.detail.curve
    if curve is None:
        return
    table = _table("rare against frequent", "frequency", "entities", "length", "95%", "direction", "nearest")
    for b in curve.bins:
        table.add_row(
            f"{show(b.low_frequency, 3)} to {show(b.high_frequency, 3)}",
            str(b.entities),
            show(b.length, 3),
            f"{show(b.length_low, 3)}…{show(b.length_high, 3)}",
            show(b.direction, 3),
            show(b.nearest, 2),
        )
    console.print(table)
    console.print(
        f"p = {show(curve.p_no_relation, 2)} against no relation of length and frequency, "
        f"{show(curve.p_monotone, 2)} against a monotone one",
        style="dim",
    )


def _print_outcomes(console: Console, report: Report) -> None:
    from rich.markup import escape

    from feature_collapse.metrics.outcome import OUTCOMES
    from feature_collapse.metrics.report import VERDICTS, view_name

    for view in report.views.values():
        console.print(
            escape(f"{view_name(view.normaliser)}: {OUTCOMES[view.outcome]} ({view.outcome_reason}); "
                   f"{VERDICTS[view.verdict]} ({view.reason})")
        )  # fmt: skip


def _print_views(console: Console, report: Report) -> None:
    from feature_collapse.metrics.definitions import DEFINITIONS
    from feature_collapse.metrics.report import distinct_views, show

    views = distinct_views(report)
    table = _table("before and after each normaliser", "value", *views)
    for key in COMPARED:
        cells = [show(v.values[key].value, 3) if key in v.values else "–" for v in views.values()]
        if any(c != "–" for c in cells):
            table.add_row(DEFINITIONS[key].title, *cells)
    console.print(table)


def _print_concepts(console: Console, view: View, full: bool) -> None:
    from rich.markup import escape

    from feature_collapse.metrics.report import printable, show

    order = sorted(view.concepts, key=lambda c: -c.values["direction_spread"].value)
    order, hidden = (order, 0) if full else (order[:WORST], max(0, len(order) - WORST))
    if not order:
        return
    title = "concepts, the worst first" + (f" ({WORST} of {len(view.concepts)})" if hidden else "")
    table = _table(title, "concept", "entities", "spread", "direction", "p", "length", "mean")
    for c in order:
        direction = c.values["direction_spread"]
        cells = [show(c.values["spread"].value, 3), show(direction.value, 3), show(direction.p, 2)]
        cells += [show(c.values["length_spread"].value, 3), show(c.mean_length, 3)]
        table.add_row(escape(_cut(printable(c.name))), str(c.count), *cells)
    console.print(table)


def _cut(name: str) -> str:
    """Return a name short enough that no number beside it is wrapped."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def _print_outliers(console: Console, measured: Measured) -> None:
    from rich.markup import escape

    from feature_collapse.metrics.report import printable

    detail = measured.report.detail
    found = () if detail is None else [o for o in detail.outliers if o.distance >= OUTLYING][:5]
    if found:
        named = [f"{measured.entities[o.row]} ({o.concept}, {o.distance:.2g} times)" for o in found]
        text = (
            f"entities farthest from their concept's direction, beside the usual distance: {', '.join(named)}"
        )
        console.print(escape(printable(text)))


def print_comparison(comparison: Differences, full: bool) -> None:
    """Print each value of both, their difference and its interval."""
    from rich.console import Console
    from rich.markup import escape

    from feature_collapse.metrics.definitions import DEFINITIONS
    from feature_collapse.metrics.report import printable, show

    console = Console(highlight=False)
    how = "paired by entity" if comparison.paired else "unpaired"
    table = _table("against the baseline, " + how, "", "before", "now", "difference", "95%")
    for key, one in comparison.differences.items():
        if full or key in SHORT:
            reach = "–" if one.low != one.low else f"{show(one.low, 2)}…{show(one.high, 2)}"
            cells = [show(one.baseline, 3), show(one.value, 3), show(one.difference, 2), reach]
            table.add_row(DEFINITIONS[key].title, *cells)
    console.print(table)
    source = escape(printable(comparison.baseline))
    console.print(f"baseline: {source}, {comparison.entities} entities in both", style="dim")
    for note in comparison.notes:
        console.print(escape(printable(f"note: {note}")))


def print_trajectory(found: Trajectory, full: bool) -> None:
    """Print the curves: a row for each checkpoint, a table for every five values."""
    from rich.console import Console
    from rich.markup import escape

    from feature_collapse.metrics.report import printable, show

    console = Console(highlight=False)
    keys = [k for k in found.keys() if full or k in CURVES]
    for start in range(0, len(keys), 3):
        part = keys[start : start + 3]
        table = _table("curves" if start == 0 else "", "", *part)
        columns = [found.series(key)[1] for key in part]
        for i, source in enumerate(found.sources):
            name = escape(_cut(printable(f"{i + 1} {source}")))
            table.add_row(name, *(show(column[i], 3) for column in columns))
        console.print(table)
    for later, earlier in found.identical:
        console.print(escape(printable(f"note: {later} holds the same vectors as {earlier}")))
