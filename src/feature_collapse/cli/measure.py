"""`feature-collapse measure`: feature collapse in a file of embeddings, or in a record of this project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feature_collapse.cli.beside_check import beside_check
from feature_collapse.cli.options import echo, print_json
from feature_collapse.cli.progress import with_measuring_progress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from feature_collapse.metrics.measured import Measured
    from feature_collapse.metrics.report import Report, View

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


@with_measuring_progress
def command(
    file: Annotated[Path, typer.Argument(help="Embeddings (any known format), or the folder of a record.")],
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            "-g",
            help="CSV with entity,concept[,frequency], or pos, wordnet, script, bins; not for a record.",
        ),
    ] = None,
    frequencies: Annotated[
        str | None, typer.Option(help="CSV, wordfreq:LANG, corpus:FILE, or rank (a proxy).")
    ] = None,
    tensor: Annotated[str | None, typer.Option(help="Name of the matrix, if the file holds several.")] = None,
    tokens: Annotated[
        Path | None, typer.Option(help="vocab.txt or tokenizer.json that names the rows.")
    ] = None,
    wordnet: Annotated[
        Path | None, typer.Option(help="Folder of a WordNet database, for groups pos and wordnet.")
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Entities are tokens as written, not words.")
    ] = False,
    several: Annotated[bool, typer.Option("--several", help="A word may be in several groups.")] = False,
    candidates: Annotated[
        bool, typer.Option("--list", help="List the matrices of a model's folder, and stop.")
    ] = False,
    normaliser: Annotated[
        str | None,
        typer.Option(help="What the model applies to its embeddings: none, layernorm, rmsnorm or sphere."),
    ] = None,
    eps: Annotated[float, typer.Option(help="The ε of LayerNorm and RMSNorm.")] = 0.0,
    resamples: Annotated[int, typer.Option(help="Bootstrap replicates; 0 for no intervals.")] = 200,
    shuffles: Annotated[int, typer.Option(help="Shuffles of the labels; 0 for no chance level.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Print every value, view and concept.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a self-contained HTML report with plots.")
    ] = None,
) -> None:
    """Measure feature collapse and neural collapse in FILE: values, intervals, chance level, verdict."""
    from feature_collapse.boundary import plain_file
    from feature_collapse.files import refuse_overwriting
    from feature_collapse.metrics.measured import measure_file
    from feature_collapse.metrics.readers.model_folder import list_candidates
    from feature_collapse.metrics.readers.source import Source
    from feature_collapse.metrics.record_tables import is_record

    if candidates:
        for line in list_candidates(file):
            echo(line)
        return
    if not file.is_dir():
        plain_file(file)
    if report is not None:
        named = [Path(text) for text in (groups, frequencies) if text is not None]
        refuse_overwriting(report, [file, tokens, *named])
    given = (groups, frequencies, tensor, tokens, wordnet, exact or None, several or None)
    source = None
    if any(value is not None for value in given):
        source = Source(groups, frequencies, tensor, tokens, wordnet, exact, several)
    measured = measure_file(
        file, source, normaliser=normaliser, eps=eps, resamples=resamples, shuffles=shuffles, seed=seed
    )
    if is_record(file):
        measured = replace(measured, report=beside_check(file, measured.report))
    if report is not None:
        _write(report, measured)
    if as_json:
        print_json({"source": measured.source, **measured.report.to_dict()})
    else:
        _print(measured, full)
        if report is not None:
            echo(f"report: {report}")


def _write(path: Path, measured: Measured) -> None:
    from feature_collapse.files import write_atomically
    from feature_collapse.reports.measurement import html_report

    write_atomically(path, html_report(measured))


def _print(measured: Measured, full: bool) -> None:
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
    from feature_collapse.metrics.report import show, view_name

    names = [view_name(v).removeprefix("after ") for v in report.views]
    table = _table("before and after each normaliser", "value", *names)
    for key in COMPARED:
        cells = [show(v.values[key].value, 3) if key in v.values else "–" for v in report.views.values()]
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
