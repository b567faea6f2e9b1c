"""`feature-collapse train`: one run with every setting as an option or from a TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from feature_collapse.cli.one_run import run_and_show
from feature_collapse.cli.options import CERTIFIED_ONLY, Device, Json, SettingsFile, with_settings


@with_settings("method", *CERTIFIED_ONLY)
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
    run_and_show(settings, given, "sgd", device, out, json)
