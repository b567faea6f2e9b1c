"""Readers of embeddings, told apart by content; of token lists; of groups. One file per family of formats."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from feature_collapse.errors import InputError
from feature_collapse.metrics import arrays
from feature_collapse.metrics.readers.embeddings import Embeddings
from feature_collapse.metrics.readers.groups import Groups, Selection, read_groups, select
from feature_collapse.metrics.readers.sniff import sniff
from feature_collapse.metrics.readers.vocabulary import read_tokens

__all__ = ["Embeddings", "Groups", "Selection", "read_embeddings", "read_groups", "read_tokens", "select"]


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
    found = _read(kind, path, tensor)
    arrays.feature_rows(f"the matrix in {found.source}", found.vectors)
    return found if tokens is None else _named(found, Path(tokens))


def _read(kind: str, path: Path, tensor: str | None) -> Embeddings:
    if kind in ("npy", "npz"):
        from feature_collapse.metrics.readers.numpy_files import read_npy, read_npz

        return read_npy(path, tensor) if kind == "npy" else read_npz(path, tensor)
    if kind == "safetensors":
        from feature_collapse.metrics.readers.safetensors_files import read_safetensors

        return read_safetensors(path, tensor)
    if kind == "torch":
        from feature_collapse.metrics.readers.torch_files import read_torch

        return read_torch(path, tensor)
    from feature_collapse.metrics.readers.tables import read_csv, read_parquet

    if kind == "parquet":
        return read_parquet(path, tensor)
    if tensor is not None:
        raise InputError(f"tensor = {tensor!r}, but {path} holds a single table of vectors without a name")
    if kind == "csv":
        return read_csv(path)
    from feature_collapse.metrics.readers import word_vectors

    if kind == "glove":
        return word_vectors.read_glove(path)
    if kind == "word2vec-text":
        return word_vectors.read_word2vec_text(path)
    return word_vectors.read_word2vec_binary(path)


def _named(found: Embeddings, path: Path) -> Embeddings:
    names = read_tokens(path)
    n = found.vectors.shape[0]
    if len(names) > n:
        raise InputError(f"{path} has {len(names)} tokens, but {found.source} has only {n} rows")
    notes = found.notes
    if len(names) < n:
        notes = (*notes, f"the last {n - len(names)} rows have no token in {path.name}")
    return replace(found, tokens=tuple(names), notes=notes)
