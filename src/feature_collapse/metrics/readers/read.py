"""Embeddings from a file of any format that is read here, told apart by content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from feature_collapse.boundary import clip
from feature_collapse.errors import InputError
from feature_collapse.metrics import arrays
from feature_collapse.metrics.readers.embeddings import Embeddings, with_tokens
from feature_collapse.metrics.readers.numpy_files import read_npy, read_npz
from feature_collapse.metrics.readers.parquet import read_parquet
from feature_collapse.metrics.readers.safetensors_files import read_safetensors
from feature_collapse.metrics.readers.sniff import sniff
from feature_collapse.metrics.readers.tables import read_csv
from feature_collapse.metrics.readers.torch_files import read_torch
from feature_collapse.metrics.readers.vocabulary import read_tokens
from feature_collapse.metrics.readers.word_vectors import read_glove, read_word2vec_binary, read_word2vec_text

_WITH_NAMES: dict[str, Callable[[Path, str | None], Embeddings]] = {
    "npy": read_npy,
    "npz": read_npz,
    "safetensors": read_safetensors,
    "torch": read_torch,
    "parquet": read_parquet,
}
_WITHOUT: dict[str, Callable[[Path], Embeddings]] = {
    "csv": read_csv,
    "glove": read_glove,
    "word2vec-text": read_word2vec_text,
    "word2vec-binary": read_word2vec_binary,
}


def read_embeddings(
    path: str | Path, tensor: str | None = None, tokens: str | Path | None = None
) -> Embeddings:
    """Return the vectors of a file of any format read here, with the names of their rows where known.

    Args:
        path: .npy, .npz, safetensors, PyTorch state dict, word2vec text or binary, GloVe text, CSV, Parquet.
        tensor: the name of the matrix, for formats that hold several.
        tokens: a vocabulary file (vocab.txt, vocab.json, tokenizer.json) that names the rows.

    Raises:
        InputError: one sentence on what is wrong with the file. Nothing in it is ever executed.
    """
    path = Path(path)
    kind = sniff(path)
    if kind in _WITH_NAMES:
        found = _WITH_NAMES[kind](path, tensor)
    elif tensor is not None:
        raise InputError(
            f"tensor = {clip(tensor)!r}, but {path} holds a single table of vectors without a name"
        )
    else:
        found = _WITHOUT[kind](path)
    arrays.feature_rows(f"the matrix in {found.source}", found.vectors)
    return found if tokens is None else with_tokens(found, read_tokens(tokens), Path(tokens))
