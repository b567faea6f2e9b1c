"""Truncated, damaged, foreign and hostile files are one sentence each."""

import struct
import zipfile

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from feature_collapse.errors import InputError
from feature_collapse.metrics import read_embeddings
from metrics.readers.written import X, refused, word2vec


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
