"""The embeddings of the readers' tests, files of word2vec, and what a refusal must be."""

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.metrics import read_embeddings

X = np.random.default_rng(0).normal(size=(7, 4)).astype(np.float32)
WORDS = ("the", "naïve", "日本", ",", "a-b", "Ünï", "z")


def refused(path, words, **options):
    with pytest.raises(InputError, match=words) as caught:
        read_embeddings(path, **options)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message
    return message


def word2vec(path, binary, end=b"\n"):
    with open(path, "wb") as file:
        file.write(b"7 4\n")
        for word, row in zip(WORDS, X, strict=True):
            values = row.tobytes() if binary else " ".join(repr(float(v)) for v in row).encode()
            file.write(word.encode() + b" " + values + end)
