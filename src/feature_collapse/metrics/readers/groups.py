"""Groups of entities from CSV (`entity,concept[,frequency]`), and their rows in the embeddings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import InputError, nearest
from feature_collapse.metrics.readers.embeddings import Embeddings, damaged
from feature_collapse.metrics.readers.tables import read_rows

WORD_MARKS = ("Ġ", "▁", "##", " ")
SHOWN = 20


@dataclass(frozen=True)
class Groups:
    """Entities (n,), their concepts (n,), their frequencies (n,) or None; each entity once."""

    entities: tuple[str, ...]
    concepts: tuple[str, ...]
    frequencies: tuple[float, ...] | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Selection:
    """Rows (n,) of the embeddings to be measured, with what belongs to them; `missing` was not found."""

    rows: NDArray[np.int64]
    entities: tuple[str, ...]
    concepts: tuple[str, ...]
    frequencies: NDArray[np.float64] | None
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def read_groups(path: Path) -> Groups:
    """Read a CSV file with or without the header `entity,concept[,frequency]`.

    Raises:
        InputError: naming the line that is wrong, or an entity that has two concepts.
    """
    if not path.is_file():
        raise InputError(f"groups file {path} does not exist or is no file")
    columns, with_frequency, body = _columns(path)
    found: dict[str, tuple[str, float]] = {}
    repeated = 0
    for line, cells in body:
        if len(cells) <= max(columns):
            raise damaged(
                path, "a groups file", f"line {line} has {len(cells)} cell(s), entity,concept needs more"
            )
        entity, concept = cells[columns[0]], cells[columns[1]]
        if not entity or not concept:
            raise damaged(path, "a groups file", f"line {line} has an empty entity or concept")
        frequency = _frequency(path, line, cells[columns[2]]) if with_frequency else 1.0
        if entity in found:
            if found[entity] != (concept, frequency):
                raise InputError(
                    f"{path}, line {line}: entity {entity!r} was already given (concept "
                    f"{found[entity][0]!r}), but each entity may have one concept and one frequency"
                )
            repeated += 1
        found[entity] = (concept, frequency)
    if not found:
        raise InputError(f"groups file {path} has no rows")
    notes = (f"{repeated} repeated line(s) of {path.name} were read once",) if repeated else ()
    frequencies = tuple(f for _, f in found.values()) if with_frequency else None
    return Groups(tuple(found), tuple(c for c, _ in found.values()), frequencies, notes)


def _columns(path: Path) -> tuple[list[int], bool, list[tuple[int, list[str]]]]:
    rows = list(read_rows(path))
    if not rows:
        raise InputError(f"groups file {path} is empty")
    header = [c.lower() for c in rows[0][1]]
    if "concept" in header:
        if "entity" not in header:
            raise InputError(
                f"{path} has columns {', '.join(header)}, but must have entity, concept[, frequency]"
            )
        wanted = ["entity", "concept", *(["frequency"] if "frequency" in header else [])]
        return [header.index(w) for w in wanted], len(wanted) == 3, rows[1:]
    if len(header) < 2 or len(header) > 3:
        raise InputError(f"{path} has {len(header)} column(s), but must have entity, concept[, frequency]")
    return list(range(len(header))), len(header) == 3, rows


def _frequency(path: Path, line: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise damaged(
            path, "a groups file", f"line {line} has frequency {cell!r}, but it must be a finite number ≥ 0"
        )
    return value


def select(embeddings: Embeddings, groups: Groups) -> Selection:
    """Find the groups' entities among the tokens, or take them as row numbers where the rows have no names.

    Raises:
        InputError: if none is found.
    """
    n = embeddings.vectors.shape[0]
    notes = [*embeddings.notes, *groups.notes]
    place: dict[str, int] = {}
    if embeddings.tokens is not None:
        for i, token in enumerate(embeddings.tokens[:n]):
            place.setdefault(token, i)
        twice = sum(1 for t in embeddings.tokens[:n] if t) - sum(1 for t in place if t)
        if twice:
            notes.append(f"{twice} row(s) of the embeddings repeat a name: the first row of a name is used")
    else:
        place = {e: int(e) for e in groups.entities if e.isascii() and e.isdigit() and int(e) < n}
    at = [place.get(e, -1) for e in groups.entities]
    missing = tuple(e for e, i in zip(groups.entities, at, strict=True) if i < 0)
    if len(missing) == len(at):
        hint = (
            f"its rows have no names, so entities must be row numbers from 0 to {n - 1} (or give the tokens)"
            if embeddings.tokens is None
            else f"the first is {missing[0]!r}{nearest(missing[0], list(place)[:50_000])}"
        )
        raise InputError(f"none of the {len(at)} entities of the groups is in {embeddings.source}: {hint}")
    if missing:
        notes.append(
            f"{len(missing)} of {len(at)} entities were not found: {', '.join(missing[:SHOWN])}"
            f"{', …' if len(missing) > SHOWN else ''}"
        )
        marked = [m + e for e in missing for m in WORD_MARKS if m + e in place]
        if marked:
            notes.append(
                f"{len(marked)} of them exist with a tokenizer's mark ({marked[0]!r}): write them so to include them"
            )
    found = [k for k, i in enumerate(at) if i >= 0]
    frequencies = None if groups.frequencies is None else np.array([groups.frequencies[k] for k in found])
    return Selection(
        np.array([at[k] for k in found], dtype=np.int64),
        tuple(groups.entities[k] for k in found),
        tuple(groups.concepts[k] for k in found),
        frequencies,
        missing,
        tuple(notes),
    )
