"""The command and the page: what they print, and that a hostile file's words stay words."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from feature_collapse.cli.app import app
from feature_collapse.errors import InputError
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.figures.scene import Scene, short
from feature_collapse.metrics.measured import measure_file
from feature_collapse.metrics.report import distinct_views
from feature_collapse.reports.measurement import html_report
from metrics.planted import clusters, frame
from metrics.test_verdict import write_record

QUICK = ["--resamples", "20", "--shuffles", "20"]


@pytest.fixture
def files(tmp_path):
    x, y = clusters(4, 10, 6, 0.5, 0)
    np.save(tmp_path / "x.npy", x)
    rows = [f"{i},group {c},{1 + i % 5}" for i, c in enumerate(y)]
    (tmp_path / "g.csv").write_text("\n".join(["entity,concept,frequency", *rows, "77,group 0,1"]))
    return tmp_path / "x.npy", tmp_path / "g.csv"


def measured(*arguments):
    return CliRunner().invoke(app, ["measure", *map(str, arguments)])


def test_table_names_verdict_worst_concept_and_missing_entities(files):
    result = measured(files[0], "--groups", files[1], *QUICK)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "40 entities, 4 concepts, 6 dimensions" in text
    assert "1 of 41 entities were not found: 77" in text
    assert "group 0" in text and "as it is" in text


def test_json_is_strict_and_complete(files):
    result = measured(files[0], "--groups", files[1], "--json", *QUICK)
    found = json.loads(result.output, parse_constant=lambda c: pytest.fail(c))
    assert set(found["views"]) == {"none", "layernorm", "rmsnorm", "sphere"}
    value = found["views"]["none"]["values"]["spread"]
    assert value["low"] <= value["value"] <= value["high"] and 0 < value["p"] <= 1
    assert len(found["views"]["none"]["concepts"]) == 4


def test_report_is_one_file_that_fetches_nothing(files, tmp_path):
    result = measured(files[0], "--groups", files[1], "--report", tmp_path / "r.html", *QUICK)
    assert result.exit_code == 0, result.output
    page = (tmp_path / "r.html").read_text()
    assert "data:image/png;base64," in page
    assert not re.search(r"(src|href)=['\"](?!data:)", page) and "<script" not in page


def test_names_from_files_cannot_become_markup(tmp_path):
    x, y = clusters(3, 6, 5, 0.5, 0)
    np.save(tmp_path / "x.npy", x)
    names = ["<script>alert(1)</script>", "$\\frac{a", "[bold]日本\x1b[31m"]
    lines = [f'{i},"{names[c]}"' for i, c in enumerate(y)]
    (tmp_path / "g.csv").write_text("\n".join(lines), encoding="utf-8")
    page = html_report(measure_file(tmp_path / "x.npy", tmp_path / "g.csv", resamples=10, shuffles=10))
    assert "<script" not in page and "&lt;script&gt;" in page
    result = measured(tmp_path / "x.npy", "--groups", tmp_path / "g.csv", *QUICK)
    assert result.exit_code == 0 and "[bold]日本?" in result.output and "\x1b[31m" not in result.output


def test_every_one_of_seventeen_groups_has_a_look_of_its_own(tmp_path):
    """Version 0.1 (4f7d8b3) coloured the eight largest and drew the others grey."""
    x, y = clusters(17, 6, 6, 0.5, 0)
    np.save(tmp_path / "x.npy", x)
    (tmp_path / "g.csv").write_text("\n".join(f"{i},c{c}" for i, c in enumerate(y)))
    scene = Scene(measure_file(tmp_path / "x.npy", tmp_path / "g.csv", resamples=0, shuffles=0))
    axes = Figure().subplots()
    scene.scatter(axes, x[:, 0], x[:, 1])
    looks = {
        (tuple(c.get_facecolor()[0]), tuple(map(tuple, c.get_paths()[0].vertices))) for c in axes.collections
    }
    assert len(scene.coloured) == len(looks) == 17


def test_views_that_are_one_are_shown_once(files):
    report = measure_file(*files, resamples=0, shuffles=0).report
    assert list(distinct_views(report)) == ["as it is", "layernorm", "rmsnorm, sphere"]
    with_eps = measure_file(*files, resamples=0, shuffles=0, eps=0.1).report
    assert list(distinct_views(with_eps)) == ["as it is", "layernorm", "rmsnorm", "sphere"]


@pytest.mark.parametrize("more", [[], ["--full"]])
def test_tables_fit_eighty_columns(files, tmp_path, monkeypatch, more):
    monkeypatch.setenv("COLUMNS", "80")
    np.save(tmp_path / "y.npy", 1.5 * np.load(files[0]) ** 3)
    compared = ["--baseline", tmp_path / "y.npy", *more, *QUICK]
    result = measured(files[0], "--groups", files[1], *compared)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.output.splitlines())) <= 80 and "against the baseline" in result.output


def test_legend_names_are_short_and_printable():
    assert short("a" * 40) == "a" * 17 + "…"
    assert short("x\ny$") == r"x?y\$"


def test_pictures_are_drawn_for_odd_data_too(tmp_path):
    """Equal points, one concept, one dimension, many concepts, zero vectors: no warning, no error."""
    cases = {
        "point": (np.ones((6, 3)), [0, 0, 1, 1, 2, 2]),
        "zero": (np.zeros((6, 3)), [0, 0, 1, 1, 2, 2]),
        "one concept": (np.random.default_rng(0).normal(size=(5, 3)), [0] * 5),
        "one dimension": (np.random.default_rng(0).normal(size=(6, 1)), [0, 0, 0, 1, 1, 1]),
        "all alone": (np.eye(4), [0, 1, 2, 3]),
        "many": clusters(30, 3, 4, 0.5, 0),
        "one entity": (np.ones((1, 2)), [0]),
    }
    for name, (x, y) in cases.items():
        np.save(tmp_path / "x.npy", x)
        lines = [f"{i},c{c}" + (f",{i}" if len(name) % 2 else "") for i, c in enumerate(y)]
        (tmp_path / "g.csv").write_text("\n".join(lines))
        page = html_report(measure_file(tmp_path / "x.npy", tmp_path / "g.csv", resamples=10, shuffles=10))
        assert "base64" in page, name


def test_a_record_is_measured_without_groups(tmp_path):
    result = measured(write_record(tmp_path, "II", "layernorm"), "--json", *QUICK)
    found = json.loads(result.output)
    assert found["verdict"] == "II" and found["normaliser"] == "layernorm"


def test_options_that_a_record_answers_itself_are_refused(tmp_path, files):
    with pytest.raises(InputError, match="is a record, which says so itself"):
        measure_file(write_record(tmp_path, "I"), files[1])


def test_a_folder_that_is_no_record_says_what_is_missing(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"neither a model.s folder nor a finished record"):
        measure_file(tmp_path)


def test_a_folder_of_another_program_or_an_unfinished_run_is_said_to_be_that(files, tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    for source in (None, files[1]):
        with pytest.raises(InputError, match=r"it has pytorch_model.bin: give this file itself"):
            measure_file(tmp_path, source)
    (tmp_path / "task.safetensors").write_bytes(b"x")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"is no record: weights.safetensors is missing"):
        measure_file(tmp_path)


def test_missing_groups_and_bad_report_paths_are_one_sentence(files, tmp_path):
    for arguments, words in (
        ([files[0]], "groups is missing"),
        ([files[0], "--groups", files[1], "--report", tmp_path], "must be a plain file"),
        ([files[0], "--groups", files[1], "--report", tmp_path / "no" / "r.html"], "folder that exists"),
        ([files[0], "--groups", files[1], "--report", "/dev/null"], "plain file"),
        ([files[0], "--groups", files[1], "--resamples", "-1"], "resamples = -1"),
        ([files[0], "--groups", files[1], "--normaliser", "batch"], "normaliser = 'batch'"),
        ([files[0], "--groups", tmp_path / "none.csv"], "^groups file .*none.csv does not exist"),
        ([files[0], "--groups", files[1], "--classifier", "none"], "classifier = 'none' is no file, nor"),
        ([tmp_path / "none.npy", "--groups", files[1]], "does not exist"),
    ):
        with pytest.raises(InputError, match=words):
            CliRunner().invoke(app, ["measure", *QUICK, *map(str, arguments)], catch_exceptions=False)


def test_the_command_prints_one_line_and_exits_with_2(files):
    done = subprocess.run(
        [sys.executable, "-m", "feature_collapse", "measure", str(files[0])],
        env={"PYTHONPATH": "src"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "groups is missing" in done.stderr


def finished_record(folder, other_lengths):
    """A record that `check` reads, its weights replaced by type III, lengths shared by concepts or not."""
    settings = Settings.from_mapping(
        {"n_c": 3, "n_w": 30, "L": 3, "K": 6, "d": 8, "n_spl": 2, "epochs": 1, "word_law": "zipf", "seed": 0}
    )
    run(settings, folder)
    f = frame(3, 8, np.random.default_rng(0))
    lengths = np.tile(1 / np.arange(1, 11), (3, 1))
    if other_lengths:
        lengths[1] = lengths[1][::-1]
    latents = load_file(folder / "task.safetensors")["latents"]
    w = (lengths[:, :, None] * f[:, None]).reshape(30, 8)
    save_file({"W": w.astype(np.float32), "U": f[latents].astype(np.float32)}, folder / "weights.safetensors")
    return folder


@pytest.mark.parametrize("other_lengths", [False, True])
def test_measure_says_why_where_check_says_another_type(tmp_path, other_lengths):
    folder = finished_record(tmp_path / "r", other_lengths)
    checked = json.loads(CliRunner().invoke(app, ["check", str(folder), "--json"]).output)["type"]
    found = json.loads(measured(folder, "--json", *QUICK).output)
    assert found["verdict"] == "III"
    assert (checked != "III") == other_lengths
    assert any("r_β that all concepts share" in note for note in found["notes"]) == other_lengths


def test_a_report_never_replaces_an_input(files, command_line, tmp_path):
    vectors, groups = files
    before = {path: path.read_bytes() for path in (vectors, groups)}
    for output in (vectors, groups):
        code, _, err = command_line("measure", vectors, "--groups", groups, "--report", output)
        assert (code, "would replace an input" in err) == (2, True)
    assert {path: path.read_bytes() for path in (vectors, groups)} == before
