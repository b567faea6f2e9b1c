"""Vocabularies name the rows."""

import json

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.metrics import read_embeddings, read_tokens
from metrics.readers.written import WORDS, X


def test_tokens_from_vocab_txt_and_tokenizer_json(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    assert read_tokens(tmp_path / "vocab.txt") == list(WORDS)
    vocabulary = {w: i for i, w in enumerate(WORDS)}
    for name, content in {
        "bpe": {"model": {"type": "BPE", "vocab": vocabulary}},
        "unigram": {"model": {"type": "Unigram", "vocab": [[w, -1.0] for w in WORDS]}},
        "added": {
            "model": {"vocab": {w: i for w, i in vocabulary.items() if i < 6}},
            "added_tokens": [{"id": 6, "content": "z"}],
        },
        "plain": vocabulary,
        "list": list(WORDS),
    }.items():
        (tmp_path / name).write_text(json.dumps(content))
        assert read_tokens(tmp_path / name) == list(WORDS), name


def test_tokenizer_json_that_the_tokenizers_library_writes(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    models = pytest.importorskip("tokenizers.models")
    made = tokenizers.Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="the"))
    made.add_tokens(["extra"])
    made.save(str(tmp_path / "tokenizer.json"))
    assert read_tokens(tmp_path / "tokenizer.json") == [*WORDS, "extra"]


def test_a_vocabulary_of_lines_may_begin_with_a_bracket(tmp_path):
    for first in ("[PAD]\n[unused0]\n", "[\na\n", "{\nx\n", "[1]\n[2]\n"):
        (tmp_path / "vocab.txt").write_text(first + "\n".join(WORDS) + "\n", encoding="utf-8")
        assert read_tokens(tmp_path / "vocab.txt") == [*first.split(), *WORDS]
    (tmp_path / "list").write_text(' [\n"a",\n"[PAD]"]')
    assert read_tokens(tmp_path / "list") == ["a", "[PAD]"]


def test_tokens_from_parquet_by_row_or_by_id(tmp_path):
    polars = pytest.importorskip("polars")
    polars.DataFrame({"token": WORDS}).write_parquet(tmp_path / "t")
    assert read_tokens(tmp_path / "t") == list(WORDS)
    polars.DataFrame({"id": range(6, -1, -1), "token": WORDS}).write_parquet(tmp_path / "t")
    assert read_tokens(tmp_path / "t") == list(reversed(WORDS))
    for wrong, words in (
        ({"id": [0, 2], "token": ["a", "b"]}, "from 0 to 1"),
        ({"x": [1.0]}, "column of text"),
    ):
        polars.DataFrame(wrong).write_parquet(tmp_path / "t")
        with pytest.raises(InputError, match=words):
            read_tokens(tmp_path / "t")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"{", "truncated"),
        (b'{"model": {}}', "without a vocabulary"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b'{"a": 99999999999}', "ids are not integers"),
        (b'{"a": -1}', "ids are not integers"),
        (b"[1, 2]", "not of tokens"),
    ],
)
def test_broken_vocabularies_are_one_sentence(tmp_path, content, words):
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_tokens(tmp_path / "v")


def test_more_tokens_than_rows_are_refused_and_fewer_are_noted(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "v").write_text("\n".join([*WORDS, "more"]))
    with pytest.raises(InputError, match=r"8 tokens, .* only 7 rows"):
        read_embeddings(tmp_path / "x.npy", tokens=tmp_path / "v")
    (tmp_path / "v").write_text("\n".join(WORDS[:5]))
    found = read_embeddings(tmp_path / "x.npy", tokens=tmp_path / "v")
    assert "last 2 rows have no token" in found.notes[0]
