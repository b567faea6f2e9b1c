"""`feature-collapse measure`: feature collapse in a file of embeddings, or in a record of this project."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from feature_collapse.metrics.measured import Measured
    from feature_collapse.metrics.report import Report, View

WORST = 8
WHY_OTHERWISE = (
    "`check` fits W and U together, with lengths r_β that all concepts share (definitions 1-3 to the word); "
    "`measure` gives each entity its own length, calls lengths equal up to a variation of 0.2, and asks that "
    "shuffled labels do worse"
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


def command(
    file: Annotated[Path, typer.Argument(help="Embeddings (any known format), or the folder of a record.")],
    groups: Annotated[
        Path | None,
        typer.Option("--groups", "-g", help="CSV with entity,concept[,frequency]; not for a record."),
    ] = None,
    tensor: Annotated[str | None, typer.Option(help="Name of the matrix, if the file holds several.")] = None,
    tokens: Annotated[
        Path | None, typer.Option(help="vocab.txt or tokenizer.json that names the rows.")
    ] = None,
    normaliser: Annotated[
        str | None,
        typer.Option(help="What the model applies to its embeddings: none, layernorm, rmsnorm or sphere."),
    ] = None,
    eps: Annotated[float, typer.Option(help="The ε of LayerNorm and RMSNorm.")] = 0.0,
    resamples: Annotated[int, typer.Option(help="Bootstrap replicates; 0 for no intervals.")] = 200,
    shuffles: Annotated[int, typer.Option(help="Shuffles of the labels; 0 for no chance level.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the resampling.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a self-contained HTML report with plots.")
    ] = None,
) -> None:
    """Measure feature collapse and neural collapse in FILE: values, intervals, chance level, verdict."""
    from feature_collapse.errors import InputError
    from feature_collapse.metrics.measured import measure_file
    from feature_collapse.metrics.record_tables import is_record

    if report is not None and ((report.exists() and not report.is_file()) or not report.parent.is_dir()):
        raise InputError(f"report = {report}, but must be a plain file in a folder that exists")
    measured = measure_file(
        file,
        groups,
        tensor=tensor,
        tokens=tokens,
        normaliser=normaliser,
        eps=eps,
        resamples=resamples,
        shuffles=shuffles,
        seed=seed,
    )
    if is_record(file):
        measured = replace(measured, report=_beside_check(file, measured.report))
    if report is not None:
        _write(report, measured)
    if as_json:
        typer.echo(
            json.dumps({"source": measured.source, **measured.report.to_dict()}, indent=2, allow_nan=False)
        )
    else:
        _print(measured.report, measured.source)
        if report is not None:
            typer.echo(f"report: {report}")


def _write(path: Path, measured: Measured) -> None:
    from feature_collapse.reports.measurement import html_report

    part = path.with_name(path.name + ".part")
    part.write_text(html_report(measured), encoding="utf-8")
    part.replace(path)


def _print(report: Report, source: str) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from feature_collapse.metrics.definitions import DEFINITIONS
    from feature_collapse.metrics.outcome import OUTCOMES
    from feature_collapse.metrics.report import VERDICTS, interval, printable, show, view_name

    console = Console()
    console.print(f"[bold]{escape(printable(source))}[/bold]")
    console.print(
        f"{report.n_entities} entities, {report.n_concepts} concepts, {report.dimension} dimensions"
    )
    for view in report.views.values():
        mark = "bold" if view.normaliser == report.normaliser else "dim"
        text = f"{view_name(view.normaliser)}: {OUTCOMES[view.outcome]} ({view.outcome_reason})"
        console.print(f"[{mark}]{escape(text)}[/{mark}]")
    console.print(escape(f"of the paper's definitions: {VERDICTS[report.verdict]} ({report.reason})"))
    main = report.views[report.normaliser]
    table = Table(title=f"values {view_name(report.normaliser)}", title_justify="left")
    for name in ("value", "", "95% interval", "shuffled", "p"):
        table.add_column(name, justify="left" if name == "value" else "right")
    group = ""
    for key, value in main.values.items():
        definition = DEFINITIONS[key]
        if definition.group != group:
            table.add_section()
            group = definition.group
        table.add_row(
            definition.title, show(value.value), interval(value), show(value.chance), show(value.p, 2)
        )
    console.print(table)
    _print_views(console, report)
    _print_concepts(console, main)
    for note in report.notes:
        console.print(escape(printable(f"note: {note}")))


def _print_views(console: Console, report: Report) -> None:
    from rich.table import Table

    from feature_collapse.metrics.definitions import DEFINITIONS
    from feature_collapse.metrics.report import show, view_name

    table = Table(title="before and after each normaliser", title_justify="left")
    table.add_column("value")
    for view in report.views:
        table.add_column(view_name(view).removeprefix("after "), justify="right")
    for key in COMPARED:
        cells = [show(v.values[key].value, 3) if key in v.values else "–" for v in report.views.values()]
        if any(c != "–" for c in cells):
            table.add_row(DEFINITIONS[key].title, *cells)
    console.print(table)


def _print_concepts(console: Console, view: View) -> None:
    from rich.markup import escape
    from rich.table import Table

    from feature_collapse.metrics.report import printable, show

    order = sorted(view.concepts, key=lambda c: -c.values["direction_spread"].value)[:WORST]
    if not order:
        return
    title = "concepts, the worst first" + (
        f" ({WORST} of {len(view.concepts)})" if len(view.concepts) > WORST else ""
    )
    table = Table(title=title, title_justify="left")
    table.add_column("concept")
    for name in ("entities", "spread", "of direction", "of length", "mean length"):
        table.add_column(name, justify="right")
    for c in order:
        values = [show(c.values[k].value, 3) for k in ("spread", "direction_spread", "length_spread")]
        table.add_row(escape(printable(c.name)), str(c.count), *values, show(c.mean_length, 3))
    console.print(table)


def _beside_check(folder: Path, report: Report) -> Report:
    """The report of a record, with a sentence why, where `check` says another type than this verdict."""
    from feature_collapse.experiments.record import FILES, read_record
    from feature_collapse.theory.classify import classify

    if not all((folder / name).is_file() for name in FILES):
        return report  # no record that `check` reads
    record = read_record(folder)
    said = classify(record.weights, record.task).type
    if said == report.verdict:
        return report
    note = f"`check` answers {said}, this verdict is {report.verdict}: {WHY_OTHERWISE}"
    return replace(report, notes=(*report.notes, note))
