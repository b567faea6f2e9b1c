"""`feature-collapse solve`: the global minimiser with a certificate, for any settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feature_collapse.cli.one_run import run_and_show
from feature_collapse.cli.options import SGD_ONLY, Device, Json, SettingsFile, with_settings

STALLED = 3  # exit code of a run whose gap is not proved though it had the time


@with_settings("method", *SGD_ONLY)
def command(
    given: dict[str, Any],
    out: Annotated[Path, typer.Option(help="Folder of the record.")] = Path("results/solve"),
    settings: SettingsFile = None,
    device: Device = "auto",
    json: Json = False,
    *,
    context: typer.Context,
) -> None:
    """Minimise the risk and prove how close to the global minimum it is; the defaults are figure 3's.

    Stops when the relative gap between the risk and a proved lower bound is at most --gap, or at
    --time-limit, and says which. A run that was interrupted goes on when the same command is given again.
    Exit code 3: it could not prove the gap (status `stalled`). Under torchrun the ranks share the classes.
    """
    record = run_and_show(settings, given, "certified", device, out, json, context.obj)
    if record.summary["status"] == "stalled":
        raise typer.Exit(STALLED)
