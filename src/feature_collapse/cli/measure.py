"""`feature-collapse measure`: feature collapse in a file of embeddings, or in a record of this project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feature_collapse.cli.beside_check import beside_check
from feature_collapse.cli.options import echo, print_json
from feature_collapse.cli.progress import with_measuring_progress

if TYPE_CHECKING:
    from feature_collapse.metrics.baseline import Differences
    from feature_collapse.metrics.measured import Measured
    from feature_collapse.metrics.readers.source import Source
    from feature_collapse.metrics.trajectory import Trajectory


@with_measuring_progress
def command(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Embeddings (any known format), a model's folder, or a record's; several are checkpoints.",
        ),
    ],
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
    classifier: Annotated[
        str | None,
        typer.Option(help="Linear weights, for NC3 and NC4: a tensor's name, or a file of their own."),
    ] = None,
    centre: Annotated[
        str, typer.Option(help="What NC1 to NC3 are centred at: the mean of entities, or of concepts.")
    ] = "entities",
    baseline: Annotated[
        Path | None,
        typer.Option(help="Compare with these embeddings (paired by entity), or with a report's JSON."),
    ] = None,
    text: Annotated[
        Path | None, typer.Option(help="Measure the layers of a model (transformers) on the lines of a text.")
    ] = None,
    layers: Annotated[str, typer.Option(help="With --text: all, or numbers such as 0,6,12.")] = "all",
    fail_if: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-if",
            metavar="CONDITION",
            help="Exit 1 where it holds: 'direction_spread > 0.5', or '> +0.05' more than the baseline.",
        ),
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
    full: Annotated[bool, typer.Option("--full", help="Print every value, view and concept.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write a self-contained HTML report with plots.")
    ] = None,
) -> None:
    """Measure feature collapse and neural collapse in FILE: what was found, values, chance levels."""
    from feature_collapse.cli.measure_tables import print_comparison, print_measured
    from feature_collapse.metrics.gate import Condition
    from feature_collapse.metrics.measured import measure_file
    from feature_collapse.metrics.readers.model_folder import list_candidates
    from feature_collapse.metrics.readers.source import Source
    from feature_collapse.metrics.record_tables import is_record

    file = files[0]
    if candidates:
        for line in list_candidates(file):
            echo(line)
        return
    conditions = [Condition.parse(text, baseline=baseline is not None) for text in fail_if or ()]
    _check_files(files, report, [groups, frequencies, classifier, tokens, baseline, text])
    given = (groups, frequencies, tensor, tokens, wordnet, exact or None, several or None, classifier)
    source = None
    if any(value is not None for value in given):
        source = Source(groups, frequencies, tensor, tokens, wordnet, exact, several, classifier)
    options: dict[str, Any] = {"normaliser": normaliser, "eps": eps, "centre": centre, "seed": seed}
    if len(files) > 1 or text is not None:
        _refuse_for_curves({"baseline": baseline, "fail-if": fail_if, "classifier": text and classifier})
        found = _curves(files, text, layers, source, options)
        _show_curves(found, as_json, full, report)
        return
    measured = measure_file(file, source, resamples=resamples, shuffles=shuffles, **options)
    if is_record(file):
        measured = replace(measured, report=beside_check(file, measured.report))
    comparison = None
    if baseline is not None:
        comparison = _compared(measured, baseline, source, options, resamples)
    if report is not None:
        _write(report, measured)
    if as_json:
        beside = {} if comparison is None else {"comparison": comparison.to_dict()}
        print_json({"source": measured.source, **measured.report.to_dict(), **beside})
    else:
        print_measured(measured, full)
        if comparison is not None:
            print_comparison(comparison, full)
        if report is not None:
            echo(f"report: {report}")
    failures = [f for f in (c.failure(measured.report, comparison) for c in conditions) if f]
    for failure in failures:
        typer.echo(f"failed: {failure}", err=True)
    if failures:
        raise typer.Exit(1)


def _check_files(files: list[Path], report: Path | None, named: list[str | Path | None]) -> None:
    """Refuse what is no plain file, and a report that would replace an input, before any work."""
    from feature_collapse.boundary import plain_file
    from feature_collapse.files import refuse_overwriting

    for file in files:
        if not file.is_dir():
            plain_file(file)
    if report is not None:
        refuse_overwriting(report, [*files, *(Path(one) for one in named if one is not None)])


def _compared(
    measured: Measured, baseline: Path, source: Source | None, options: dict[str, Any], resamples: int
) -> Differences:
    from feature_collapse.metrics.baseline import against_report, against_table
    from feature_collapse.metrics.measured import measure_file
    from feature_collapse.metrics.saved_report import is_saved_report, read_saved_report

    if is_saved_report(baseline):
        return against_report(measured.report, read_saved_report(baseline))
    alone = None if source is None else replace(source, classifier=None)
    other = measure_file(baseline, alone, resamples=0, shuffles=0, **options)
    return against_table(measured, other, resamples=resamples, seed=options["seed"])


def _refuse_for_curves(options: dict[str, object]) -> None:
    from feature_collapse.errors import InputError

    for name, value in options.items():
        if value:
            raise InputError(
                f"{name} applies to one table, but curves over checkpoints or layers were asked for"
            )


def _curves(
    files: list[Path], text: Path | None, layers: str, source: Source | None, options: dict[str, Any]
) -> Trajectory:
    """Measure several files as checkpoints of one model, or one model's layers, without intervals."""
    from feature_collapse.errors import InputError
    from feature_collapse.metrics.layers import measure_layers
    from feature_collapse.metrics.trajectory import trajectory

    if text is None:
        return trajectory(files, source, **options)
    if len(files) > 1:
        raise InputError(f"text applies to the layers of one model, but {len(files)} files were given")
    if source is None:
        raise InputError("groups is missing: it says which tokens play the same role")
    kept = {name: options[name] for name in ("normaliser", "eps")}
    return measure_layers(files[0], text, source, layers, **kept)


def _show_curves(found: Trajectory, as_json: bool, full: bool, report: Path | None) -> None:
    from feature_collapse.cli.measure_tables import print_trajectory
    from feature_collapse.files import write_atomically
    from feature_collapse.reports.checkpoints import checkpoints_page

    if report is not None:
        write_atomically(report, checkpoints_page(found))
    if as_json:
        print_json(found.to_dict())
        return
    print_trajectory(found, full)
    if report is not None:
        echo(f"report: {report}")


def _write(path: Path, measured: Measured) -> None:
    from feature_collapse.files import write_atomically
    from feature_collapse.reports.measurement import html_report

    write_atomically(path, html_report(measured))
