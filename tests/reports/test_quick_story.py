"""`reproduce all --quick` tells the paper's story, and its captions say what its records hold."""

import pytest

from feature_collapse.cli.options import table
from feature_collapse.experiments.presets import select
from feature_collapse.experiments.run import run
from feature_collapse.reports.reproduction import SUMMARY_HEAD, Run, save_overview

STORY = {
    "figure 3": "type I, generalises",
    "figure 3, LayerNorm": "type II, generalises",
    "figure 4a": "type III, generalises",
    "figure 4a, LayerNorm": "type II, generalises",
    "figure 4b": "no collapse, fails",
    "figure 4c": "type II, generalises",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("quick")
    chosen = select(["all"], method="certified", quick=True)
    return [Run(e, run(e.settings, folder / e.name, device="cpu")) for e in chosen]


def test_each_figure_ends_as_in_the_paper(runs):
    assert {one.label: one.finding.verdict for one in runs} == STORY


def test_the_verdicts_are_far_from_the_lines_that_decide_them(runs):
    for one in runs:
        finding = one.finding
        assert abs(finding.residual - finding.tolerance) > 0.02, one.label
        assert abs(finding.test_accuracy - 0.9) > 0.05, one.label


def test_captions_say_what_the_records_hold(runs):
    for one in runs:
        settings, summary = one.record.settings, one.record.summary
        caption = one.caption
        assert f"{settings.n_spl} sentences per class" in caption
        assert f"test accuracy {100 * summary['test_accuracy']:.1f}%" in caption
        assert ("Collapse of type" in caption) == (
            summary["test_accuracy"] > 0.9
        )  # in this story the two go together
        assert ("fails" in caption) == (one.label == "figure 4b")


def test_the_terminal_shows_a_line_an_experiment_within_80_columns(runs, capsys):
    table("", SUMMARY_HEAD, [one.summary() for one in runs])
    lines = capsys.readouterr().out.rstrip().splitlines()
    assert len([line for line in lines if "figure " in line]) == len(runs) == len(STORY)
    assert max(map(len, lines)) <= 80
    for one in runs:
        (line,) = [text for text in lines if f"│ {one.label} " in text]
        assert STORY[one.label] in line


def test_the_overview_tells_the_four_verdicts(runs, tmp_path):
    (picture,) = save_overview(tmp_path, "overview", runs)
    for label in ("figure 3", "figure 4a", "figure 4b", "figure 4c"):
        assert f"{label}: {STORY[label]}" in picture.caption
    assert save_overview(tmp_path, "overview", runs[:3]) == []
