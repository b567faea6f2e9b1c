"""Embeddings in tables: CSV (comma, semicolon or tab) and Parquet; one row per entity, perhaps named."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.embeddings import Embeddings, damaged, pick

NAME_COLUMNS = ("entity", "token", "word", "name", "id", "key", "label")


def read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of a CSV file, empty lines left out; the first line tells the delimiter."""
    csv.field_size_limit(1 << 24)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            reader = csv.reader(file, delimiter=delimiter)
            for cells in reader:
                if any(c.strip() for c in cells):
                    yield reader.line_num, [c.strip() for c in cells]
    except UnicodeDecodeError as error:
        raise damaged(path, "a CSV file", "it is not UTF-8 text") from error
    except csv.Error as error:
        raise damaged(path, "a CSV file", str(error)) from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_csv(path: Path) -> Embeddings:
    """Return all number columns as vectors; a column of text (or called entity, token, …) names the rows.

    Raises:
        InputError: naming the first line with a wrong number of cells or without numbers.
    """
    rows = read_rows(path)
    _, first = next(rows, (0, []))
    header = first if sum(_is_number(c) for c in first[1:]) == 0 else None
    body = list(rows) if header is not None else [(1, first), *rows]
    if not body:
        raise damaged(path, "a CSV file", "it has a header but no rows")
    width = len(first)
    if header is not None:
        named = [i for i, c in enumerate(header) if c.lower() in NAME_COLUMNS]
    else:
        named = []
    name = named[0] if named else 0 if not all(_is_number(cells[0]) for _, cells in body) else None
    columns = [i for i in range(width) if i != name]
    vectors = np.empty((len(body), len(columns)))
    for k, (line, cells) in enumerate(body):
        try:
            if len(cells) != width:
                raise ValueError
            vectors[k] = [float(cells[i]) for i in columns]
        except ValueError as error:
            raise damaged(path, "a CSV file", f"line {line} does not have {len(columns)} numbers") from error
    tokens = None if name is None else tuple(cells[name] for _, cells in body)
    return Embeddings(vectors, tokens, f"{path} (CSV)")


def read_parquet(path: Path, tensor: str | None) -> Embeddings:
    """Return a column of lists (named by `tensor` if several) or all number columns; text names the rows.

    Raises:
        InputError: if polars is not installed, or the file is damaged.
    """
    try:
        import polars
    except ImportError as error:
        raise InputError("reading Parquet needs polars: pip install 'feature-collapse[export]'") from error
    try:
        frame = polars.read_parquet(path)
    except Exception as error:  # polars has its own tree of errors and panics
        raise damaged(path, "a Parquet file", "it is truncated or damaged") from error
    names = [c for c, t in frame.schema.items() if t in (polars.String, polars.Categorical)]
    name = next((c for c in names if c.lower() in NAME_COLUMNS), names[0] if names else None)
    tokens = None if name is None else tuple(str(t) for t in frame[name].to_list())
    lists = {
        c: (frame.height, 0) for c, t in frame.schema.items() if isinstance(t, polars.List | polars.Array)
    }
    if lists:
        column = pick(path, lists, tensor, "tensor (a column)")
        return Embeddings(
            _stack(path, column, frame[column].to_list()), tokens, f"{path} (Parquet, {column})"
        )
    numbers = [c for c, t in frame.schema.items() if t.is_numeric() and c.lower() not in NAME_COLUMNS]
    if tensor is not None or not numbers:
        raise InputError(
            f"{path} has no column of lists{'' if tensor is None else f' called {tensor!r}'}; "
            f"it has: {', '.join(frame.columns)}"
        )
    if any(frame[c].null_count() for c in numbers):
        raise InputError(f"{path} has missing values, but every entity needs all its numbers")
    return Embeddings(frame.select(numbers).to_numpy(), tokens, f"{path} (Parquet)")


def _stack(path: Path, column: str, rows: list[Any]) -> np.ndarray[Any, Any]:
    widths = {len(r) if r is not None else -1 for r in rows}
    if len(widths) != 1 or -1 in widths or any(v is None for r in rows for v in r):
        raise InputError(f"column {column} of {path} must hold lists of one length without missing values")
    return np.array(rows, dtype=np.float64)
