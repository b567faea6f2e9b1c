"""What every reader returns: vectors, perhaps with the names of their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from feature_collapse.errors import InputError, nearest


@dataclass(frozen=True)
class Embeddings:
    """vectors (N, d), a memory map where the format allows; tokens: names of the rows, or None; notes."""

    vectors: NDArray[Any]
    tokens: tuple[str, ...] | None
    source: str
    notes: tuple[str, ...] = ()


def pick(path: Path, shapes: Mapping[str, Sequence[int]], wanted: str | None, option: str = "tensor") -> str:
    """Return the name of the tensor to read: the wanted one, or the only matrix.

    Raises:
        InputError: if it is missing or there is a choice; the names and shapes are listed.
    """
    listed = ", ".join(f"{n} {tuple(s)}" for n, s in list(shapes.items())[:30]) + (
        ", …" if len(shapes) > 30 else ""
    )
    if wanted is not None:
        if wanted not in shapes:
            raise InputError(
                f"{option} = {wanted!r} is not in {path}{nearest(wanted, shapes)}; it has: {listed or 'nothing'}"
            )
        return wanted
    matrices = [n for n, s in shapes.items() if len(s) == 2]
    if len(matrices) == 1:
        return matrices[0]
    if not matrices:
        raise InputError(f"{path} holds no matrix (N, d); it has: {listed or 'nothing'}")
    raise InputError(f"{path} holds {len(matrices)} matrices: say which one with {option}; it has: {listed}")


def damaged(path: Path, what: str, why: str) -> InputError:
    """Return the error for a file that looks like `what` but cannot be read as such."""
    return InputError(f"{path} looks like {what} but cannot be read: {why}")
