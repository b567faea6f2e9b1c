"""Embeddings in Parquet (needs polars): a column of lists, or number columns; text names the rows."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import clip, guarded, plain_file
from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.embeddings import Embeddings, pick
from feature_collapse.metrics.readers.parquet_process import WHAT, frame_of
from feature_collapse.metrics.readers.tables import NAME_COLUMNS

if TYPE_CHECKING:
    import polars


def read_parquet(path: Path, tensor: str | None) -> Embeddings:
    """Return a column of lists (named by `tensor` if several) or all number columns; text names the rows.

    Raises:
        InputError: if polars is not installed, or the file is damaged or has missing values.
    """
    frame = read_frame(path)
    with guarded(path, WHAT):
        name = name_column(frame)
        tokens = None if name is None else tuple(str(t) for t in frame[name].to_list())
        lists = {c: (frame.height, 0) for c, t in frame.schema.items() if _is_list(t)}
        if lists:
            column = pick(path, lists, tensor, "tensor (a column)")
            return Embeddings(_stack(path, frame[column]), tokens, f"{path} (Parquet, {clip(column)})")
        numbers = [c for c, t in frame.schema.items() if t.is_numeric() and c.lower() not in NAME_COLUMNS]
        if tensor is not None or not numbers:
            raise InputError(
                f"{path} has no column of lists{'' if tensor is None else f' called {clip(tensor)!r}'}; "
                f"it has: {clip(', '.join(frame.columns), 1000)}"
            )
        if any(frame[c].null_count() for c in numbers):
            raise InputError(f"{path} has missing values, but every entity needs all its numbers")
        return Embeddings(frame.select(numbers).to_numpy(), tokens, f"{path} (Parquet)")


def read_frame(path: Path) -> polars.DataFrame:
    """Return the table of a Parquet file.

    Raises:
        InputError: if polars is not installed, or the file is damaged or too large for its bytes.
    """
    plain_file(path)
    if find_spec("polars") is None:
        raise InputError("reading Parquet needs polars: pip install 'feature-collapse[export]'")
    return frame_of(path)


def name_column(frame: polars.DataFrame) -> str | None:
    """Return the column of text that names the rows: one called entity, token, …, else the first of text."""
    import polars

    texts = [c for c, t in frame.schema.items() if t in (polars.String, polars.Categorical)]
    return next((c for c in texts if c.lower() in NAME_COLUMNS), texts[0] if texts else None)


def _is_list(kind: polars.DataType) -> bool:
    import polars

    return isinstance(kind, polars.List | polars.Array)


def _stack(path: Path, column: polars.Series) -> NDArray[np.float64]:
    import polars

    flat = column.explode()
    widths = column.list.len() if isinstance(column.dtype, polars.List) else column.arr.len()
    if column.null_count() or flat.null_count() or widths.n_unique() != 1 or not flat.dtype.is_numeric():
        raise InputError(
            f"column {clip(column.name)} of {path} must hold lists of one length without missing values"
        )
    return flat.cast(polars.Float64).to_numpy().reshape(len(column), -1)


def read_token_column(path: Path) -> list[str]:
    """Return the tokens of a Parquet file by row, or by id where a column of integers is called id.

    Raises:
        InputError: if there is no column of text, or its tokens or ids do not fit.
    """
    frame = read_frame(path)
    with guarded(path, WHAT):
        name = name_column(frame)
        if name is None or frame[name].null_count():
            raise InputError(f"{path} must have a column of text without missing values: the tokens")
        if "id" in frame.columns and frame["id"].dtype.is_integer():
            if sorted(frame["id"].to_list()) != list(range(frame.height)):
                raise InputError(f"the ids of {path} must be the numbers from 0 to {frame.height - 1}")
            frame = frame.sort("id")
        return [str(t) for t in frame[name].to_list()]
