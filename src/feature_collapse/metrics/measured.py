"""Measure a file or a record, keeping the data beside the report for pictures."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import InputError
from feature_collapse.metrics.measure import measure
from feature_collapse.metrics.readers.model_folder import is_model_folder, no_tensors
from feature_collapse.metrics.readers.named_groups import NAMES
from feature_collapse.metrics.readers.source import Source
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
    source: Source | str | Path | None = None,
    *,
    normaliser: str | None = None,
    eps: float = 0.0,
    **options: Any,
) -> Measured:
    """Return what `measure` finds in a file of embeddings, a model's folder, or the folder of a record.

    Entities of the groups that are not among the embeddings are counted and listed in the report's notes.
    For a record the groups, normaliser and ε are in the folder; `options` go to `measure`.

    Args:
        file: embeddings in any known format, a model's folder, or a record.
        source: groups, frequencies and how entities are matched, or the groups alone; None for a record.
        normaliser: what the model applies to its embeddings.
        eps: of the normaliser.
        options: of `measure`.

    Raises:
        InputError: as the readers and `measure`; also for options that do not apply.
    """
    file = Path(file)
    if isinstance(source, str | Path):
        source = Source(source)
    if is_record(file):
        return _measure_record(file, source, {"normaliser": normaliser, "eps": eps or None}, options)
    if (file / "task.safetensors").is_file():
        read_tables(file)  # a run that has not ended: says what is missing
    if file.is_dir() and not is_model_folder(file):
        raise no_tensors(file)
    if source is None or source.groups is None:
        raise InputError(
            "groups is missing: a CSV file with entity,concept[,frequency], or one of "
            f"{', '.join(NAMES)}, says what plays the same role"
        )
    embeddings, found = source.read(file)
    vectors = np.asarray(embeddings.vectors[found.rows])
    notes = found.notes
    if source.classifier is not None:
        weights = source.read_classifier(file, embeddings, found)
        options["classifier"] = (weights.rows, weights.concepts)
        notes = (*notes, *filter(None, [weights.note]))
        outside = np.setdiff1d(np.arange(len(embeddings.vectors)), found.rows)
        if len(outside):
            options["outside"] = np.asarray(embeddings.vectors[outside])
            notes = (*notes, f"NC5 counts the {len(outside)} rows in no group as what is outside")
    report = measure(vectors, found.concepts, found.frequencies, normaliser=normaliser, eps=eps, **options)
    report = replace(report, notes=(*notes, *report.notes))
    return Measured(
        embeddings.source, report, vectors, found.entities, found.concepts, found.frequencies, eps
    )


def _measure_record(
    file: Path, source: Source | None, given: dict[str, Any], options: dict[str, Any]
) -> Measured:
    own = {} if source is None else {field.name: getattr(source, field.name) for field in fields(source)}
    for name, value in {**own, **given}.items():
        if value is not None and value is not False:
            raise InputError(f"{name} = {str(value)!r}, but {file} is a record, which says so itself")
    record = read_tables(file)
    report = measure_record(file, **options)
    concepts = tuple(str(c) for c in record.concepts)
    s_c = len(record.mu)
    words = tuple(f"({i // s_c}, {i % s_c})" for i in range(len(record.W)))
    return Measured(str(file), report, record.W, words, concepts, record.frequencies, record.eps)
