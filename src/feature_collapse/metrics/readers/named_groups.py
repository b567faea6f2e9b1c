"""Groups by name, where there is no file of them: by script, by frequency, by WordNet's parts or topics.

They group the words of a vocabulary: tokens that start a word, without special tokens and pieces. The notes
say how many each covers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.conventions import convention_of
from feature_collapse.metrics.readers.embeddings import Embeddings
from feature_collapse.metrics.readers.groups import Groups
from feature_collapse.metrics.readers.wordnet import read_wordnet

NAMES = ("pos", "wordnet", "script", "bins")
BINS = 10


def named_groups(
    name: str,
    embeddings: Embeddings,
    frequencies: NDArray[np.float64] | None = None,
    wordnet: str | Path | None = None,
) -> Groups:
    """Return the groups of a name; their entities are tokens, to be selected with `exact`.

    Args:
        name: `script` (of the letters), `bins` (deciles of frequency), `pos` (noun, verb, …) or `wordnet`
            (the lexicographer's file: noun.animal, verb.motion, …), of the sense that is tagged most.
        embeddings: with tokens.
        frequencies: of the rows (N,), NaN where unknown, for `bins`.
        wordnet: the folder of a WordNet database, for `pos` and `wordnet`.

    Raises:
        InputError: for an unknown name, rows without names, or what a name needs and was not given.
    """
    if name not in NAMES:
        raise InputError(f"groups = {name!r}, but must be a CSV file or one of {', '.join(NAMES)}")
    if embeddings.tokens is None:
        raise InputError(f"groups = {name!r} needs tokens, but {embeddings.source} has rows without names")
    convention = convention_of(embeddings.tokens)
    words = {t: w for t in embeddings.tokens if (w := convention.word(t)) is not None}
    if name == "bins":
        concept = _bins(embeddings.tokens, words, frequencies)
    elif name == "script":
        concept = script
    else:
        table = read_wordnet(wordnet, topics=name == "wordnet")
        concept = lambda word: table.get(word.lower())  # noqa: E731
    found = {token: c for token, word in words.items() if (c := concept(token if name == "bins" else word))}
    if not found:
        raise InputError(f"groups = {name!r} covers none of the {len(words)} words of {embeddings.source}")
    note = f"groups {name}: {len(found)} of {len(words)} words ({len(embeddings.tokens)} tokens) have one"
    return Groups(tuple(found), tuple(found.values()), None, (note,))


def script(word: str) -> str:
    """Return the script of a word's letters, `mixed`, or `digits`, `punctuation and symbols` without any.

    >>> script("naïve"), script("слово"), script("日本"), script("12"), script("--")
    ('latin', 'cyrillic', 'cjk', 'digits', 'punctuation and symbols')
    """
    letters = {unicodedata.name(c, "unknown").split()[0].lower() for c in word if c.isalpha()}
    if letters:
        return letters.pop() if len(letters) == 1 else "mixed"
    return "digits" if any(c.isdigit() for c in word) else "punctuation and symbols"


def _bins(
    tokens: Sequence[str], words: dict[str, str], frequencies: NDArray[np.float64] | None
) -> Callable[[str], str | None]:
    """Return token → its decile of frequency, over the words whose frequency is known and not 0."""
    if frequencies is None:
        raise InputError("groups = 'bins' needs frequencies: a CSV file, wordfreq:LANG, corpus:FILE or rank")
    known: dict[str, float] = {}
    for token, value in zip(tokens, frequencies.tolist(), strict=False):
        if token in words and value > 0:
            known.setdefault(token, value)
    if len(known) < BINS:
        raise InputError(f"groups = 'bins' needs {BINS} words whose frequency is known, but has {len(known)}")
    order = sorted(known, key=lambda t: (-known[t], t))
    names = {t: f"decile {1 + k * BINS // len(order):2d}" for k, t in enumerate(order)}
    return names.get
