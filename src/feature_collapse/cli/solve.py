"""`feature-collapse solve`: the global minimiser with a certificate, for any settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feature_collapse.cli.options import (
    Device,
    Json,
    SettingsFile,
    echo,
    print_json,
    settings_of,
    table,
    with_settings,
)


@with_settings(
    "method", "decay", "epochs", "batch_size", "learning_rate", "init_scale", "fresh", "test_every"
)
def command(
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="Folder of the record.")] = Path("results/solve"),
    settings: SettingsFile = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Minimise the risk and prove how close to the global minimum it is; the defaults are figure 3's.

    Stops when the relative gap between the risk and a proved lower bound is at most --gap, or at
    --time-limit, and says which. A run that was interrupted goes on when the same command is given again.
    """
    from feature_collapse.cli.progress import training_progress
    from feature_collapse.experiments.run import run
    from feature_collapse.reports.comparison import summary_rows
    from feature_collapse.reports.reproduction import save_record_pictures

    chosen = settings_of(settings, given, method="certified")
    with training_progress(out.name) as callback:
        record = run(chosen, out, device=device, callback=callback)
    save_record_pictures(record)
    if json:
        print_json(record.summary)
    else:
        table(str(out), ["quantity", "measured", "theory"], summary_rows(record))
        echo(f"{record.summary['status']}: {record.summary['message']}")
