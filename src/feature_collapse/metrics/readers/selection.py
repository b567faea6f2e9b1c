"""The rows of the embeddings that belong to the groups' entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import clip, parse_count
from feature_collapse.errors import InputError, nearest
from feature_collapse.metrics.readers.embeddings import Embeddings
from feature_collapse.metrics.readers.groups import Groups

WORD_MARKS = ("Ġ", "▁", "##", " ")
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


def select(embeddings: Embeddings, groups: Groups) -> Selection:
    """Return the rows of the groups' entities: by token, or by number where the rows have no names.

    Raises:
        InputError: if none is found.
    """
    n = embeddings.vectors.shape[0]
    notes = [*embeddings.notes, *groups.notes]
    if embeddings.tokens is None:
        index = {e: row for e in groups.entities if (row := parse_count(e)) is not None and row < n}
    else:
        index = _first_rows(embeddings.tokens[:n], notes)
    found = [k for k, e in enumerate(groups.entities) if e in index]
    missing = tuple(e for e in groups.entities if e not in index)
    if not found:
        raise _none_found(embeddings, missing, index)
    if missing:
        notes.append(
            f"{len(missing)} of {len(groups.entities)} entities were not found: "
            f"{', '.join(clip(m) for m in missing[:SHOWN])}{', …' if len(missing) > SHOWN else ''}"
        )
        marked = [m + e for e in missing for m in WORD_MARKS if m + e in index]
        if marked:
            notes.append(
                f"{len(marked)} of them exist with a tokenizer's mark ({clip(marked[0])!r}): "
                "write them so to include them"
            )
    frequencies = None if groups.frequencies is None else np.array([groups.frequencies[k] for k in found])
    entities = tuple(groups.entities[k] for k in found)
    rows = np.array([index[e] for e in entities], dtype=np.int64)
    concepts = tuple(groups.concepts[k] for k in found)
    return Selection(rows, entities, concepts, frequencies, missing, tuple(notes))


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
