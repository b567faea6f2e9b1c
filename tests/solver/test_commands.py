"""`solve` and `certify` as a user calls them."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from feature_collapse.cli.app import app

SMALL = ["--n-w", "12", "--K", "8", "--L", "4", "--n-spl", "3"]


def call(*arguments: str):
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    folder = tmp_path_factory.mktemp("solve") / "record"
    done = call("solve", *SMALL, "--gap", "1e-5", "--out", str(folder), "--json")
    assert done.exit_code == 0, done.output
    return folder, json.loads(done.stdout)


def test_solve_reports_risk_bound_and_gap(record) -> None:
    _, summary = record
    assert summary["status"] == "solved"
    assert summary["lower_bound"] <= summary["risk"]
    assert summary["relative_gap"] <= 1e-5


def test_certify_confirms_the_record(record) -> None:
    folder, summary = record
    done = call("certify", str(folder), "--json")
    assert done.exit_code == 0, done.output
    bound = json.loads(done.stdout)[str(folder)]
    assert bound["risk"] == pytest.approx(summary["risk"], rel=1e-10)
    assert bound["relative_gap"] <= 1e-5


def test_certify_says_how_far_sgd_stopped_from_the_minimum(record, tmp_path) -> None:
    _, summary = record
    folder = tmp_path / "sgd"
    done = call("train", *SMALL, "--epochs", "20", "--d", "10", "--out", str(folder))
    assert done.exit_code == 0, done.output
    done = call("certify", str(folder), "--json", "--write")
    bound = json.loads(done.stdout)[str(folder)]
    assert bound["risk"] > summary["risk"]
    assert bound["lower_bound"] <= summary["risk"] * (1 + 1e-12)
    assert json.loads((folder / "summary.json").read_text())["lower_bound"] == bound["lower_bound"]


@pytest.mark.parametrize(
    "decay", [("--decay-exponent", "1"), ("--decay-exponent", "0.5", "--decay-frequency", "data")]
)
def test_certify_proves_the_gap_of_a_record_with_decays_of_words(decay, tmp_path) -> None:
    """Version 0.2's first certify took every decay for 1: a bound for another risk."""
    folder, law = tmp_path / "r", ("--word-law", "zipf", *decay)
    done = call("solve", *SMALL, *law, "--gap", "1e-5", "--out", str(folder), "--json")
    assert done.exit_code == 0, done.output
    summary, bound = json.loads(done.stdout), json.loads(call("certify", str(folder), "--json").stdout)
    assert bound[str(folder)]["risk"] == pytest.approx(summary["risk"], rel=1e-10)
    assert bound[str(folder)]["relative_gap"] <= 1e-5


def test_certify_prints_a_table(record) -> None:
    folder, _ = record
    assert "lower bound" in call("certify", str(folder)).stdout


@pytest.mark.parametrize(
    "arguments",
    [["certify", "nowhere"], ["solve", "--lambda", "0"], ["solve", "--gap", "2"], ["solve", "--K", "0"]],
)
def test_wrong_input_is_one_sentence(arguments, tmp_path) -> None:
    extra = ["--out", str(tmp_path / "x")] if arguments[0] == "solve" else []
    done = call(*arguments, *extra)
    assert done.exception is not None
    assert type(done.exception).__name__ == "InputError"
