"""Frequencies of tokens: from a table or wordfreq, counted in a text by the tokenizer, or by rank."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import clip, damaged, guarded, plain_file, read_lines
from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.conventions import convention_of
from feature_collapse.metrics.readers.embeddings import Embeddings
from feature_collapse.metrics.readers.groups import Groups
from feature_collapse.metrics.readers.selection import Selection, select
from feature_collapse.metrics.readers.tables import is_number, read_rows

WHAT = "a table of frequencies"
LINES = 1000  # tokenised at a time


@dataclass(frozen=True)
class TokenFrequencies:
    """The frequency of each row (N,), NaN where it is not known; where it comes from; notes on coverage."""

    values: NDArray[np.float64]
    source: str
    notes: tuple[str, ...]


def token_frequencies(
    source: str, embeddings: Embeddings, tokenizer: str | Path | None = None, *, exact: bool = False
) -> TokenFrequencies:
    """Return the frequencies of the rows of embeddings.

    Args:
        source: a CSV file `entity,frequency`; `wordfreq:LANG` (needs the package wordfreq); `corpus:FILE`, a
            text that is counted with the model's tokenizer (needs the package tokenizers); or `rank`, which
            takes row r for the r-th most frequent token and is a proxy.
        embeddings: with tokens, unless `rank` is asked for.
        tokenizer: the model's tokenizer.json, for `corpus:FILE`.
        exact: whether the entities of a CSV file are tokens as they are written.

    Raises:
        InputError: for a source that is unknown, damaged, not installed, or covers no row.
    """
    n = embeddings.vectors.shape[0]
    kind, _, rest = source.partition(":")
    if source == "rank":
        note = "frequencies: 1/(row + 1), a proxy; it holds where the vocabulary is sorted by frequency"
        return TokenFrequencies(1.0 / np.arange(1, n + 1), "rank (a proxy)", (note,))
    if embeddings.tokens is None and kind in ("wordfreq", "corpus"):
        raise InputError(f"frequencies = {source!r} needs tokens, but rows have no names")
    values = np.full(n, np.nan)
    if kind == "wordfreq":
        _from_wordfreq(rest, embeddings.tokens or (), values)
    elif kind == "corpus":
        _from_corpus(Path(rest), tokenizer, values)
    else:
        _from_table(Path(source), embeddings, exact, values)
    known = int(np.sum(values > 0))
    if not known:
        raise InputError(f"frequencies = {clip(source)!r} covers none of the {n} rows of {embeddings.source}")
    return TokenFrequencies(values, source, (f"frequencies: {known} of {n} rows have one ({clip(source)})",))


def with_frequencies(selection: Selection, found: TokenFrequencies) -> Selection:
    """Return a selection with the frequencies of its rows; rows without one are left out, and counted.

    Raises:
        InputError: if no row has one.
    """
    values = found.values[selection.rows]
    keep = np.flatnonzero(np.isfinite(values))
    if not len(keep):
        raise InputError(f"none of the {len(values)} entities has a frequency in {clip(found.source)}")
    notes = [*selection.notes, *found.notes]
    if len(keep) < len(values):
        notes.append(f"{len(values) - len(keep)} of {len(values)} entities have no frequency: left out")
    return replace(
        selection,
        rows=selection.rows[keep],
        entities=tuple(selection.entities[k] for k in keep),
        concepts=tuple(selection.concepts[k] for k in keep),
        frequencies=values[keep],
        notes=tuple(notes),
    )


def _from_wordfreq(language: str, tokens: Iterable[str], values: NDArray[np.float64]) -> None:
    try:
        import wordfreq
    except ImportError as error:
        raise InputError("wordfreq is not installed: pip install 'feature-collapse[text]'") from error
    if language not in wordfreq.available_languages():
        known = ", ".join(sorted(wordfreq.available_languages()))
        raise InputError(
            f"frequencies = 'wordfreq:{clip(language)}', but the language must be one of {known}"
        )
    convention = convention_of(tuple(tokens))
    table = wordfreq.get_frequency_dict(language)
    for row, token in enumerate(islice(tokens, len(values))):
        word = convention.word(token)
        if word is not None and (frequency := table.get(word.lower())):
            values[row] = frequency


def _from_corpus(path: Path, tokenizer: str | Path | None, values: NDArray[np.float64]) -> None:
    """Count the tokens of a text, `LINES` lines at a time; a token that never occurs has frequency 0."""
    if tokenizer is None:
        raise InputError("frequencies = 'corpus:FILE' needs the model's tokenizer.json")
    try:
        import tokenizers
    except ImportError as error:
        raise InputError("tokenizers is not installed: pip install 'feature-collapse[text]'") from error
    file = plain_file(Path(tokenizer), "tokenizer")
    with guarded(file, "a tokenizer.json"):
        made = tokenizers.Tokenizer.from_file(str(file))
        made.no_truncation()
        made.no_padding()
    counts = np.zeros(len(values), dtype=np.int64)
    with guarded(plain_file(path, "corpus"), "a text"), path.open("rb") as text:
        lines = (line.decode("utf-8", errors="replace") for line in read_lines(path, "a text", text))
        while block := list(islice(lines, LINES)):
            for encoding in made.encode_batch(block, add_special_tokens=False):
                ids = np.asarray(encoding.ids, dtype=np.int64)
                counts += np.bincount(ids[ids < len(counts)], minlength=len(counts))
    values[:] = counts


def _from_table(path: Path, embeddings: Embeddings, exact: bool, values: NDArray[np.float64]) -> None:
    """Fill in a CSV file of entity and frequency, with or without a header."""
    found: dict[str, float] = {}
    for line, cells in read_rows(path, WHAT):
        if not found and len(cells) > 1 and not is_number(cells[1]):
            continue  # the header
        value = float(cells[1]) if len(cells) == 2 and is_number(cells[1]) else np.nan
        if not np.isfinite(value) or value < 0 or found.get(cells[0], value) != value:
            raise damaged(path, WHAT, f"line {line} is not an entity and one finite number ≥ 0")
        found[cells[0]] = value
    if not found:
        raise InputError(f"{path} has no frequencies")
    groups = Groups(tuple(found), tuple(found), tuple(found.values()))
    chosen = select(embeddings, groups, exact=exact)
    values[chosen.rows] = chosen.frequencies
