"""A table of one's own is measured as `measure` does, and a wrong or hostile file is one sentence."""

import io
import json

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.explorer.own_data import MOST_BYTES, Upload, read_own

rng = np.random.default_rng(0)
VECTORS = np.repeat(np.eye(3, 6), 8, axis=0) * rng.uniform(0.5, 2.0, (24, 1)) + 0.05 * rng.normal(
    size=(24, 6)
)
GROUPS = "entity,concept,frequency\n" + "\n".join(f"{i},g{i // 8},{1 + i % 8}" for i in range(24))


def npy(array):
    held = io.BytesIO()
    np.save(held, array, allow_pickle=True)
    return held.getvalue()


def groups(text=GROUPS):
    return Upload("groups.csv", text.encode())


def test_the_values_are_those_of_the_command_line(tmp_path, command_line):
    (tmp_path / "t.npy").write_bytes(npy(VECTORS))
    (tmp_path / "g.csv").write_text(GROUPS)
    code, out, _ = command_line("measure", "t.npy", "--groups", "g.csv", "--resamples", 0, "--json")
    assert code == 0
    found = read_own(Upload("t.npy", npy(VECTORS)), groups())
    for name, view in json.loads(out)["views"].items():
        for key, value in view["values"].items():
            ours = found.views[name].values[key]
            assert (value["value"] is None and not np.isfinite(ours)) or ours == pytest.approx(
                value["value"], rel=1e-6, abs=1e-9
            ), (name, key)


def test_a_normaliser_makes_lengths_equal_and_leaves_concepts_apart():
    found = read_own(Upload("t.npy", npy(VECTORS)), groups())
    assert np.ptp(found.views["none"].lengths) > 0.5
    assert np.ptp(found.views["sphere"].lengths) < 1e-9
    assert found.views["none"].same.sum() == pytest.approx(100.0)
    assert found.names == ("g0", "g1", "g2")


def archive(**arrays):
    held = io.BytesIO()
    np.savez_compressed(held, **arrays)
    return held.getvalue()


WRONG = {
    "empty": (b"", "is empty"),
    "page": (b"<html>", "markup"),
    "picture": (b"\x89PNG", "picture"),
    "pickle": (b"\x80\x04abc", "torch file, which the page does not take"),
    "objects": (npy(np.array([{}], dtype=object)), "pickled Python objects: refused"),
    "truncated": (npy(VECTORS)[:200], "truncated"),
    "too large": (b"x" * (MOST_BYTES + 1), "at most 4 MB"),
    "bomb": (archive(a=np.zeros((5000, 2000))), "unpacks to more than 32 MB"),
    "not finite": (npy(VECTORS * np.nan), "finite"),
    "wide": (npy(np.zeros((24, 20_000), dtype=np.float32)), "dimensions are selected"),
    "long": (b"a,1,2\n" * 20_001, "lines"),
    "foreign": (b"PAR1" + bytes(100), "parquet file, which the page does not take"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_table_is_one_sentence_with_its_own_name(name):
    content, says = WRONG[name]
    with pytest.raises(InputError) as caught:
        read_own(Upload("mine.bin", content), groups())
    sentence = str(caught.value)
    assert says in sentence
    assert "/proc" not in sentence and "\n" not in sentence and "/tmp" not in sentence


@pytest.mark.parametrize(
    "text", ["", "one column\n1\n", "entity,concept\n0\n", "entity,concept\n" + "0,a\n" * 30_000]
)
def test_wrong_groups_are_one_sentence(text):
    with pytest.raises(InputError) as caught:
        read_own(Upload("t.npy", npy(VECTORS)), Upload("g\x1b[2J.csv", text.encode()))
    assert "\x1b" not in str(caught.value)


def test_nothing_is_left_on_the_disk(tmp_path, monkeypatch):
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delattr("os.memfd_create", raising=False)  # as where there are no files without a name
    read_own(Upload("t.npy", npy(VECTORS)), groups())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scale", [1e-69, 1e69])
def test_the_scale_of_a_table_does_not_matter(scale):
    for name, view in read_own(Upload("t.npy", npy(VECTORS)), groups()).views.items():
        found = read_own(Upload("t.npy", npy(VECTORS * scale)), groups()).views[name]
        assert found.values.keys() == view.values.keys()
        for key in {"spread", "direction_spread", "type_I", "type_II", "type_III"} & view.values.keys():
            assert found.values[key] == pytest.approx(view.values[key], rel=1e-6, abs=1e-9, nan_ok=True), key


@pytest.mark.parametrize("row", [slice(None), 3])
def test_numbers_that_have_lost_their_digits_are_one_sentence_or_count_as_none(row):
    tiny = VECTORS.copy()
    tiny[row] *= 1e-310
    if row == 3:
        assert read_own(Upload("t.npy", npy(tiny)), groups()).views["layernorm"].lengths[3] == 0.0
    else:
        with pytest.raises(InputError, match="rescale it"):
            read_own(Upload("t.npy", npy(tiny)), groups())


def test_the_largest_table_needs_no_copy_of_its_rows_for_each_pair():
    import tracemalloc

    wide = npy(rng.normal(size=(976, 1024)).astype(np.float16))
    names = "entity,concept\n" + "\n".join(f"{i},g{i % 20}" for i in range(976))
    tracemalloc.start()
    found = read_own(Upload("t.npy", wide), groups(names))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.views["none"].different.sum() == pytest.approx(100.0)
    assert peak < 300e6  # with such copies 1.6 GB
