"""Latents from a file: in settings, TOML, on the command line, and in records, which hold them."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file

from feature_collapse.errors import InputError
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.record import read_record
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings

ROWS = np.array([[0, 1, 2], [1, 2, 0], [2, 0, 1], [0, 0, 1]])
SMALL = {"n_w": 12, "d": 4, "epochs": 3, "batch_size": 10}


def write(path, rows=ROWS):
    path.write_text("\n".join(" ".join(map(str, row)) for row in rows.tolist()))
    return str(path)


@pytest.mark.parametrize("method", ["sgd", "certified"])
def test_a_record_holds_the_latents_and_is_read_without_their_file(tmp_path, method):
    file = write(tmp_path / "own.txt")
    run(Settings(**SMALL, method=method, latents=file), tmp_path / "r", device="cpu")
    (tmp_path / "own.txt").unlink()
    record = read_record(tmp_path / "r")
    np.testing.assert_array_equal(load_file(tmp_path / "r" / "task.safetensors")["latents"], ROWS)
    np.testing.assert_array_equal(record.task.latents, ROWS)
    assert (record.settings.K, record.settings.L) == (4, 3)
    assert json.loads((tmp_path / "r" / "config.json").read_text())["settings"]["latents"] == file


def test_the_key_changes_with_the_content_and_not_with_the_name(tmp_path):
    key = Experiment.of(Settings(**SMALL, latents=write(tmp_path / "a"))).key
    assert Experiment.of(Settings(**SMALL, latents=write(tmp_path / "b"))).key == key
    other = write(tmp_path / "a", ROWS[::-1])
    assert Experiment.of(Settings(**SMALL, latents=other)).key != key


def test_other_latents_under_the_same_name_are_another_run(tmp_path):
    settings = Settings(**SMALL, latents=write(tmp_path / "own.txt"))
    run(settings, tmp_path / "r", device="cpu")
    write(tmp_path / "own.txt", ROWS[::-1])
    with pytest.raises(InputError, match="other settings"):
        run(settings, tmp_path / "r", device="cpu")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"L": 5}, "L = 5, but latents = .* has 3"),
        ({"K": 7}, "K = 7, but latents = .* has 4"),
        ({"design": "all"}, "latents and design = 'all' exclude each other"),
        ({"n_c": 2}, "must have 0 to n_c - 1 = 1"),
    ],
)
def test_settings_that_contradict_the_file_are_refused(tmp_path, more, message):
    with pytest.raises(InputError, match=message):
        Experiment.of(Settings(**SMALL, latents=write(tmp_path / "own.txt"), **more))


@pytest.mark.parametrize("more", [{"n_w": 12}, {"n_c": 2}, {"word_law": "zipf"}])
def test_settings_that_contradict_a_vocabulary_are_refused(more):
    with pytest.raises(InputError, match=r"but vocabulary = 'food' has|exclude each other"):
        Experiment.of(Settings(vocabulary="food", **more))


def test_the_loss_is_cross_entropy_and_a_sentence_says_so():
    assert Settings(loss="cross-entropy").loss == Settings().loss
    with pytest.raises(InputError, match="loss = 'mse', but must be cross-entropy"):
        Settings(loss="mse")


SHAPE = ("--n-w", "12", "--latents", "own.txt")
COMMANDS = [
    ("theory", *SHAPE, "--json"),
    ("limit", *SHAPE, "--json"),
    ("task", *SHAPE, "--json"),
    ("train", *SHAPE, "--d", "4", "--epochs", "2", "--out", "r"),
    ("solve", *SHAPE, "--d", "4", "--out", "r"),
    ("path", *SHAPE, "--d", "4", "--count", "2", "--lambda", "0.01", "--out", "r"),
    ("train", "--settings", "own.toml", "--out", "r"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c[:2]))
def test_every_command_takes_latents_from_a_file_and_reads_them(command_line, tmp_path, command):
    write(tmp_path / "own.txt")
    (tmp_path / "own.toml").write_text('n_w = 12\nd = 4\nepochs = 2\nlatents = "own.txt"\n')
    code, out, err = command_line(*command)
    assert code == 0, err
    if command[0] == "theory":
        assert (json.loads(out)["inputs"]["K"], json.loads(out)["inputs"]["L"]) == (4, 3)
    if command[0] == "task":
        assert json.loads(out)["latents"][0] == ["c1", "c2", "c3"]
    write(tmp_path / "own.txt", ROWS + 7)
    code, _, err = command_line(*command)  # control: the file is what counts
    assert code == 2
    assert "latents = 'own.txt' cannot be used" in err
