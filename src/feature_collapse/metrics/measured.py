"""Measure a file or a record, keeping the data beside the report for pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import InputError
from feature_collapse.metrics.measure import measure
from feature_collapse.metrics.readers import read_embeddings, read_groups, select
from feature_collapse.metrics.record_tables import is_record, measure_record, read_tables
from feature_collapse.metrics.report import Report


@dataclass(frozen=True)
class Measured:
    """A report with what it was made from: vectors (n, d), entities, concepts, frequencies (n,) or None."""

    source: str
    report: Report
    vectors: NDArray[Any]
    entities: tuple[str, ...]
    concepts: tuple[str, ...]
    frequencies: NDArray[np.float64] | None
    eps: float


def measure_file(
    file: str | Path,
    groups: str | Path | None = None,
    *,
    tensor: str | None = None,
    tokens: str | Path | None = None,
    normaliser: str | None = None,
    eps: float = 0.0,
    **options: Any,
) -> Measured:
    """Return what `measure` finds in a file of embeddings with a groups file, or in the folder of a record.

    Entities of the groups that are not in the file are counted and listed in the report's notes. For a record
    the groups, normaliser and ε are in the folder; `options` go to `measure`.

    Raises:
        InputError: as the readers and `measure`; also for options that do not apply.
    """
    file = Path(file)
    if is_record(file):
        given = {
            "groups": groups,
            "tensor": tensor,
            "tokens": tokens,
            "normaliser": normaliser,
            "eps": eps or None,
        }
        for name, value in given.items():
            if value is not None:
                raise InputError(f"{name} = {str(value)!r}, but {file} is a record, which says so itself")
        record = read_tables(file)
        report = measure_record(file, **options)
        concepts = tuple(str(c) for c in record.concepts)
        s_c = len(record.mu)
        words = tuple(f"({i // s_c}, {i % s_c})" for i in range(len(record.W)))
        return Measured(str(file), report, record.W, words, concepts, record.frequencies, record.eps)
    if groups is None:
        if file.is_dir():
            read_tables(file)  # says what is missing
        raise InputError(
            "groups is missing: a CSV file with entity,concept[,frequency] says what plays the same role"
        )
    chosen = read_groups(Path(groups))
    embeddings = read_embeddings(file, tensor, tokens)
    found = select(embeddings, chosen)
    vectors = np.asarray(embeddings.vectors[found.rows])
    report = measure(vectors, found.concepts, found.frequencies, normaliser=normaliser, eps=eps, **options)
    report = replace(report, notes=(*found.notes, *report.notes))
    return Measured(
        embeddings.source, report, vectors, found.entities, found.concepts, found.frequencies, eps
    )
