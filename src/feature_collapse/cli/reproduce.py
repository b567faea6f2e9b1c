"""`feature-collapse reproduce`: the paper from one command."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from feature_collapse.cli.options import Device, Json, print_json, table

if TYPE_CHECKING:
    from feature_collapse.reports.reproduction import Run


_CELL = 14  # columns of a list of numbers, which goes on on the next line: four of them fit in 80


def command(
    figures: Annotated[
        list[str] | None, typer.Argument(help="figure1 … figure6, or all.", show_default="all")
    ] = None,
    method: Annotated[
        str, typer.Option(help="certified: the minimiser, proved. sgd: as in the paper.")
    ] = "certified",
    seed: Annotated[int, typer.Option(help="Of latents, sentences, start and shuffles.")] = 0,
    device: Device = "auto",
    out: Annotated[Path, typer.Option(help="Folder of the records, pictures and the report.")] = Path(
        "results"
    ),
    quick: Annotated[
        bool, typer.Option("--quick", help="The same story at a small size, in about a minute.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Print every number beside the notebooks' and the theory's.")
    ] = False,
    json: Json = False,
) -> None:
    """Run the paper's experiments, draw its figures and put the numbers beside the paper's.

    Finished records of the same settings are reused; an interrupted run goes on where it stopped.
    Ends with a line for each experiment and OUT/report.html, which holds every number; the report of another
    method, seed or size, or of some figures alone, has that in its name.
    """
    from feature_collapse.cli.progress import announce, training_progress
    from feature_collapse.experiments.presets import DIAGRAMS, page_name, select
    from feature_collapse.experiments.run import check_ready, run
    from feature_collapse.reports.drawing import Drawing
    from feature_collapse.reports.reproduction import (
        Run,
        save_diagrams,
        save_embedding_lengths,
        save_overview,
        write_report,
    )

    wanted = figures or ["all"]
    chosen = select(wanted, method=method, seed=seed, quick=quick)
    wanted_runs = [(e.settings, out / e.name) for e in chosen]
    check_ready(wanted_runs, device)
    announce(wanted_runs, device)
    runs = []
    with Drawing() as drawing:
        for experiment in chosen:
            with training_progress(experiment.name) as callback:
                record = run(experiment.settings, out / experiment.name, device=device, callback=callback)
            drawing.add(record)
            runs.append(Run(experiment, record))
        pictures = save_overview(out, page_name("overview", method, seed, quick, wanted), runs)
        pictures += save_diagrams(out, DIAGRAMS if "all" in wanted else [f for f in DIAGRAMS if f in wanted])
        if "all" in wanted or "figure5" in wanted:
            pictures += save_embedding_lengths(out, page_name("figure5", method, seed, quick), runs)
    page = write_report(out / f"{page_name('report', method, seed, quick, wanted)}.html", pictures, runs)
    if json:
        print_json([row.to_dict() for one in runs for row in one.rows])
        return
    _print(runs, full)
    typer.echo(f"report: {page}")


def _print(runs: list[Run], full: bool) -> None:
    from feature_collapse.reports.comparison import WHY_BELOW_THEORY
    from feature_collapse.reports.reproduction import SUMMARY_HEAD

    if not runs:
        return
    table("The paper's experiments", SUMMARY_HEAD, [run.summary() for run in runs])
    typer.echo(fill(WHY_BELOW_THEORY, min(shutil.get_terminal_size().columns, 110)))
    if full:
        for run in runs:
            rows = [[row.cells()[0], *(_folded(cell) for cell in row.cells()[1:])] for row in run.rows]
            table(run.title, ["quantity", "ours", "notebooks", "theory"], rows)


def _folded(cell: str) -> str:
    return fill(cell, _CELL, break_long_words=False)
