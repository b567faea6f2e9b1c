"""word2vec and GloVe as their writers write them."""

import numpy as np
import pytest

from feature_collapse.metrics import read_embeddings
from metrics.readers.written import WORDS, X, word2vec


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
