"""CSV and Parquet, with and without names."""

import csv

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.metrics import read_embeddings
from feature_collapse.metrics.readers import parquet
from metrics.readers.written import WORDS, X, refused


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
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"feature-collapse\[export\]"):
        read_embeddings(tmp_path / "p")
