""".npy and .npz as NumPy writes them."""

import os

import numpy as np

from feature_collapse.metrics import read_embeddings
from metrics.readers.written import WORDS, X, refused


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


def test_wrong_shapes_and_types_are_named(tmp_path):
    for array, words in (
        (X[0], r"shape \(4,\)"),
        (X[None], r"\(1, 7, 4\)"),
        (np.zeros((0, 4)), "N ≥ 1"),
        (X.astype(complex), "complex"),
    ):
        np.save(tmp_path / "x.npy", array)
        refused(tmp_path / "x.npy", words)
