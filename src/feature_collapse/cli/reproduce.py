"""`feature-collapse reproduce`: the paper from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from feature_collapse.cli.options import Device, Json, print_json, table


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
        bool, typer.Option("--quick", help="The same story at a small size, in seconds.")
    ] = False,
    json: Json = False,
) -> None:
    """Run the paper's experiments, draw its figures and put the numbers beside the paper's.

    Finished records of the same settings are reused; an interrupted run goes on where it stopped.
    Ends with a table and OUT/report.html.
    """
    from feature_collapse.cli.progress import training_progress
    from feature_collapse.experiments.presets import DIAGRAMS, select
    from feature_collapse.experiments.run import check_ready, run
    from feature_collapse.reports.comparison import cells, comparison
    from feature_collapse.reports.reproduction import (
        draw_diagrams,
        draw_norms,
        draw_record,
        draw_story,
        write_report,
    )

    wanted = figures or ["all"]
    runs = select(wanted, method=method, seed=seed, quick=quick)
    check_ready([(e.settings, out / e.name) for e in runs], device)
    pictures = draw_diagrams(out, DIAGRAMS if "all" in wanted else [f for f in DIAGRAMS if f in wanted])
    records = []
    for experiment in runs:
        with training_progress(experiment.name) as report:
            record = run(experiment.settings, out / experiment.name, device=device, report=report)
        draw_record(record)
        records.append((experiment, record))
    pictures += draw_story(out, records)
    if "all" in wanted or "figure5" in wanted:
        pictures += draw_norms(out, records)
    rows = comparison(records)
    page = write_report(out, pictures, records, rows)
    if json:
        print_json(rows)
    else:
        table(
            "Ours beside the authors' notebooks and the theory",
            ["record", "quantity", "ours", "notebooks", "theory"],
            [cells(row) for row in rows],
        )
        typer.echo(f"report: {page}")
