"""Groups of entities from CSV: `entity,concept[,frequency]`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from feature_collapse.boundary import clip, damaged
from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.tables import is_number, read_rows

WHAT = "a groups file"
ROLES = {
    "entity": ("entity", "token", "word"),
    "concept": ("concept", "group", "class"),
    "frequency": ("frequency", "count"),
}
"""What a header may call the columns."""


@dataclass(frozen=True)
class Groups:
    """Entities (n,), their concepts (n,), their frequencies (n,) or None; each pair once."""

    entities: tuple[str, ...]
    concepts: tuple[str, ...]
    frequencies: tuple[float, ...] | None
    notes: tuple[str, ...] = ()


def read_groups(path: str | Path, *, several: bool = False) -> Groups:
    """Return the groups of a CSV file with or without the header `entity,concept[,frequency]`.

    Args:
        path: of the file.
        several: whether an entity may be in several groups; it then counts in each.

    Raises:
        InputError: naming the line that is wrong, or an entity that has two concepts or two frequencies.
    """
    path = Path(path)
    columns, with_frequency, body = _columns(path)
    found: dict[tuple[str, str], float] = {}
    first: dict[str, tuple[str, float]] = {}
    repeated = 0
    for line, cells in body:
        if len(cells) <= max(columns):
            raise damaged(path, WHAT, f"line {line} has {len(cells)} cell(s), entity,concept needs more")
        entity, concept = cells[columns[0]], cells[columns[1]]
        if not entity or not concept:
            raise damaged(path, WHAT, f"line {line} has an empty entity or concept")
        frequency = _frequency(path, line, cells[columns[2]]) if with_frequency else 1.0
        before = first.setdefault(entity, (concept, frequency))
        if before[1] != frequency or (before[0] != concept and not several):
            raise InputError(
                f"{path}, line {line}: entity {clip(entity)!r} was already given (concept "
                f"{clip(before[0])!r}), but each entity may have one concept and one frequency"
            )
        repeated += (entity, concept) in found
        found[entity, concept] = frequency
    if not found:
        raise InputError(f"groups file {path} has no rows")
    notes = [f"{repeated} repeated line(s) of {path.name} were read once"] if repeated else []
    if len(found) > len(first):
        notes.append(f"{len(found) - len(first)} entities count again in a further concept")
    entities, concepts = zip(*found, strict=True)
    return Groups(entities, concepts, tuple(found.values()) if with_frequency else None, tuple(notes))


def _columns(path: Path) -> tuple[list[int], bool, list[tuple[int, list[str]]]]:
    """Return the columns of entity, concept and perhaps frequency, whether there is one, and the rows."""
    rows = list(read_rows(path, WHAT))
    if not rows:
        raise InputError(f"groups file {path} is empty")
    header = [c.lower() for c in rows[0][1]]
    roles = [next((role for role, names in ROLES.items() if c in names), None) for c in header]
    wanted = "must have entity, concept[, frequency]"
    if {"entity", "concept"} & set(header) or len(set(roles) - {None}) > 1:
        if None in (_only(roles, "entity"), _only(roles, "concept")):
            hint = " (a table of frequencies goes to --frequencies)" if "frequency" in roles else ""
            raise InputError(f"{path} has columns {clip(', '.join(header), 300)}, but {wanted}{hint}")
        order = [_only(roles, role) for role in ROLES]
        return [i for i in order if i is not None], order[2] is not None, rows[1:]
    if len(header) < 2 or len(header) > 3:
        raise InputError(f"{path} has {len(header)} column(s), but {wanted}")
    if len(header) == 2 and all(len(cells) == 2 and is_number(cells[1]) for _, cells in rows):
        raise InputError(
            f"{path} has numbers in its second column: concepts or frequencies? "
            "Write a first line entity,concept or entity,frequency"
        )
    return list(range(len(header))), len(header) == 3, rows


def _only(roles: list[str | None], role: str) -> int | None:
    """Return the one column of a role, or None where there is none or a choice."""
    return roles.index(role) if roles.count(role) == 1 else None


def _frequency(path: Path, line: int, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        why = f"line {line} has frequency {clip(cell)!r}, but it must be a finite number ≥ 0"
        raise damaged(path, WHAT, why)
    return value
