"""`feature-collapse figure RECORD`: draw a record again, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    record: Annotated[list[Path], typer.Argument(help="Folders of finished records.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pictures; the record's own by default.")
    ] = None,
) -> None:
    """Draw the figure of a record from its files alone: embeddings, linear weights, word frequencies."""
    from feature_collapse.errors import InputError
    from feature_collapse.experiments.record import read_record
    from feature_collapse.reports.reproduction import save_record_pictures

    if out is not None and len(record) > 1:
        raise InputError(
            f"out = {str(out)!r} with {len(record)} records, but must be given with one only: "
            "pictures have fixed names"
        )
    records = [read_record(path) for path in record]
    for found in records:
        for path in save_record_pictures(found, out):
            typer.echo(path)
