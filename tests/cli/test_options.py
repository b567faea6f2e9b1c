"""Options that belong to another setting, and text that fits into 80 columns."""

import itertools

import pytest

from feature_collapse.cli.app import COMMANDS


@pytest.fixture
def call(command_line):
    return command_line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["solve", "--decay", "lazy"], "train has it; the penalty of lazy decay is --decay-exponent 1"),
        (["path", "--epochs", "3"], "--epochs is a setting of stochastic gradient descent"),
        (["train", "--gap", "1e-3"], "--gap is a setting of the certified solver: feature-collapse solve"),
        (["solve", "--decai", "lazy"], "No such option: --decai"),
    ],
)
def test_an_option_of_the_other_method_is_said_to_be_that(call, tmp_path, arguments, words):
    code, out, err = call(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert words in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["solve", "train", "limit", "task", "theory", "path"])
def test_an_exponent_without_zipfs_law_is_refused(call, tmp_path, command):
    code, out, err = call(command, "--exponent", 1.5)
    assert (code, out) == (2, "")
    assert "exponent = 1.5, but it is Zipf's and word_law = 'uniform'" in err
    assert list(tmp_path.iterdir()) == []


def test_an_exponent_with_zipfs_law_is_taken(call):
    assert call("theory", "--exponent", 1.5, "--word-law", "zipf", "--no-exact")[0] == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["task"],
        ["theory", "--no-exact"],
        ["limit", "--n-w", "12", "--K", "6", "--L", "3", "--design", "distinct"],
    ],
)
def test_every_line_fits_into_80_columns(call, arguments):
    code, out, _ = call(*arguments)
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert not [line for line in out.splitlines() if line.endswith(" =") or line.strip().startswith("=")]


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["sweep", "run"]])
def test_no_line_of_an_explanation_breaks_where_there_was_room(call, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    lines = call(*command, "--help")[1].split("╭")[0].splitlines()[3:]
    for line, after in itertools.pairwise(lines):
        if after.strip():
            assert not line.strip() or len(line.rstrip()) + 1 + len(after.split()[0]) > 78, line
