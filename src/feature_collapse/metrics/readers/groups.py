"""Groups of entities from CSV: `entity,concept[,frequency]`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from feature_collapse.boundary import clip, damaged
from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.tables import read_rows

WHAT = "a groups file"


@dataclass(frozen=True)
class Groups:
    """Entities (n,), their concepts (n,), their frequencies (n,) or None; each entity once."""

    entities: tuple[str, ...]
    concepts: tuple[str, ...]
    frequencies: tuple[float, ...] | None
    notes: tuple[str, ...] = ()


def read_groups(path: str | Path) -> Groups:
    """Return the groups of a CSV file with or without the header `entity,concept[,frequency]`.

    Raises:
        InputError: naming the line that is wrong, or an entity that has two concepts.
    """
    path = Path(path)
    columns, with_frequency, body = _columns(path)
    found: dict[str, tuple[str, float]] = {}
    repeated = 0
    for line, cells in body:
        if len(cells) <= max(columns):
            raise damaged(path, WHAT, f"line {line} has {len(cells)} cell(s), entity,concept needs more")
        entity, concept = cells[columns[0]], cells[columns[1]]
        if not entity or not concept:
            raise damaged(path, WHAT, f"line {line} has an empty entity or concept")
        frequency = _frequency(path, line, cells[columns[2]]) if with_frequency else 1.0
        if entity in found:
            if found[entity] != (concept, frequency):
                raise InputError(
                    f"{path}, line {line}: entity {clip(entity)!r} was already given (concept "
                    f"{clip(found[entity][0])!r}), but each entity may have one concept and one frequency"
                )
            repeated += 1
        found[entity] = (concept, frequency)
    if not found:
        raise InputError(f"groups file {path} has no rows")
    notes = (f"{repeated} repeated line(s) of {path.name} were read once",) if repeated else ()
    frequencies = tuple(f for _, f in found.values()) if with_frequency else None
    return Groups(tuple(found), tuple(c for c, _ in found.values()), frequencies, notes)


def _columns(path: Path) -> tuple[list[int], bool, list[tuple[int, list[str]]]]:
    rows = list(read_rows(path, WHAT))
    if not rows:
        raise InputError(f"groups file {path} is empty")
    header = [c.lower() for c in rows[0][1]]
    wanted = "must have entity, concept[, frequency]"
    if "concept" in header:
        if "entity" not in header:
            raise InputError(f"{path} has columns {clip(', '.join(header), 300)}, but {wanted}")
        names = ["entity", "concept", *(["frequency"] if "frequency" in header else [])]
        return [header.index(n) for n in names], len(names) == 3, rows[1:]
    if len(header) < 2 or len(header) > 3:
        raise InputError(f"{path} has {len(header)} column(s), but {wanted}")
    return list(range(len(header))), len(header) == 3, rows


def _frequency(path: Path, line: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        why = f"line {line} has frequency {clip(cell)!r}, but it must be a finite number ≥ 0"
        raise damaged(path, WHAT, why)
    return value
