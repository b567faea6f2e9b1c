"""One noun reads a file or a model's folder with groups and frequencies, by file or by name."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from feature_collapse.errors import InputError
from feature_collapse.metrics.readers import Source
from metrics.readers.written import WORDS, X


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    rows = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    save_file({"wte.weight": rows}, folder / "model.safetensors")
    vocabulary = {f"Ġw{chr(97 + i)}": i for i in range(26)} | {"a": 26, "<s>": 27, "Ġ12": 28, "Ġ-": 29}
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
    return folder


def test_a_models_folder_needs_neither_groups_nor_frequencies_as_files(model):
    embeddings, found = Source("bins", frequencies="rank").read(model)
    assert embeddings.vectors.shape == (30, 4) and len(found.rows) == 28  # words: no piece, no <s>
    assert len(set(found.concepts)) == 10 and found.frequencies[0] == 1.0
    text = " ".join(found.notes)
    for said in ("wte.weight (30, 4)", "output rows: none", "28 of 28 words (30 tokens)", "a proxy"):
        assert said in text


def test_words_of_a_groups_file_are_found_as_the_model_writes_them_unless_exact(model, tmp_path):
    (tmp_path / "g.csv").write_text("wa,k\nwb,k\na,j\n")
    np.testing.assert_array_equal(Source(tmp_path / "g.csv").read(model)[1].rows, [0, 1, 26])
    exact = Source(tmp_path / "g.csv", exact=True).read(model)[1]
    np.testing.assert_array_equal(exact.rows, [26])
    assert exact.missing == ("wa", "wb")


def test_a_file_of_embeddings_takes_the_same_options(tmp_path):
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    (tmp_path / "f.csv").write_text("the,3\nz,1\n")
    source = Source("script", frequencies=tmp_path / "f.csv", tokens=tmp_path / "vocab.txt")
    found = source.read(tmp_path / "x.npy")[1]
    assert found.entities == ("the", "z") and found.concepts == ("latin", "latin")
    np.testing.assert_array_equal(found.frequencies, [3, 1])


def test_frequencies_in_two_places_are_an_error(model, tmp_path):
    (tmp_path / "g.csv").write_text("entity,concept,frequency\nwa,k,1\n")
    with pytest.raises(InputError, match="states them"):
        Source(tmp_path / "g.csv", frequencies="rank").read(model)
