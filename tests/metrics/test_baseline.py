"""Two tables of the same entities: the difference, how sure it is, and gates on it."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from feature_collapse.cli.app import app
from feature_collapse.errors import InputError
from feature_collapse.metrics.baseline import against_report, against_table
from feature_collapse.metrics.gate import Condition
from feature_collapse.metrics.measured import Measured, measure_file
from feature_collapse.metrics.report import Report
from feature_collapse.metrics.saved_report import SavedReport
from feature_collapse.metrics.trajectory import trajectory
from metrics.planted import clusters

POINTS = dict(resamples=0, shuffles=0)


def table(folder, name, x, y, entities=None):
    np.save(folder / f"{name}.npy", x)
    named = range(len(x)) if entities is None else entities
    lines = [f"{i},c{y[i]},{1 + i % 7}" for i in named]
    (folder / f"{name}.csv").write_text("\n".join(["entity,concept,frequency", *lines]))
    return measure_file(folder / f"{name}.npy", folder / f"{name}.csv", **POINTS)


def noisier(x, amount, seed=1):
    return x + amount * np.random.default_rng(seed).normal(size=x.shape)


def test_differences_are_those_of_the_two_reports(tmp_path):
    x, y = clusters(4, 30, 6, 0.5, 0)
    a, b = table(tmp_path, "a", x, y), table(tmp_path, "b", noisier(x, 0.4), y)
    found = against_table(b, a, resamples=40)
    assert found.paired and found.entities == 120
    for key in ("spread", "direction_spread", "length_slope", "nearest_centre", "effective_rank"):
        one = found.differences[key]
        assert one.difference == pytest.approx(b.report[key].value - a.report[key].value, abs=1e-12)
    assert found.differences["spread"].low > 0


def test_a_table_does_not_differ_from_itself(tmp_path):
    x, y = clusters(4, 30, 6, 0.5, 0)
    a = table(tmp_path, "a", x, y)
    found = against_table(a, a, resamples=40)
    assert "both tables are identical" in found.notes
    one = found.differences["spread"]
    assert one.difference == 0 and one.low == one.high == 0


def test_pairing_makes_the_interval_narrower_than_two_of_independent_data(tmp_path):
    x, y = clusters(6, 40, 8, 0.8, 0)
    a, b = table(tmp_path, "a", x, y), table(tmp_path, "b", noisier(x, 0.1), y)
    paired = against_table(b, a, resamples=100).differences["spread"]
    full = [measure_file(tmp_path / f"{n}.npy", tmp_path / f"{n}.csv", shuffles=0).report for n in "ab"]
    saved = SavedReport("a", "none", full[0].views["none"].values)
    alone = against_report(full[1], saved).differences["spread"]
    assert paired.difference == pytest.approx(alone.difference, abs=1e-12)
    assert paired.high - paired.low < 0.6 * (alone.high - alone.low)


def test_the_interval_of_the_difference_covers_the_difference_of_many_members():
    """Rows with noise of 0.5, and the same rows with 0.3 more: 60 data sets, against 40,000 members."""

    means = np.random.default_rng(7).normal(size=(4, 5))

    def pair(n, seed):
        y = np.repeat(np.arange(4), n)
        x = noisier(means[y], 0.5, seed)
        return [_measured(z, y) for z in (x, noisier(x, 0.3, seed + 10_000))]

    a, b = pair(10_000, 999)
    truth = b.report["spread"].value - a.report["spread"].value
    hits = []
    for seed in range(60):
        a, b = pair(25, seed)
        one = against_table(b, a, resamples=60, seed=seed).differences["spread"]
        hits.append(one.low <= truth <= one.high)
    assert 0.85 <= np.mean(hits) <= 1.0


def _measured(x, y):
    from feature_collapse.metrics import measure

    names = tuple(str(i) for i in range(len(x)))
    report: Report = measure(x, y, views=("none",), **POINTS)
    return Measured("memory", report, x, names, tuple(map(str, y)), None, 0.0)


def test_only_entities_of_both_are_compared_and_none_is_an_error(tmp_path):
    x, y = clusters(4, 30, 6, 0.5, 0)
    a = table(tmp_path, "a", x, y, range(80))
    b = table(tmp_path, "b", noisier(x, 0.4), y, range(20, 120))
    found = against_table(b, a, resamples=0)
    assert found.entities == 60 and any("20 entities of the baseline" in n for n in found.notes)
    with pytest.raises(InputError, match="shares 0 entities"):
        against_table(table(tmp_path, "c", x, y, range(100, 120)), a)


def test_conditions_say_what_they_are_of():
    assert Condition.parse("spread > +0.05", baseline=True).of_difference
    assert Condition.parse("spread<-1e-3", baseline=True).limit == -1e-3
    assert not Condition.parse("length_slope < -0.05", baseline=False).of_difference
    assert not Condition.parse("spread >= .5", baseline=True).of_difference
    for text, words in (
        ("spred > 1", "did you mean 'spread'"),
        ("spread > +1", "no baseline"),
        ("spread ~ 1", "must be a key"),
        ("spread > nan", "must be a key"),
        ("__import__('os') > 1", "must be a key"),
    ):
        with pytest.raises(InputError, match=words):
            Condition.parse(text, baseline=False)


@pytest.mark.parametrize(
    ("condition", "code"),
    [("spread > +0.05", 1), ("spread > +0.9", 0), ("spread > 0.01", 1), ("nc3 > 0.5", 1), ("spred > 1", 2)],
)
def test_a_gate_closes_with_1_and_a_wrong_expression_is_2(tmp_path, command_line, condition, code):
    x, y = clusters(4, 30, 6, 0.5, 0)
    table(tmp_path, "a", x, y)
    table(tmp_path, "b", noisier(x, 1.0), y)
    arguments = ["--groups", tmp_path / "a.csv", "--baseline", tmp_path / "a.npy", "--fail-if", condition]
    points = ["--resamples", "0", "--shuffles", "0"]
    got, _, err = command_line("measure", tmp_path / "b.npy", *arguments, *points)
    assert got == code
    assert ("failed: " in err) == (code == 1)


def test_a_saved_report_is_a_baseline_too_and_a_damaged_one_is_a_sentence(tmp_path):
    x, y = clusters(4, 30, 6, 0.5, 0)
    table(tmp_path, "a", x, y)
    command = ["measure", str(tmp_path / "a.npy"), "--groups", str(tmp_path / "a.csv")]
    command += ["--shuffles", "0", "--json"]
    saved = CliRunner().invoke(app, command).output
    (tmp_path / "a.json").write_text(saved)
    found = json.loads(CliRunner().invoke(app, [*command, "--baseline", str(tmp_path / "a.json")]).output)
    assert not found["comparison"]["paired"]
    assert found["comparison"]["differences"]["spread"]["difference"] == 0
    for text, words in (
        ("[]", "schema_version"),
        ("{", "truncated or damaged"),
        (saved.replace('"schema_version": 2', '"schema_version": 1'), "schema_version = 1"),
        (saved.replace('"low": ', '"low": true, "was": ', 1), "must be a number or null"),
    ):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(InputError, match=words):
            CliRunner().invoke(
                app, [*command, "--baseline", str(tmp_path / "a.json")], catch_exceptions=False
            )


def test_checkpoints_give_curves_and_identical_ones_are_named(tmp_path, command_line):
    x, y = clusters(4, 30, 6, 0.5, 0)
    for name, amount in (("a", 0.0), ("b", 0.5), ("c", 0.0)):
        table(tmp_path, name, noisier(x, amount), y)
    files = [tmp_path / f"{n}.npy" for n in "abc"]
    from feature_collapse.metrics.readers.source import Source

    found = trajectory(files, Source(tmp_path / "a.csv"))
    steps, values = found.series("spread")
    assert steps == [1, 2, 3] and values[0] == values[2] < values[1]
    assert found.identical == ((str(files[2]), str(files[0])),)
    page = tmp_path / "t.html"
    code, out, _ = command_line("measure", *files, "--groups", tmp_path / "a.csv", "--report", page)
    assert code == 0 and "same vectors" in out and "<script" not in page.read_text()
    code, _, err = command_line("measure", *files, "--groups", tmp_path / "a.csv", "--baseline", files[0])
    assert code == 2 and "applies to one table" in err
