"""A model's folder: the right matrix is found among others, tied or not is compared, nothing else is read."""

import json
import os

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.model_folder import (
    is_model_folder,
    list_candidates,
    read_model_folder,
)

N, D = 60, 8
RANDOM = np.random.default_rng(0)
E = RANDOM.normal(size=(N, D)).astype(np.float32)
TOKENS = [f"Ġw{i}" for i in range(N)]
BODY = {
    "wpe.weight": RANDOM.normal(size=(16, D)).astype(np.float32),
    "h.0.mlp.weight": RANDOM.normal(size=(D, 4 * D)).astype(np.float32),
    "ln.weight": np.ones(D, dtype=np.float32),
}


@pytest.fixture
def folder(tmp_path):
    def make(tensors, tokens=TOKENS, **config):
        save_file({**BODY, **tensors}, tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "gpt2", **config}))
        if tokens:
            vocabulary = {t: i for i, t in enumerate(tokens)}
            (tmp_path / "tokenizer.json").write_text(json.dumps({"model": {"vocab": vocabulary}}))
        return tmp_path

    return make


def test_the_matrix_with_a_row_for_each_token_is_chosen_and_said(folder):
    found = read_model_folder(folder({"wte.weight": E}, tie_word_embeddings=True))
    np.testing.assert_array_equal(found.embeddings.vectors, E)
    assert isinstance(found.embeddings.vectors, np.memmap)
    assert found.embeddings.tokens == tuple(TOKENS) and found.model_type == "gpt2"
    assert [c.name for c in found.candidates] == ["wte.weight"] and found.others == 3
    assert found.tied is None and found.output is None
    assert "wte.weight (60, 8) F32 in model.safetensors" in found.embeddings.notes[0]
    assert found.embeddings.notes[1].endswith("none in the files (config.json: tie_word_embeddings = true)")


def test_rows_that_fill_a_round_number_have_no_token(folder):
    padded = np.vstack([E, np.zeros((4, D), dtype=np.float32)])
    found = read_model_folder(folder({"wte.weight": padded}))
    assert found.embeddings.vectors.shape == (64, D) and len(found.embeddings.tokens) == N
    assert found.embeddings.notes[-1] == "the last 4 rows have no token in tokenizer.json"
    with pytest.raises(InputError, match="no row for each token"):
        read_model_folder(folder({"wte.weight": np.vstack([E, E])}))


@pytest.mark.parametrize(("shift", "tied"), [(0.0, True), (0.25, False)])
def test_output_rows_are_compared_and_never_assumed(folder, shift, tied):
    output = E.copy()
    output[-1, -1] += shift
    # the config says the contrary each time
    path = folder({"wte.weight": E, "lm_head.weight": output}, tie_word_embeddings=not tied)
    found = read_model_folder(path)
    assert found.tied is tied and found.output.name == "lm_head.weight"
    np.testing.assert_array_equal(found.output.read(), output)
    assert ("(tied)" if tied else "not tied: they differ by up to 0.25") in found.embeddings.notes[1]


def test_a_choice_is_an_error_that_lists_the_candidates_and_tensor_decides(folder):
    path = folder({"encoder.embed_tokens.weight": E, "decoder.embed_tokens.weight": 2 * E})
    with pytest.raises(InputError, match=r"say with tensor .*decoder.embed_tokens.weight \(60, 8\)"):
        read_model_folder(path)
    found = read_model_folder(path, "decoder.embed_tokens.weight")
    np.testing.assert_array_equal(found.embeddings.vectors, 2 * E)
    assert found.candidates[0].name == "decoder.embed_tokens.weight"
    with pytest.raises(InputError, match=r"did you mean 'encoder.embed_tokens.weight'"):
        read_model_folder(path, "encoder.embed_token.weight")


def test_copies_of_one_matrix_are_no_choice(folder):
    found = read_model_folder(folder({"shared.weight": E, "encoder.embed_tokens.weight": E}))
    np.testing.assert_array_equal(found.embeddings.vectors, E)


def test_the_list_has_a_line_for_each_candidate_and_one_for_the_rest(folder):
    path = folder({"wte.weight": E, "lm_head.weight": E})
    assert list_candidates(path) == (
        "lm_head.weight (60, 8) F32 in model.safetensors: output",
        "wte.weight (60, 8) F32 in model.safetensors: embeddings",
        "and 3 other tensors",
    )


def test_a_model_in_parts_is_read_by_its_index_and_nothing_outside_the_folder(folder, tmp_path):
    path = folder({})
    (path / "model.safetensors").unlink()
    save_torch({"wte.weight": torch.tensor(E).bfloat16()}, path / "model-1-of-2.safetensors")
    save_file(BODY, path / "model-2-of-2.safetensors")
    save_file({"wte.weight": 3 * E}, path / "other.safetensors")  # not in the index
    parts = {"wte.weight": "model-1-of-2.safetensors"} | dict.fromkeys(BODY, "model-2-of-2.safetensors")
    index = path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": parts}))
    found = read_model_folder(path)
    np.testing.assert_allclose(found.embeddings.vectors, E, rtol=1e-2)
    for wrong in (
        {"a": "../secret.safetensors"},
        {"a": 3},
        {"a": []},
        {"a": "x"},
        {"a": "\n"},
        {},
        [1],
        None,
    ):
        index.write_text(json.dumps({"weight_map": wrong}))
        with pytest.raises(InputError, match="weight_map"):
            read_model_folder(path)
    index.write_text(json.dumps({"weight_map": {"a": "missing.safetensors"}}))
    with pytest.raises(InputError, match="does not exist"):
        read_model_folder(path)


def test_without_a_vocabulary_the_config_counts_the_rows_and_without_both_the_name_decides(folder):
    found = read_model_folder(folder({"wte.weight": E, "x.weight": E[:-1]}, tokens=None, vocab_size=N))
    assert found.embeddings.tokens is None and found.embeddings.notes[-1].startswith("no vocabulary")
    found = read_model_folder(folder({"wte.weight": E}, tokens=None))
    assert found.candidates[0].name == "wte.weight"


def test_folders_without_safetensors_say_what_they_have(tmp_path):
    with pytest.raises(InputError, match="holds no"):
        read_model_folder(tmp_path)
    torch.save({"wte.weight": torch.tensor(E)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match=r"it has pytorch_model.bin: give this file itself"):
        read_model_folder(tmp_path)
    with pytest.raises(InputError, match="is no folder"):
        list_candidates(tmp_path / "pytorch_model.bin")


def test_a_folder_inside_is_found_and_a_record_of_ours_is_no_model(folder, tmp_path):
    path = folder({"wte.weight": E})
    inner = path / "0_Transformer"
    inner.mkdir()
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        os.rename(path / name, inner / name)
    assert is_model_folder(path) and read_model_folder(path).path == inner
    save_file({"W": E}, tmp_path / "weights.safetensors")
    assert not is_model_folder(tmp_path)


def test_a_damaged_config_is_one_sentence(folder):
    path = folder({"wte.weight": E})
    for content in ("[1]", "{", "[" * 100_000):
        (path / "config.json").write_text(content)
        with pytest.raises(InputError, match=r"config\.json"):
            read_model_folder(path)
