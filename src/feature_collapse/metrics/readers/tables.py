"""Embeddings in CSV (comma, semicolon or tab); one row per entity, perhaps named."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from feature_collapse.boundary import clip, damaged, guarded, plain_file, read_lines
from feature_collapse.metrics.readers.embeddings import Embeddings

NAME_COLUMNS = ("entity", "token", "word", "name", "id", "key", "label")
LONGEST_CELL = 1 << 20


def read_rows(path: Path, what: str = "a CSV file") -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of a CSV file, empty lines left out; the first line tells the delimiter.

    Raises:
        InputError: if it is no plain file of UTF-8 text, or a cell or line is absurdly long.
    """
    plain_file(path, what)
    with guarded(path, what), path.open("rb") as file:
        first = next(read_lines(path, what, file), b"")
        delimiter = max(",;\t", key=lambda mark: first.count(mark.encode()))
        file.seek(0)
        csv.field_size_limit(LONGEST_CELL)
        reader = csv.reader(_decoded(path, what, read_lines(path, what, file)), delimiter=delimiter)
        while True:
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise damaged(path, what, clip(error, 100)) from error
            if cells is None:
                return
            stripped = [c.strip() for c in cells]
            if any(stripped):
                yield reader.line_num, stripped


def _decoded(path: Path, what: str, lines: Iterator[bytes]) -> Iterator[str]:
    encoding = "utf-8-sig"
    for line in lines:
        try:
            yield line.decode(encoding)
        except UnicodeDecodeError as error:
            raise damaged(path, what, "it is not UTF-8 text") from error
        encoding = "utf-8"


def is_number(cell: str) -> bool:
    """Return whether a cell is a number."""
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_csv(path: Path) -> Embeddings:
    """Return all number columns as vectors; a column of text (or called entity, token, …) names the rows.

    Rows become numbers as they are read: memory is that of the vectors and the names.

    Raises:
        InputError: naming the first line with a wrong number of cells or without numbers.
    """
    rows = read_rows(path)
    line, first = next(rows, (0, []))
    header = not any(is_number(c) for c in first[1:])
    name = next((i for i, c in enumerate(first) if header and c.lower() in NAME_COLUMNS), None)
    apart = 0 if name is None else name  # the column that may turn out to be names
    names: list[str] = []
    blocks: list[np.ndarray[tuple[int], np.dtype[np.float64]]] = []
    body = rows if header else _put_back((line, first), rows)
    for line, cells in body:
        try:
            if len(cells) != len(first):
                raise ValueError
            blocks.append(np.array([float(c) for i, c in enumerate(cells) if i != apart]))
        except ValueError as error:
            raise damaged(
                path, "a CSV file", f"line {line} does not have {len(first) - 1} numbers"
            ) from error
        names.append(cells[apart])
    if not blocks:
        raise damaged(path, "a CSV file", "it has a header but no rows")
    vectors = np.stack(blocks)
    if name is None and all(is_number(n) for n in names):
        return Embeddings(np.column_stack([[float(n) for n in names], vectors]), None, f"{path} (CSV)")
    return Embeddings(vectors, tuple(names), f"{path} (CSV)")


def _put_back(
    first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest
