"""The rows of the embeddings that belong to the groups' entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import clip, parse_count
from feature_collapse.errors import InputError, nearest
from feature_collapse.metrics.readers.conventions import Convention, convention_of
from feature_collapse.metrics.readers.embeddings import Embeddings
from feature_collapse.metrics.readers.groups import Groups

SHOWN = 20


@dataclass(frozen=True)
class Selection:
    """Rows (n,) of the embeddings to be measured, with what belongs to them; `missing` was not found."""

    rows: NDArray[np.int64]
    entities: tuple[str, ...]
    concepts: tuple[str, ...]
    frequencies: NDArray[np.float64] | None
    missing: tuple[str, ...]
    notes: tuple[str, ...]


def select(embeddings: Embeddings, groups: Groups, *, exact: bool = False) -> Selection:
    """Return the rows of the groups' entities: by token, or by number where the rows have no names.

    An entity is a word: it is looked for as the vocabulary writes words (`Ġif`, `▁if`, lower case; the notes
    say how), and only then as a piece inside words. With `exact` it is the token itself.

    Raises:
        InputError: if none is found.
    """
    n = embeddings.vectors.shape[0]
    notes = [*embeddings.notes, *groups.notes]
    if embeddings.tokens is None:
        found = {e: row for e in groups.entities if (row := parse_count(e)) is not None and row < n}
        index = found
    else:
        index = _first_rows(embeddings.tokens[:n], notes)
        found = _rows(groups.entities, index, None if exact else convention_of(embeddings.tokens), notes)
    missing = tuple(dict.fromkeys(e for e in groups.entities if e not in found))
    if not found:
        raise _none_found(embeddings, missing, index)
    if missing:
        notes.append(
            f"{len(missing)} of {len(set(groups.entities))} entities were not found: "
            f"{', '.join(clip(m) for m in missing[:SHOWN])}{', …' if len(missing) > SHOWN else ''}"
        )
    kept: dict[tuple[int, str], int] = {}  # two entities may mean one row, but no row counts twice in a group
    for k, (entity, concept) in enumerate(zip(groups.entities, groups.concepts, strict=True)):
        if entity in found:
            kept.setdefault((found[entity], concept), k)
    twice = sum(1 for e in groups.entities if e in found) - len(kept)
    if twice:
        notes.append(f"{twice} entities mean the row of another one in their group: the first of them counts")
    order = list(kept.values())
    frequencies = None if groups.frequencies is None else np.array([groups.frequencies[k] for k in order])
    return Selection(
        np.array([row for row, _ in kept], dtype=np.int64),
        tuple(groups.entities[k] for k in order),
        tuple(groups.concepts[k] for k in order),
        frequencies,
        missing,
        tuple(notes),
    )


def _rows(
    entities: Sequence[str], index: dict[str, int], convention: Convention | None, notes: list[str]
) -> dict[str, int]:
    """Return entity → row; the notes say what was read otherwise than it is written."""
    found: dict[str, int] = {}
    turned: list[tuple[str, str]] = []
    pieces: list[str] = []
    for entity in dict.fromkeys(entities):
        forms = (entity,) if convention is None else convention.forms(entity)
        form = next((f for f in forms if f in index), None)
        if form is None or convention is None:
            found |= {} if form is None else {entity: index[form]}
            continue
        found[entity] = index[form]
        if form != entity:
            turned.append((entity, form))
        if convention.mark in ("Ġ", "▁") and not form.startswith(convention.mark):
            pieces.append(entity)
    if turned:
        entity, form = turned[0]
        notes.append(
            f"the tokens are {convention}: {len(turned)} entities were read so, as {clip(entity)!r} is "
            f"{clip(form)!r} (exact turns this off)"
        )
    if pieces:
        notes.append(f"{len(pieces)} entities are there only as pieces inside words, as {clip(pieces[0])!r}")
    return found


def _first_rows(tokens: Sequence[str], notes: list[str]) -> dict[str, int]:
    """Return token → its first row; a note says how many rows repeat a name."""
    index: dict[str, int] = {}
    for i, token in enumerate(tokens):
        index.setdefault(token, i)
    twice = sum(1 for t in tokens if t) - sum(1 for t in index if t)
    if twice:
        notes.append(f"{twice} row(s) of the embeddings repeat a name: the first row of a name is used")
    return index


def _none_found(embeddings: Embeddings, missing: tuple[str, ...], index: dict[str, int]) -> InputError:
    if embeddings.tokens is None:
        last = embeddings.vectors.shape[0] - 1
        hint = (
            f"its rows have no names, so entities must be row numbers from 0 to {last} (or give the tokens)"
        )
    else:
        close = clip(nearest(missing[0], list(index)[:50_000]), 100)
        hint = f"the first is {clip(missing[0])!r}{close}"
    return InputError(f"none of the {len(missing)} entities of the groups is in {embeddings.source}: {hint}")
