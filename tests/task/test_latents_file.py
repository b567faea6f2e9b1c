"""Latents of one's own come from a file of any of three forms, and a wrong file is one sentence."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from feature_collapse.errors import InputError
from feature_collapse.task.latents_file import read_latents

ROWS = np.array([[0, 1, 2], [1, 2, 0], [2, 2, 1]])


def write(path, rows=ROWS):
    if path.suffix == ".npy":
        np.save(path, rows)
    elif path.suffix == ".safetensors":
        save_file({"latents": rows}, path)
    else:
        path.write_text("# three classes\n\n" + "\n".join(", ".join(map(str, row)) for row in rows.tolist()))
    return path


@pytest.mark.parametrize("name", ["z.txt", "z.csv", "z.npy", "z.safetensors"])
def test_every_form_gives_the_same_latents(tmp_path, name):
    np.testing.assert_array_equal(read_latents(write(tmp_path / name), 3), ROWS)


@pytest.mark.parametrize("name", ["z.txt", "z.npy", "z.safetensors"])
def test_a_concept_beyond_the_last_is_refused_in_every_form(tmp_path, name):
    with pytest.raises(InputError, match=r"must have 0 to n_c - 1 = 1"):
        read_latents(write(tmp_path / name), 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("z.txt", b"", "is empty"),
        ("z.txt", b"0 1\n0 1 1\n", "line 2 of .* has 3 numbers, the first 2"),
        ("z.txt", b"0 -1\n", "line 1 of .* whole numbers"),
        ("z.txt", b"0 1.5\n", "line 1 of .* whole numbers"),
        ("z.txt", b"0 99999999999999999999\n", "line 1 of .* whole numbers"),
        ("z.txt", b"\xff\xfe\x00", "not UTF-8"),
        ("z.npy", b"0 1\n", "looks like an array of NumPy"),
        ("z.safetensors", b"0 1\n", "looks like a safetensors file"),
    ],
)
def test_what_is_no_table_of_concepts_is_one_sentence(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_latents(tmp_path / name, 3)
    assert "\n" not in str(caught.value)


def test_a_file_without_latents_and_one_of_fractions_are_refused(tmp_path):
    save_file({"W": ROWS}, tmp_path / "w.safetensors")
    with pytest.raises(InputError, match="no tensor 'latents'"):
        read_latents(tmp_path / "w.safetensors", 3)
    with pytest.raises(InputError, match="type float64"):
        read_latents(write(tmp_path / "z.npy", ROWS / 2), 3)


def test_objects_in_an_array_are_never_unpickled(tmp_path):
    np.save(tmp_path / "z.npy", np.array([[{}]]), allow_pickle=True)
    with pytest.raises(InputError, match="cannot be used"):
        read_latents(tmp_path / "z.npy", 3)
