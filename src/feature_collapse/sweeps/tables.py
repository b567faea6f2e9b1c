"""The results of a sweep as a table on disk: written as CSV or Parquet, read back from CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from feature_collapse.boundary import guarded, plain_file
from feature_collapse.errors import InputError
from feature_collapse.files import write_atomically
from feature_collapse.sweeps.results import Results, no_collection


def write_csv(results: Results, path: Path) -> None:
    """Write CSV: numbers so that they read back exactly, nothing where there is no value."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(results.columns)
    with no_collection():
        writer.writerows(zip(*results.columns.values(), strict=True))
    write_atomically(path, buffer.getvalue())


def write_parquet(results: Results, path: Path) -> None:
    """Write Parquet, with polars.

    Raises:
        InputError: polars is not installed.
    """
    try:
        import polars
    except ImportError:
        raise InputError("Parquet needs polars: install feature-collapse[export]") from None
    buffer = io.BytesIO()
    with guarded(path, "Parquet", "polars cannot write these results"):
        series = [
            polars.Series(name, *_typed(polars, values), strict=True)
            for name, values in results.columns.items()
        ]
        polars.DataFrame(series).write_parquet(buffer)
    write_atomically(path, buffer.getvalue())


def _typed(polars: Any, values: list[Any]) -> tuple[list[Any], Any]:
    """Return the values and the type of a column: text where they are of several kinds."""
    kinds = {type(value) for value in values if value is not None}
    for known, kind in ((set(), polars.Null), ({bool}, polars.Boolean), ({int}, polars.Int64)):
        if kinds <= known:
            return values, kind
    if kinds <= {int, float}:
        return [None if value is None else float(value) for value in values], polars.Float64
    return [None if value is None else str(value) for value in values], polars.String


def read_csv(path: Path) -> Results:
    """Results that `write_csv` wrote; a column is of numbers where all its entries are.

    Raises:
        InputError: a file that cannot be read, or is no table.
    """
    plain_file(path, "results file")
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"results file {str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    if not rows or any(len(row) != len(rows[0]) for row in rows):
        raise InputError(f"results file {str(path)!r} is not a table of results")
    return Results(path.stem, {name: _parse([row[i] for row in rows[1:]]) for i, name in enumerate(rows[0])})


def _parse(texts: list[str]) -> list[Any]:
    for kind in (int, float):
        try:
            return [None if text == "" else kind(text) for text in texts]
        except ValueError:
            continue
    return [None if text == "" else text for text in texts]
