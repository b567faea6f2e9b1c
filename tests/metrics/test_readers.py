"""Every reader: what the usual writer wrote comes back; every broken file gets one clear sentence."""

import builtins
import csv
import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

from feature_collapse.errors import InputError
from feature_collapse.metrics import read_embeddings, read_groups, read_tokens, select
from feature_collapse.metrics.readers.embeddings import Embeddings

X = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
WORDS = ("the", "naïve", "日本", ",", "a-b", "Ünï", "z")


def refused(path, words, **options):
    with pytest.raises(InputError, match=words) as caught:
        read_embeddings(path, **options)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


@pytest.fixture
def tripwire(tmp_path):
    """An object whose unpickling would create a file."""
    mark = tmp_path / "executed"

    class Evil:
        def __reduce__(self):
            return (os.system, (f"touch {mark}",))

    yield Evil()
    assert not mark.exists()


def test_npy_is_read_as_a_memory_map(tmp_path):
    np.save(tmp_path / "a.bin", X)
    os.rename(tmp_path / "a.bin.npy", tmp_path / "a.bin")  # the suffix is not asked
    found = read_embeddings(tmp_path / "a.bin")
    assert isinstance(found.vectors, np.memmap)
    np.testing.assert_array_equal(found.vectors, X)


def test_npz_is_read_by_name_and_words_beside_the_matrix_name_its_rows(tmp_path):
    np.savez(tmp_path / "a.npz", emb=X, words=np.array(WORDS), bias=X[0])
    found = read_embeddings(tmp_path / "a.npz")
    np.testing.assert_array_equal(found.vectors, X)
    assert found.tokens == WORDS
    np.savez_compressed(tmp_path / "b.npz", left=X, right=2 * X)
    np.testing.assert_array_equal(read_embeddings(tmp_path / "b.npz", "right").vectors, 2 * X)
    message = refused(tmp_path / "b.npz", "2 matrices")
    assert "left (7, 4)" in message and "right (7, 4)" in message


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_safetensors_of_every_float_type(tmp_path, dtype):
    tensor = torch.tensor(X).to(dtype)
    save_torch(
        {"model.embed.weight": tensor, "norm": tensor[0].clone()},
        tmp_path / "m.safetensors",
        {"format": "pt"},
    )
    found = read_embeddings(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(np.asarray(found.vectors, dtype=np.float64), tensor.double().numpy())
    assert dtype == torch.bfloat16 or isinstance(found.vectors, np.memmap)


def test_a_missing_tensor_lists_the_names_and_the_nearest(tmp_path):
    save_file({"wte.weight": X, "wpe.weight": X}, tmp_path / "m.safetensors")
    message = refused(tmp_path / "m.safetensors", "did you mean 'wte.weight'", tensor="wte.weigth")
    assert "wpe.weight (7, 4)" in message
    refused(tmp_path / "m.safetensors", "say which one")


@pytest.mark.parametrize("zipped", [True, False])
def test_pytorch_state_dicts_also_nested_and_of_the_old_format(tmp_path, zipped):
    state = {"epoch": 3, "model": torch.nn.Embedding(7, 4).state_dict()}
    torch.save(state, tmp_path / "m.pt", _use_new_zipfile_serialization=zipped)
    found = read_embeddings(tmp_path / "m.pt", "model.weight")
    np.testing.assert_array_equal(found.vectors, state["model"]["weight"].numpy())
    torch.save(torch.tensor(X), tmp_path / "t.pt", _use_new_zipfile_serialization=zipped)
    np.testing.assert_array_equal(read_embeddings(tmp_path / "t.pt").vectors, X)


def word2vec(path, binary, end=b"\n"):
    with open(path, "wb") as file:
        file.write(b"7 4\n")
        for word, row in zip(WORDS, X, strict=True):
            values = row.tobytes() if binary else " ".join(repr(float(v)) for v in row).encode()
            file.write(word.encode() + b" " + values + end)


@pytest.mark.parametrize("end", [b"\n", b""])
def test_word2vec_binary_with_and_without_line_ends(tmp_path, end):
    word2vec(tmp_path / "v", True, end)
    found = read_embeddings(tmp_path / "v")
    np.testing.assert_array_equal(found.vectors, X)
    assert found.tokens == WORDS


@pytest.mark.parametrize("end", [b"\n", b" \n", b"\r\n"])
def test_word2vec_text(tmp_path, end):
    word2vec(tmp_path / "v", False, end)
    found = read_embeddings(tmp_path / "v")
    np.testing.assert_array_equal(found.vectors, X)
    assert found.tokens == WORDS


@pytest.mark.parametrize("binary", [True, False])
def test_word2vec_files_that_gensim_writes(tmp_path, binary):
    gensim = pytest.importorskip("gensim.models")
    vectors = gensim.KeyedVectors(4)
    vectors.add_vectors(list(WORDS), X)
    vectors.save_word2vec_format(str(tmp_path / "v"), binary=binary)
    found = read_embeddings(tmp_path / "v")
    np.testing.assert_allclose(found.vectors, X, rtol=1e-6)
    assert found.tokens == WORDS


def test_glove_text_also_with_a_comma_first_and_spaces_in_words(tmp_path):
    words = (",", "the", ". . .")
    text = "".join(
        f"{w} {' '.join(str(float(v)) for v in row)}\n" for w, row in zip(words, X[:3], strict=True)
    )
    (tmp_path / "g.txt").write_text(text, encoding="utf-8")
    found = read_embeddings(tmp_path / "g.txt")
    np.testing.assert_allclose(found.vectors, X[:3], rtol=1e-6)
    assert found.tokens == words


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("header", [True, False])
def test_csv_with_names(tmp_path, delimiter, header):
    with (tmp_path / "t").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        if header:
            writer.writerow(["word", *(f"x{i}" for i in range(4))])
        writer.writerows([w, *row] for w, row in zip(WORDS, X.tolist(), strict=True))
    found = read_embeddings(tmp_path / "t")
    np.testing.assert_allclose(found.vectors, X)
    assert found.tokens == WORDS


def test_csv_without_names_and_with_numbers_as_names(tmp_path):
    np.savetxt(tmp_path / "n.csv", X, delimiter=",")
    found = read_embeddings(tmp_path / "n.csv")
    np.testing.assert_allclose(found.vectors, X)
    assert found.tokens is None
    rows = "\n".join(f"{i},{a},{b}" for i, (a, b) in enumerate(X[:, :2].tolist()))
    (tmp_path / "i.csv").write_text("id,a,b\n" + rows)
    assert read_embeddings(tmp_path / "i.csv").tokens == tuple("0123456")


def test_parquet_with_columns_and_with_lists(tmp_path):
    polars = pytest.importorskip("polars")
    columns = {f"x{i}": X[:, i] for i in range(4)}
    polars.DataFrame({"word": WORDS, **columns}).write_parquet(tmp_path / "c")
    polars.DataFrame({"word": WORDS, "vector": X.tolist()}).write_parquet(tmp_path / "l")
    for name in "cl":
        found = read_embeddings(tmp_path / name)
        np.testing.assert_allclose(found.vectors, X)
        assert found.tokens == WORDS
    polars.DataFrame({"word": WORDS, "v": X.tolist(), "w": X.tolist()}).write_parquet(tmp_path / "two")
    assert read_embeddings(tmp_path / "two", "w").vectors.shape == (7, 4)
    refused(tmp_path / "l", "'vec'", tensor="vec")
    polars.DataFrame({"word": ["a", "b"], "v": [[1.0], [1.0, 2.0]]}).write_parquet(tmp_path / "ragged")
    refused(tmp_path / "ragged", "one length")
    polars.DataFrame({"word": ["a", "b"], "x": [1.0, None]}).write_parquet(tmp_path / "gap")
    refused(tmp_path / "gap", "missing values")
    whole = (tmp_path / "c").read_bytes()
    (tmp_path / "c").write_bytes(whole[: len(whole) // 2])
    refused(tmp_path / "c", "truncated")


def test_parquet_without_polars_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "p").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
    original = builtins.__import__

    def without(name, *rest):
        if name == "polars":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"feature-collapse\[export\]"):
        read_embeddings(tmp_path / "p")


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


def test_a_pickle_that_would_execute_code_is_refused_and_not_executed(tmp_path, tripwire):
    torch.save({"w": torch.ones(2, 2), "evil": tripwire}, tmp_path / "zip.pt")
    torch.save(
        {"w": torch.ones(2, 2), "evil": tripwire}, tmp_path / "old.pt", _use_new_zipfile_serialization=False
    )
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"w": tripwire}))
    for name in ("zip.pt", "old.pt", "plain.pkl"):
        refused(tmp_path / name, "refused, nothing was executed")
    np.save(tmp_path / "o.npy", np.array([tripwire], dtype=object), allow_pickle=True)
    refused(tmp_path / "o.npy", "refused, nothing was executed")
    np.savez(tmp_path / "o.npz", a=np.array([tripwire], dtype=object))
    refused(tmp_path / "o.npz", "refused|holds no matrix", tensor="a")
    refused(tmp_path / "o.npz", "refused|holds no matrix")


def test_a_whole_module_is_refused(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "m.pt")
    refused(tmp_path / "m.pt", "state_dict")


def written(tmp_path):
    """One good file of every format."""
    np.save(tmp_path / "a.npy", X)
    np.savez(tmp_path / "a.npz", x=X)
    save_file({"x": X}, tmp_path / "a.safetensors")
    torch.save({"x": torch.tensor(X)}, tmp_path / "a.pt")
    torch.save({"x": torch.tensor(X)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    word2vec(tmp_path / "w2v.bin", True)
    word2vec(tmp_path / "w2v.txt", False)
    return sorted(tmp_path.iterdir())


def test_truncation_at_any_place_is_one_sentence(tmp_path):
    for path in written(tmp_path):
        whole = path.read_bytes()
        for k in sorted({1, 5, 9, 40, len(whole) // 4, len(whole) // 2, len(whole) - 9}):
            path.write_bytes(whole[:k])
            try:
                found = read_embeddings(path)
            except InputError as error:
                assert "\n" not in str(error)
            else:  # a text file whose last number lost digits cannot be told from a whole one
                assert path.name == "w2v.txt" and k == len(whole) - 9, (path.name, k, found)


def test_flipped_bytes_never_end_in_a_traceback(tmp_path):
    generator = np.random.default_rng(0)
    for path in written(tmp_path):
        whole = bytearray(path.read_bytes())
        for _ in range(25):
            broken = bytearray(whole)
            for at in generator.integers(min(len(whole), 300), size=3):
                broken[at] = generator.integers(256)
            path.write_bytes(broken)
            try:
                read_embeddings(path)
            except InputError as error:
                assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08" + bytes(20), "gzip"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"<!doctype html><html>", "HTML"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "Git LFS pointer"),
        (b"GGUF" + bytes(20), "GGUF"),
        (b"\x00\x01\x02\x03\xff" * 9, "no format that is known"),
        (b"just some words without numbers\n", "no format that is known"),
        (b'{"a": 1}', "JSON"),
        (b"a,b\n", "no rows|numbers"),
        (b"a,1,2\nb,3\n", "line 2 does not have 2 numbers"),
        (b"a,1,2\nb,3,x\n", "line 2"),
        (b"a 1 2\nb 3\n", "line 2 is not a word and 2 numbers"),
        (b"2 3\na 1.25 2.5 3.75\n", "says 2 words, but it has 1"),
        (b"99999999 9999999\na 1 2\n", "more than the file has"),
        (b"0 3\n\n", "0 words"),
        (b"3 4\n", "nothing follows"),
        (struct.pack("<Q", 50) + b"{" + bytes(10), "header should have 50 bytes"),
        (struct.pack("<Q", 8) + b"{broken}", "header is damaged"),
        (
            struct.pack("<Q", 62) + b'{"x":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}     ',
            "truncated",
        ),
        (
            struct.pack("<Q", 62)
            + b'{"x":{"dtype":"F32","shape":[2,9],"data_offsets":[0,16]}}     '
            + bytes(16),
            "16 bytes",
        ),
        (
            struct.pack("<Q", 62)
            + b'{"x":{"dtype":"F32","shape":[2,-2],"data_offsets":[0,16]}}    '
            + bytes(16),
            "damaged",
        ),
        (
            struct.pack("<Q", 62)
            + b'{"x":{"dtype":"F8_E4M3","shape":[4,4],"data_offsets":[0,16]}} '
            + bytes(16),
            "F8_E4M3",
        ),
        (struct.pack("<Q", 2) + b"{}", "no matrix"),
    ],
)
def test_foreign_and_damaged_files_are_one_sentence(tmp_path, content, words):
    (tmp_path / "f").write_bytes(content)
    refused(tmp_path / "f", words)


def test_foreign_archives_folders_and_missing_files(tmp_path):
    with zipfile.ZipFile(tmp_path / "z", "w") as archive:
        archive.writestr("hello.txt", "hi")
    refused(tmp_path / "z", "zip archive without arrays")
    refused(tmp_path, "is a folder")
    refused(tmp_path / "nothing", "does not exist")


def test_wrong_shapes_and_types_are_named(tmp_path):
    for array, words in (
        (X[0], r"shape \(4,\)"),
        (X[None], r"\(1, 7, 4\)"),
        (np.zeros((0, 4)), "N ≥ 1"),
        (X.astype(complex), "complex"),
    ):
        np.save(tmp_path / "x.npy", array)
        refused(tmp_path / "x.npy", words)


def groups_file(tmp_path, text):
    (tmp_path / "g.csv").write_text(text, encoding="utf-8")
    return tmp_path / "g.csv"


@pytest.mark.parametrize("header", ["entity,concept,frequency\n", "frequency,concept,entity\n", ""])
def test_groups_with_any_order_of_columns(tmp_path, header):
    first = header.startswith("frequency")
    text = header + ("3,k,the\n1,k,z\n" if first else "the,k,3\nz,k,1\n")
    found = read_groups(groups_file(tmp_path, "\ufeff" + text))
    assert (found.entities, found.concepts, found.frequencies) == (("the", "z"), ("k", "k"), (3.0, 1.0))


def test_missing_entities_are_counted_and_listed(tmp_path):
    groups = read_groups(groups_file(tmp_path, "the,a\nnobody,a\nz,b\nnone,b\n"))
    found = select(Embeddings(X, WORDS, "x"), groups)
    assert found.missing == ("nobody", "none")
    assert any("2 of 4 entities were not found: nobody, none" in n for n in found.notes)
    np.testing.assert_array_equal(found.rows, [0, 6])


def test_missing_entities_that_exist_with_a_tokenizers_mark_are_pointed_out(tmp_path):
    groups = read_groups(groups_file(tmp_path, "dog,a\nthe,a\n"))
    notes = select(Embeddings(X[:2], ("Ġdog", "the"), "x"), groups).notes
    assert any("'Ġdog'" in n for n in notes)


def test_rows_without_names_are_chosen_by_number(tmp_path):
    groups = read_groups(groups_file(tmp_path, "0,a\n6,a\n7,b\n"))
    found = select(Embeddings(X, None, "x"), groups)
    np.testing.assert_array_equal(found.rows, [0, 6])
    assert found.missing == ("7",)


def test_repeated_names_of_rows_are_noted(tmp_path):
    groups = read_groups(groups_file(tmp_path, "a,k\n"))
    found = select(Embeddings(X[:3], ("a", "a", "b"), "x"), groups)
    assert found.rows[0] == 0 and "1 row(s)" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("entity,concept\n", "no rows"),
        ("concept,thing\na,b\n", "must have entity"),
        ("a\nb\n", "1 column"),
        ("a,b,1,2\n", "4 column"),
        ("a,k\nb\n", "line 2"),
        ("a,k\n,k\n", "line 2 has an empty"),
        ("a,k,1\nb,k,x\n", "line 2 has frequency 'x'"),
        ("a,k,1\nb,k,-1\n", "frequency '-1'"),
        ("a,k,1\nb,k,nan\n", "frequency 'nan'"),
        ("a,k\na,j\n", "already given"),
    ],
)
def test_broken_groups_are_one_sentence(tmp_path, text, words):
    with pytest.raises(InputError, match=words):
        read_groups(groups_file(tmp_path, text))


def test_repeated_lines_are_read_once_and_noted(tmp_path):
    found = read_groups(groups_file(tmp_path, "a,k\na,k\nb,k\n"))
    assert found.entities == ("a", "b") and "1 repeated" in found.notes[0]


def test_no_entity_found_is_an_error_with_a_hint(tmp_path):
    groups = read_groups(groups_file(tmp_path, "teh,k\n"))
    with pytest.raises(InputError, match="did you mean 'the'"):
        select(Embeddings(X, WORDS, "x"), groups)
    with pytest.raises(InputError, match="row numbers from 0 to 6"):
        select(Embeddings(X, None, "x"), groups)
