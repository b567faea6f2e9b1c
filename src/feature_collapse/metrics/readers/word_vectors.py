"""word2vec's text and binary formats, and GloVe's text: a word and its d numbers, word after word."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics.readers.embeddings import Embeddings, damaged


def read_word2vec_text(path: Path) -> Embeddings:
    """Return the vectors of a text file whose first line says 'N d'."""
    with path.open("rb") as file:
        n, d = (int(c) for c in file.readline().split())
        _plausible(path, n, d, path.stat().st_size, 2)
        return _read_lines(path, file, d, n)


def read_glove(path: Path) -> Embeddings:
    """Return the vectors of a text file without a first line of counts; d comes from its first line."""
    with path.open("rb") as file:
        d = len(file.readline().split()) - 1
        file.seek(0)
        return _read_lines(path, file, d, None)


def _read_lines(path: Path, file: Any, d: int, n: int | None) -> Embeddings:
    tokens: list[str] = []
    blocks: list[NDArray[np.float32]] = []
    rows: list[NDArray[np.float32]] = []
    for number, raw in enumerate(file, start=1 if n is None else 2):
        line = raw.rstrip()
        if not line:
            continue
        cells = line.rsplit(b" ", d)
        try:
            if len(cells) != d + 1:
                raise ValueError
            rows.append(np.array([float(c) for c in cells[1:]], dtype=np.float32))
        except ValueError as error:
            raise damaged(path, "word vectors", f"line {number} is not a word and {d} numbers") from error
        tokens.append(cells[0].decode("utf-8", errors="replace").strip("\ufeff"))
        if len(rows) == 4096:
            blocks.append(np.stack(rows))
            rows = []
    if rows:
        blocks.append(np.stack(rows))
    if n is not None and len(tokens) != n:
        raise damaged(
            path, "word2vec text", f"its first line says {n} words, but it has {len(tokens)} (truncated?)"
        )
    return Embeddings(
        np.concatenate(blocks), tuple(tokens), f"{path} ({'GloVe' if n is None else 'word2vec'} text)"
    )


def read_word2vec_binary(path: Path) -> Embeddings:
    """Return the vectors of a binary file: 'N d' in text, then N times a word, a space and d float32."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        at = view.find(b"\n") + 1
        n, d = (int(c) for c in view[: at - 1].split())
        _plausible(path, n, d, len(view), 4)
        vectors = np.empty((n, d), dtype=np.float32)
        tokens = []
        for i in range(n):
            space = view.find(b" ", at, at + 4096)
            if space < 0 or space + 1 + 4 * d > len(view):
                raise damaged(path, "word2vec binary", f"word {i + 1} of {n} is not complete (truncated?)")
            tokens.append(view[at:space].decode("utf-8", errors="replace").lstrip("\n"))
            at = space + 1 + 4 * d
            vectors[i] = np.frombuffer(view[space + 1 : at], dtype="<f4")
        if view[at : at + 64].strip():
            raise damaged(path, "word2vec binary", f"more bytes follow after its {n} words")
    return Embeddings(vectors, tuple(tokens), f"{path} (word2vec binary)")


def _plausible(path: Path, n: int, d: int, size: int, least: int) -> None:
    """Refuse counts that the file cannot hold, before memory is taken for them."""
    if n < 1 or d < 1:
        raise damaged(path, "word2vec vectors", f"its first line says {n} words of {d} numbers")
    if n * (d * least + 1) > size:
        raise damaged(
            path, "word2vec vectors", f"its first line says {n} words of {d} numbers, more than the file has"
        )
