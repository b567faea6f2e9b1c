import errno
import json
import os
import stat

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from feature_collapse.errors import InputError
from feature_collapse.experiments.folder import prepare_folder
from feature_collapse.experiments.record import FILES, read_record
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.files import locked
from feature_collapse.reports.reproduction import save_record_pictures
from feature_collapse.task import make_task

SMALL = Settings(n_w=12, K=6, L=3, d=4, epochs=3, batch_size=10)


@pytest.fixture
def record(tmp_path):
    return run(SMALL, tmp_path / "r", device="cpu")


def test_a_record_holds_what_the_format_says(record):
    weights, task = (load_file(record.path / f"{name}.safetensors") for name in ("weights", "task"))
    assert weights["W"].shape == (12, 4)
    assert weights["U"].shape == (6, 3, 4)
    shapes = {name: tensor.shape for name, tensor in task.items()}
    assert shapes == {"latents": (6, 3), "mu": (4,), "train_sentences": (30, 3), "train_labels": (30,),
                      "test_sentences": (30, 3), "test_labels": (30,)}  # fmt: skip
    assert sorted(p.name for p in record.path.iterdir()) == sorted(FILES)
    assert len((record.path / "history.csv").read_text().splitlines()) == 1 + 3


def test_the_summary_can_be_recomputed_from_the_files_without_our_code(record):
    weights, task = (load_file(record.path / f"{name}.safetensors") for name in ("weights", "task"))
    W, U = (weights[name].astype(np.float64) for name in ("W", "U"))
    scores = np.einsum("kld,nld->nk", U, W[task["train_sentences"]])
    top = scores.max(axis=1)
    losses = (
        np.log(np.exp(scores - top[:, None]).sum(axis=1)) + top - scores[np.arange(30), task["train_labels"]]
    )
    risk = losses.mean() + 0.5e-3 * ((W**2).sum() + (U**2).sum())
    assert record.summary["risk"] == pytest.approx(risk, rel=1e-6)  # weights and scores are float32
    assert record.summary["singular_values_W"] == pytest.approx(np.linalg.svd(W)[1].tolist(), rel=1e-6)
    assert record.summary["train_accuracy"] == np.mean(scores.argmax(axis=1) == task["train_labels"])


def test_a_finished_record_is_reused_and_not_run_again(record, monkeypatch):
    monkeypatch.setattr("feature_collapse.experiments.run.train_sgd", None)
    assert run(SMALL, record.path, device="cpu").summary == record.summary


def test_a_folder_of_other_settings_is_refused_and_left_alone(record):
    before = {p.name: p.read_bytes() for p in record.path.iterdir()}
    with pytest.raises(InputError, match="other settings"):
        run(SMALL.replace(seed=1), record.path)
    assert {p.name: p.read_bytes() for p in record.path.iterdir()} == before


def test_a_folder_that_holds_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match=r"holds other things \('thesis.tex'\)"):
        run(SMALL, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_record_from_before_a_setting_was_added_is_still_the_same_run(record):
    config = json.loads((record.path / "config.json").read_text())
    del config["settings"]["init_scale"]
    (record.path / "config.json").write_text(json.dumps(config | {"key": "of an earlier version"}))
    assert run(SMALL, record.path).summary == record.summary
    with pytest.raises(InputError, match="other settings"):
        run(SMALL.replace(init_scale=0.5), record.path)


def test_a_folder_in_use_by_another_run_is_refused(tmp_path):
    with locked(tmp_path), pytest.raises(InputError, match="in use by another run"):
        run(SMALL, tmp_path)
    assert run(SMALL, tmp_path).settings == SMALL


def test_files_of_a_record_without_its_config_are_refused(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"without its config.json"):
        prepare_folder(tmp_path, "key")


def test_the_remains_of_a_killed_write_are_removed(tmp_path):
    (tmp_path / ".weights.safetensors.abcd1234.part").write_bytes(b"half")
    assert not prepare_folder(tmp_path, "key")
    assert not list(tmp_path.iterdir())


def test_a_hidden_file_that_is_not_our_own_half_written_one_is_not_removed(tmp_path):
    (tmp_path / ".config.json.original").write_text("mine")
    run(SMALL, tmp_path, device="cpu")
    assert (tmp_path / ".config.json.original").read_text() == "mine"


@pytest.mark.parametrize(("mask", "file", "folder"), [(0o022, 0o644, 0o755), (0o077, 0o600, 0o700)])
@pytest.mark.parametrize("method", ["sgd", "certified"])
def test_a_record_is_as_private_as_the_user_wants(tmp_path, method, mask, file, folder):
    before = os.umask(mask)
    try:
        record = run(SMALL.replace(method=method), tmp_path / "above" / "r", device="cpu")
        save_record_pictures(record)
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in record.path.iterdir()}
    assert len(modes) > len(FILES)
    assert set(modes.values()) == {file}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (record.path, record.path.parent)} == {folder}


def test_an_output_folder_that_is_a_file_or_below_one_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        run(SMALL, tmp_path / "file")
    with pytest.raises(InputError, match="file' is a file"):
        run(SMALL, tmp_path / "file" / "below")


@pytest.mark.parametrize("name", ["weights.safetensors", "task.safetensors", "summary.json", "config.json"])
def test_a_truncated_file_is_told(record, name):
    path = record.path / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=f"{name} looks like .* truncated or damaged"):
        read_record(record.path)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_told(record, name):
    (record.path / name).unlink()
    with pytest.raises(InputError, match=f"has no {name}"):
        read_record(record.path)


def test_a_history_that_is_not_numbers_is_told(record):
    (record.path / "history.csv").write_text("epoch,loss\n1,high\n")
    with pytest.raises(InputError, match="is not a history"):
        read_record(record.path)


@pytest.mark.parametrize(
    "change",
    [
        {"W": np.zeros((11, 4), np.float32)},
        {"U": np.zeros((6, 2, 4), np.float32)},
        {"W": np.full((12, 4), np.nan, np.float32)},
    ],
)
def test_weights_of_another_task_are_told(record, change):
    path = record.path / "weights.safetensors"
    save_file(load_file(path) | change, path)
    with pytest.raises(InputError, match="do not belong together"):
        read_record(record.path)


@pytest.mark.parametrize("kind", ["latents", "train_sentences", "test_labels", "mu"])
def test_a_task_of_foreign_numbers_is_told(record, kind):
    path = record.path / "task.safetensors"
    tensors = load_file(path)
    tensors[kind] = -tensors[kind] if kind == "mu" else tensors[kind].astype(float)
    save_file(tensors, path)
    with pytest.raises(InputError, match=r"foreign type|do not belong together"):
        read_record(record.path)


@pytest.mark.parametrize(
    "change", [{"test_accuracy": None}, {"risk": "x"}, {"seconds": float("nan")}, {"singular_values_W": 3}]
)
def test_a_summary_without_the_results_is_told(record, change):
    path = record.path / "summary.json"
    path.write_text(json.dumps(record.summary | change))
    with pytest.raises(InputError, match=f"summary.json has {next(iter(change))}"):
        read_record(record.path)


@pytest.mark.parametrize("names", [[1], {"concepts": ["one"]}, {"words": 3}])
def test_names_of_another_vocabulary_are_told(record, names):
    (record.path / "config.json").write_text(json.dumps(record.config | {"names": names}))
    with pytest.raises(InputError, match="names"):
        read_record(record.path)


def test_a_config_with_another_number_of_classes_is_told(record):
    settings = record.config["settings"] | {"K": record.settings.K + 1}
    (record.path / "config.json").write_text(json.dumps(record.config | {"settings": settings}))
    with pytest.raises(InputError, match="do not belong together"):
        read_record(record.path)


def test_a_foreign_config_is_told(record):
    (record.path / "config.json").write_text(json.dumps({"model": "gpt"}))
    with pytest.raises(InputError, match=r"config.json is not of format 1"):
        read_record(record.path)


def test_a_full_disk_leaves_no_half_written_file_and_the_run_goes_on_later(tmp_path, monkeypatch):
    def full(fd):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("feature_collapse.files.os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            run(SMALL, tmp_path / "r")
    assert not list((tmp_path / "r").iterdir())
    assert run(SMALL, tmp_path / "r").summary["seconds"] > 0


def test_a_record_is_read_where_its_vocabulary_file_is_gone(tmp_path):
    csv = tmp_path / "own.csv"
    csv.write_text("word,concept,frequency\nx,a,1\ny,a,3\nu,b,1\nv,b,1\n")
    run(SMALL.replace(vocabulary=str(csv), n_w=4), tmp_path / "r")
    csv.unlink()
    record = read_record(tmp_path / "r")
    assert record.config["names"]["words"] == ["y", "x", "u", "v"]
    assert (record.settings.n_c, record.settings.n_w) == (2, 4)


def test_another_vocabulary_under_the_same_name_is_another_run(tmp_path):
    csv = tmp_path / "own.csv"
    csv.write_text("word,concept,frequency\nx,a,1\ny,a,3\nu,b,1\nv,b,1\n")
    settings = SMALL.replace(vocabulary=str(csv), n_w=4)
    run(settings, tmp_path / "r")
    csv.write_text("word,concept,frequency\nx,a,1\ny,a,9\nu,b,1\nv,b,1\n")
    with pytest.raises(InputError, match="other settings"):
        run(settings, tmp_path / "r")


def test_the_stored_task_is_the_one_of_the_settings(record):
    task = make_task(3, 12, 3, 6)
    np.testing.assert_array_equal(record.task.latents, task.latents)
    np.testing.assert_array_equal(record.train.words, task.train_set(5).words)
