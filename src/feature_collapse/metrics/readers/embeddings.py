"""What every reader returns: vectors, perhaps with the names of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import clip
from feature_collapse.errors import InputError, nearest

SHOWN = 30


@dataclass(frozen=True)
class Embeddings:
    """vectors (N, d), a memory map where the format allows; tokens: names of the rows, or None; notes."""

    vectors: NDArray[np.number]
    tokens: tuple[str, ...] | None
    source: str
    notes: tuple[str, ...] = ()


def pick(path: Path, shapes: Mapping[str, Sequence[int]], wanted: str | None, option: str = "tensor") -> str:
    """Return the name of the tensor to read: the wanted one, or the only matrix.

    Raises:
        InputError: if it is missing or there is a choice; the names and shapes are listed.
    """
    listed = listing(shapes)
    if wanted is not None:
        if wanted not in shapes:
            close = clip(nearest(wanted, list(shapes)[:50_000]), 100)
            raise InputError(f"{option} = {clip(wanted)!r} is not in {path}{close}; it has: {listed}")
        return wanted
    matrices = [n for n, s in shapes.items() if len(s) == 2]
    if len(matrices) == 1:
        return matrices[0]
    if not matrices:
        raise InputError(f"{path} holds no matrix (N, d); it has: {listed}")
    raise InputError(f"{path} holds {len(matrices)} matrices: say which one with {option}; it has: {listed}")


def listing(shapes: Mapping[str, Sequence[int]]) -> str:
    """Return the names and shapes of a file's tensors on one line, the first of them."""
    shown = [f"{clip(n)} {clip(tuple(s))}" for n, s in list(shapes.items())[:SHOWN]]
    return ", ".join(shown + ["…"] * (len(shapes) > SHOWN)) or "nothing"


def with_tokens(found: Embeddings, tokens: Sequence[str], path: Path) -> Embeddings:
    """Return embeddings whose rows are named by the tokens of a vocabulary file; rows may be left over.

    Raises:
        InputError: if there are more tokens than rows.
    """
    n = found.vectors.shape[0]
    if len(tokens) > n:
        raise InputError(f"{path} has {len(tokens)} tokens, but {found.source} has only {n} rows")
    notes = found.notes
    if len(tokens) < n:
        notes = (*notes, f"the last {n - len(tokens)} rows have no token in {path.name}")
    return replace(found, tokens=tuple(tokens), notes=notes)
