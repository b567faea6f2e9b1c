"""Concepts, words and their names (paper §2, figure 1).

The β-th word of concept α has index α·s_c + β (zero-based). Names are optional; without them word (α, β) is
called `c1w1`, `c1w2`, … (one-based, as the paper counts).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np

from feature_collapse.boundary import read_text
from feature_collapse.errors import InputError, check_int, nearest
from feature_collapse.task.frequencies import Law, given

COLUMNS = ("word", "concept", "frequency")


@dataclass(frozen=True)
class Vocabulary:
    """n_c concepts of s_c words each.

    Attributes:
        n_c: number of concepts (≥ 2).
        n_w: number of words, a multiple of n_c.
        concepts: n_c names, or () for none.
        words: n_w names in index order, or () for none.
    """

    n_c: int
    n_w: int
    concepts: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            InputError: n_c < 2, n_w < n_c, n_w not a multiple of n_c, or names of the wrong number.
        """
        check_int("n_c", self.n_c, 2)
        check_int("n_w", self.n_w, self.n_c)
        if self.n_w % self.n_c:
            raise InputError(f"n_w = {self.n_w}, but must be a multiple of n_c = {self.n_c}")
        for name, names, size in (("concepts", self.concepts, self.n_c), ("words", self.words, self.n_w)):
            if names and len(names) != size:
                raise InputError(f"{name} has {len(names)} names, but must have {size}")

    @property
    def s_c(self) -> int:
        """Words per concept."""
        return self.n_w // self.n_c

    def index(self, alpha: int, beta: int) -> int:
        """Return the index of word (alpha, beta), both zero-based.

        Raises:
            InputError: if alpha or beta is out of range.
        """
        return check_int("alpha", alpha, 0, self.n_c - 1) * self.s_c + check_int(
            "beta", beta, 0, self.s_c - 1
        )

    def pair(self, index: int) -> tuple[int, int]:
        """Return the (alpha, beta) of a word index; inverse of `index`.

        Raises:
            InputError: if the index is out of range.
        """
        return divmod(check_int("index", index, 0, self.n_w - 1), self.s_c)

    def concept_name(self, alpha: int) -> str:
        """Return the name of a concept."""
        return self.concepts[alpha] if self.concepts else f"c{alpha + 1}"

    def word_name(self, index: int) -> str:
        """Return the name of a word."""
        if self.words:
            return self.words[index]
        alpha, beta = self.pair(int(index))
        return f"c{alpha + 1}w{beta + 1}"

    def sentence(self, words: Iterable[int]) -> str:
        """Return a sentence of word indices as text."""
        return " ".join(self.word_name(int(word)) for word in words)


def read_vocabulary(path: str | Path) -> tuple[Vocabulary, Law]:
    """Return a vocabulary with names, and its word law, from a CSV file of columns `word,concept,frequency`.

    The model has one law μ for all concepts. It is the mean over concepts of the sorted relative frequencies:
    μ_β is the mean frequency of a concept's β-th most frequent word. Words are put in that order. `path` may
    be `food`, the list that comes with the package (vegetables, dairy, meat). Lines before the columns' names
    that begin with # are comments.

    Raises:
        InputError: for a missing file, missing columns, repeated words, unequal concept sizes, fewer than two
            concepts, or frequencies that are not finite positive numbers.
    """
    if str(path) == "food":
        lines = files("feature_collapse.task").joinpath("food.csv").read_text(encoding="utf-8").splitlines()
    else:
        try:
            lines = read_text(Path(path), "the file").splitlines()
        except InputError as error:
            raise InputError(f"vocabulary cannot be read ({error}); give a CSV file or 'food'") from None
    first = next((i for i, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    table = csv.DictReader(line for line in lines[first:] if line.strip())
    try:
        found, rows = tuple(table.fieldnames or ()), list(table)
    except csv.Error as error:  # a quote that is never closed
        raise InputError(f"vocabulary {str(path)!r} is no CSV table ({error})") from None
    for column in COLUMNS:
        if column not in found:
            raise InputError(
                f"vocabulary {str(path)!r} has columns {', '.join(found) or 'none'}, but must have "
                f"{', '.join(COLUMNS)}: {column!r} is missing{nearest(column, found)}"
            )
    return _from_rows(str(path), [(row["word"], row["concept"], row["frequency"]) for row in rows])


def _from_rows(
    path: str, rows: Sequence[tuple[str | None, str | None, str | None]]
) -> tuple[Vocabulary, Law]:
    by_concept: dict[str, list[tuple[float, str]]] = {}
    seen: set[str] = set()
    for number, (word, concept, text) in enumerate(rows, start=1):
        if not word or not concept or not text:
            raise InputError(
                f"vocabulary {path!r}, entry {number}: word, concept and frequency must all be given"
            )
        if word in seen:
            raise InputError(
                f"vocabulary {path!r}, entry {number}: the word {word!r} occurs twice, but must be unique"
            )
        seen.add(word)
        try:
            frequency = float(text)
        except ValueError:
            frequency = np.nan
        if not (np.isfinite(frequency) and frequency > 0):
            raise InputError(
                f"vocabulary {path!r}, word {word!r}: frequency = {text!r}, but must be a number > 0"
            )
        by_concept.setdefault(concept, []).append((frequency, word))
    if len(by_concept) < 2:
        raise InputError(f"vocabulary {path!r} has {len(by_concept)} concepts, but must have at least 2")
    sizes = {concept: len(words) for concept, words in by_concept.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{concept}: {size}" for concept, size in sizes.items())
        raise InputError(f"vocabulary {path!r}: concepts must have equally many words, but have {listed}")
    ordered = [sorted(words, key=lambda pair: -pair[0]) for words in by_concept.values()]
    laws = np.array([given([frequency for frequency, _ in words]) for words in ordered])
    names = tuple(word for words in ordered for _, word in words)
    return Vocabulary(len(ordered), len(names), tuple(by_concept), names), given(laws.mean(axis=0))
