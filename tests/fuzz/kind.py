"""What is fuzzed: whole files of one kind, the function that reads them, and how to break them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from fuzz.mutate import Mutator, mangle


def _alone(folder: Path) -> None:
    """A file that is read by itself needs nothing beside it."""


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        name: in the table, and the seed of its cases.
        seeds: makes some whole files (their bytes), called once in the worker.
        read: reads a file; an `InputError` of one line is the right answer to a broken one.
        mutators: of which each case takes one.
        file: the name of the file in its folder.
        prepare: writes what must lie beside it.
        deadly: its library may abort, so its reader has a process of its own; the worker reads in its place,
            and what kills the worker is read once more as users do.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[Path], object]
    mutators: tuple[Mutator, ...] = (mangle,)
    file: str = "case"
    prepare: Callable[[Path], None] = _alone
    deadly: bool = False

    def case(self, seeds: list[bytes], seed: int, index: int) -> bytes:
        """Return the bytes of one case: the same for the same whole files, seed and index."""
        random = Random(f"{seed}/{self.name}/{index}")
        whole = random.choice(seeds)
        return random.choice(self.mutators)(whole, random)
