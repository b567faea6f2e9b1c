"""The readers of embeddings, vocabularies and groups, as kinds for the fuzz."""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from random import Random

import numpy as np

from feature_collapse.metrics.readers import (
    Embeddings,
    list_candidates,
    read_embeddings,
    read_groups,
    read_model_folder,
    read_tokens,
    select,
)
from feature_collapse.metrics.readers.token_frequencies import token_frequencies
from feature_collapse.metrics.readers.wordnet import read_wordnet
from fuzz.kind import Kind
from fuzz.mutate import cells, json_tree, mangle, npy_header, safetensors_header, zip_member

X = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
WORDS = ("the", "naïve", "日本", ",", "a-b", "Ġif", "##z")
VOCABULARY = {word: i for i, word in enumerate(WORDS)}
LINES = [f"{word} " + " ".join(f"{v:.4g}" for v in row) for word, row in zip(WORDS, X.tolist(), strict=True)]


class Evil:
    """Its unpickling would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


def _saved(save: Callable[..., object], *arrays: object, **named: object) -> bytes:
    file = io.BytesIO()
    save(file, *arrays, **named)
    return file.getvalue()


def _npy() -> list[bytes]:
    evil = np.array([Evil()], dtype=object)
    plain = [_saved(np.save, x) for x in (X, X.astype(np.float64).T, X[0], np.arange(6).reshape(3, 2))]
    return [*plain, _saved(np.save, evil, allow_pickle=True)]


def _npz() -> list[bytes]:
    evil = np.array([Evil()], dtype=object)
    return [
        _saved(np.savez, emb=X, words=np.array(WORDS), bias=X[0]),
        _saved(np.savez_compressed, emb=X),
        _saved(np.savez, emb=X, evil=evil),
        _saved(np.savez_compressed, emb=X, zeros=np.zeros(20_000)),
    ]


def _safetensors() -> list[bytes]:
    from safetensors.numpy import save

    two = {"embed.weight": X, "norm": X[0].astype(np.float16)}
    return [save(two, metadata={"format": "pt"}), save({"x": X.astype(np.float64)})]


def _torch() -> list[bytes]:
    import torch

    state = {"epoch": 3, "model": torch.nn.Embedding.from_pretrained(torch.tensor(X)).state_dict()}
    old = _saved(lambda f: torch.save(state, f, _use_new_zipfile_serialization=False))
    key = re.search(rb"cpuq.X....(\d+)q", old, re.S) or re.search(rb"(\d{12,})", old)
    assert key is not None  # an address in memory: another one in every run
    old = old.replace(key[1], b"1" * len(key[1]))
    evil = _saved(lambda f: torch.save({"w": torch.ones(2, 2), "evil": Evil()}, f))
    half = _saved(lambda f: torch.save(torch.tensor(X).bfloat16(), f))
    return [_saved(lambda f: torch.save(state, f)), old, evil, half, pickle.dumps({"w": Evil()})]


def _parquet() -> list[bytes]:
    import polars

    columns = {f"x{i}": X[:, i] for i in range(4)}
    named = polars.DataFrame({"word": WORDS, **columns})
    lists = polars.DataFrame({"word": WORDS, "vector": X.tolist()})
    out = []
    for frame in (named, lists, polars.DataFrame(columns)):
        for how in ("zstd", "uncompressed", "snappy"):
            file = io.BytesIO()
            frame.write_parquet(file, compression=how)  # type: ignore[arg-type]
            out.append(file.getvalue())
    return out


def _word2vec_text() -> list[bytes]:
    return [("7 4\n" + "\n".join(LINES) + "\n").encode()]


def _word2vec_binary() -> list[bytes]:
    rows = [word.encode() + b" " + row.tobytes() for word, row in zip(WORDS, X, strict=True)]
    return [b"7 4\n" + end.join(rows) + end for end in (b"\n", b"")]


def _glove() -> list[bytes]:
    return [("\n".join(LINES) + "\n").encode(), "\n".join(LINES[:2]).encode()]


def _csv() -> list[bytes]:
    rows = [line.replace(" ", ",").encode() for line in LINES if not line.startswith(",")]
    header = b"word,a,b,c,d\n"
    numbers = b"\n".join(row.split(b",", 1)[1] for row in rows)
    return [header + b"\n".join(rows), b"\n".join(rows), numbers, numbers.replace(b",", b";")]


def _vocabulary_text() -> list[bytes]:
    return [("[PAD]\n[unused0]\n" + "\n".join(WORDS) + "\n").encode(), "\r\n".join(WORDS).encode()]


def _vocabulary_json() -> list[bytes]:
    return [json.dumps(VOCABULARY).encode(), json.dumps(list(WORDS)).encode()]


def _tokenizer() -> list[bytes]:
    added = [{"id": 7, "content": "<s>", "special": True}]
    unigram = {"type": "Unigram", "vocab": [[w, -1.5] for w in WORDS]}
    bpe = {"type": "BPE", "vocab": VOCABULARY, "merges": ["t h"]}
    return [
        json.dumps({"version": "1.0", "added_tokens": added, "model": m}).encode() for m in (bpe, unigram)
    ]


def _groups() -> list[bytes]:
    head = b"entity,concept,frequency\n"
    body = "\n".join(f"{i},k{i % 3},{i + 0.5}" for i in range(7)).encode()
    return [head + body, body, b"entity;concept\nthe;a\nz;b\n", "Ġif,a\n日本,b\n".encode()]


def _rows_of_groups(path: Path) -> object:
    """Read groups and find their rows, as a measurement of unnamed rows does."""
    groups = read_groups(path)
    named = select(Embeddings(X, WORDS, "x"), groups) if groups.entities[0] in WORDS else None
    return named or select(Embeddings(X, None, "x"), groups)


def _embeddings(path: Path) -> object:
    """Read and touch every number, as a measurement does."""
    found = read_embeddings(path)
    return float(np.asarray(found.vectors, dtype=np.float64).sum())


def _torch_inside(data: bytes, random: Random) -> bytes:
    """Break a member of a zip archive, and a bare pickle as it lies."""
    return (zip_member(mangle) if data.startswith(b"PK") else mangle)(data, random)


def _model(folder: Path) -> None:
    """Write a small model's folder in two parts."""
    from safetensors.numpy import save_file

    save_file({"wte.weight": X}, folder / "a.safetensors")
    save_file({"wpe.weight": X[:3], "lm_head.weight": X}, folder / "b.safetensors")
    parts = {"wte.weight": "a.safetensors", "wpe.weight": "b.safetensors", "lm_head.weight": "b.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "vocab_size": 7}))
    (folder / "vocab.json").write_text(json.dumps(VOCABULARY))


def _part(name: str) -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        _model(Path(folder))
        return [(Path(folder) / name).read_bytes()]


def _read_model(path: Path) -> object:
    found = read_model_folder(path.parent)
    return list_candidates(path.parent), float(np.asarray(found.embeddings.vectors).sum())


def _wordnet() -> list[bytes]:
    lines = ("dog%1:05:00:: 02084071 1 42", "dog%2:38:00:: 02001858 1 2", "fast%4:02:00:: 00087099 1 0")
    return ["\n".join(lines).encode()]


def _frequency_table() -> list[bytes]:
    return [b"word,count\nthe,3\nz,1\n", "the;3\nif;1.5\n日本;2\n".encode()]


def _read_frequencies(path: Path) -> object:
    return token_frequencies(str(path), Embeddings(X, WORDS, "x")).notes


READERS: tuple[Kind, ...] = (
    Kind("npy", _npy, _embeddings, (mangle, npy_header)),
    Kind("npz", _npz, _embeddings, (mangle, zip_member(npy_header), zip_member(mangle))),
    Kind("safetensors", _safetensors, _embeddings, (mangle, safetensors_header)),
    Kind("torch", _torch, _embeddings, (mangle, _torch_inside)),
    Kind("parquet", _parquet, _embeddings, deadly=True),
    Kind("word2vec text", _word2vec_text, _embeddings, (mangle, cells)),
    Kind("word2vec binary", _word2vec_binary, _embeddings, (mangle, cells)),
    Kind("glove", _glove, _embeddings, (mangle, cells)),
    Kind("csv", _csv, _embeddings, (mangle, cells)),
    Kind("vocab.txt", _vocabulary_text, read_tokens, (mangle, cells)),
    Kind("vocab.json", _vocabulary_json, read_tokens, (mangle, json_tree)),
    Kind("tokenizer.json", _tokenizer, read_tokens, (mangle, json_tree)),
    *(
        Kind(f"model {n}", partial(_part, n), _read_model, (mangle, json_tree), n, _model)
        for n in ("config.json", "model.safetensors.index.json")
    ),
    Kind("wordnet", _wordnet, lambda path: read_wordnet(path.parent), (mangle, cells), "index.sense"),
    Kind("token frequencies", _frequency_table, _read_frequencies, (mangle, cells)),
    Kind("groups", _groups, _rows_of_groups, (mangle, cells)),
)
