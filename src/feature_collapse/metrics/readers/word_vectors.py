"""word2vec's text and binary formats, and GloVe's text: a word and its d numbers, word after word."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import damaged, guarded, parse_count, read_lines
from feature_collapse.metrics.readers.embeddings import Embeddings

BLOCK = 4096  # rows, and bytes of a word


def read_word2vec_text(path: Path) -> Embeddings:
    """Return the vectors of a text file whose first line says 'N d'."""
    with guarded(path, "word2vec text"), path.open("rb") as file:
        n, d = _counts(path, file.readline(BLOCK), path.stat().st_size, 2)
        vectors, tokens = _rows(path, file, d, 2)
    if len(tokens) != n:
        why = f"its first line says {n} words, but it has {len(tokens)} (truncated?)"
        raise damaged(path, "word2vec text", why)
    return Embeddings(vectors, tuple(tokens), f"{path} (word2vec text)")


def read_glove(path: Path) -> Embeddings:
    """Return the vectors of a text file without a first line of counts; d comes from its first line."""
    with guarded(path, "word vectors"), path.open("rb") as file:
        d = (
            len(next((line for line in read_lines(path, "word vectors", file) if line.strip()), b"").split())
            - 1
        )
        file.seek(0)
        vectors, tokens = _rows(path, file, d, 1)
    return Embeddings(vectors, tuple(tokens), f"{path} (GloVe text)")


def _rows(path: Path, file: BinaryIO, d: int, first: int) -> tuple[NDArray[np.float32], list[str]]:
    """Return the vectors (N, d) and the words of the lines that follow, as float32 line by line."""
    tokens: list[str] = []
    blocks: list[NDArray[np.float32]] = []
    rows: list[NDArray[np.float32]] = []
    for number, cells in _cells(path, file, d, first):
        try:
            if len(cells) != d + 1:
                raise ValueError
            rows.append(np.array([float(c) for c in cells[1:]], dtype=np.float32))
        except ValueError as error:
            raise damaged(path, "word vectors", f"line {number} is not a word and {d} numbers") from error
        tokens.append(cells[0].decode("utf-8", errors="replace").strip("\ufeff"))
        if len(rows) == BLOCK:
            blocks.append(np.stack(rows))
            rows = []
    if rows:
        blocks.append(np.stack(rows))
    return np.concatenate(blocks) if blocks else np.empty((0, d), np.float32), tokens


def _cells(path: Path, file: BinaryIO, d: int, first: int) -> Iterator[tuple[int, list[bytes]]]:
    for number, raw in enumerate(read_lines(path, "word vectors", file), start=first):
        line = raw.rstrip()
        if line:
            yield number, line.rsplit(b" ", d)  # from the right: a word may have spaces


def read_word2vec_binary(path: Path) -> Embeddings:
    """Return the vectors of a binary file: 'N d' in text, then N times a word, a space and d float32."""
    what = "word2vec binary"
    with (
        guarded(path, what),
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view,
    ):
        start = view.find(b"\n", 0, BLOCK) + 1
        n, d = _counts(path, view[:start], len(view), 4)
        vectors = np.empty((n, d), dtype=np.float32)
        tokens = []
        for i in range(n):
            space = view.find(b" ", start, start + BLOCK)
            stop = space + 1 + 4 * d
            if space < 0 or stop > len(view):
                raise damaged(path, what, f"word {i + 1} of {n} is not complete (truncated?)")
            tokens.append(view[start:space].decode("utf-8", errors="replace").lstrip("\n"))
            vectors[i] = np.frombuffer(view[space + 1 : stop], dtype="<f4")
            start = stop
        if view[start : start + 64].strip():
            raise damaged(path, what, f"more bytes follow after its {n} words")
    return Embeddings(vectors, tuple(tokens), f"{path} (word2vec binary)")


def _counts(path: Path, line: bytes, size: int, least: int) -> tuple[int, int]:
    """Return the 'N d' of a first line, refused before memory is taken where the file cannot hold as much."""
    counts = [parse_count(c) for c in line.split()]
    if len(counts) != 2 or counts[0] is None or counts[1] is None:
        raise damaged(path, "word2vec vectors", "its first line is not 'N d'")
    n, d = counts[0], counts[1]
    if n < 1 or d < 1 or n * (d * least + 1) > size:
        more = ", more than the file has" if n and d else ""
        raise damaged(path, "word2vec vectors", f"its first line says {n} words of {d} numbers{more}")
    return n, d
