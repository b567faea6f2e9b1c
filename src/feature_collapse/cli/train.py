"""`feature-collapse train`: one run with every setting as an option or from a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feature_collapse.cli.options import (
    Device,
    Json,
    SettingsFile,
    print_json,
    settings_of,
    table,
    with_settings,
)


@with_settings("method", "gap", "time_limit")
def command(
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="Folder of the record.")] = Path("results/train"),
    settings: SettingsFile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Train a network by stochastic gradient descent, as the paper does; the defaults are figure 3's.

    A run that was interrupted goes on from its checkpoint when the same command is given again.
    """
    from feature_collapse.cli.progress import training_progress
    from feature_collapse.experiments.run import run
    from feature_collapse.reports.comparison import summary_rows
    from feature_collapse.reports.reproduction import save_record_pictures

    chosen = settings_of(settings, given, method="sgd")
    with training_progress(out.name) as callback:
        record = run(chosen, out, device=device, callback=callback)
    save_record_pictures(record)
    if json:
        print_json(record.summary)
    else:
        table(str(out), ["quantity", "measured", "theory"], summary_rows(record))
