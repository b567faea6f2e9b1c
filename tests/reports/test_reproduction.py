import re

import pytest

from feature_collapse.experiments.presets import page_name, record_name, select
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.reports.comparison import notebooks, quantity_rows
from feature_collapse.reports.reproduction import Run, save_diagrams, save_record_pictures, write_report

SMALL = {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 2}


@pytest.mark.parametrize("settings", [
    Settings(**SMALL),
    Settings(n_c=2, n_w=4, K=3, L=2, d=1, epochs=1, normaliser="none"),
    Settings(n_c=10, n_w=30, K=9, L=3, d=12, epochs=1, normaliser="layernorm", eps=1e-5, word_law="zipf"),
    Settings(vocabulary="food", K=6, L=3, d=4, epochs=1),
])  # fmt: skip
def test_every_record_can_be_drawn_and_twice_gives_the_same_files(tmp_path, settings):
    record = run(settings, tmp_path / "r", device="cpu")
    first = [path.read_bytes() for path in save_record_pictures(record)]
    assert [path.read_bytes() for path in save_record_pictures(record)] == first


def test_the_report_is_one_file_with_every_picture_inside(tmp_path):
    experiment = select(["figure3"], quick=True)[0]
    record = run(experiment.settings.replace(**SMALL), tmp_path / experiment.name, device="cpu")
    save_record_pictures(record)
    pictures = save_diagrams(tmp_path, ("figure1", "figure2"))
    page = write_report(tmp_path / "r.html", pictures, [Run(experiment, record)]).read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page
    assert "test accuracy" in page


def test_headings_say_what_ran_and_not_the_name_of_a_folder(tmp_path):
    for experiment, heading in zip(
        select(["figure3"], quick=True),
        ("Figure 3: h, uniform words, ", "Figure 3, LayerNorm: h*, uniform words, "),
        strict=True,
    ):
        record = run(experiment.settings.replace(**SMALL), tmp_path / experiment.name, device="cpu")
        save_record_pictures(record)
        page = write_report(tmp_path / "r.html", [], [Run(experiment, record)]).read_text()
        (found,) = re.findall(r"<h2>(.*)</h2>", page)
        assert found == heading + "5 sentences per class"


def test_no_report_replaces_that_of_another_method_seed_or_size():
    kinds = [(m, s, q) for m in ("certified", "sgd") for s in (0, 1, 12) for q in (False, True)]
    assert len({page_name("report", *kind) for kind in kinds}) == len(kinds)
    assert page_name("report", "certified") == "report"
    assert len({record_name("figure3", *kind) for kind in kinds}) == len(kinds)


def test_a_report_of_some_figures_leaves_that_of_all_as_it_is(command_line, tmp_path):
    (tmp_path / "report.html").write_text("all figures")
    (tmp_path / "overview.png").write_text("all figures")
    code, out, _ = command_line("reproduce", "figure2", "figure1", "figure2", "--out", tmp_path)
    assert code == 0
    assert out.split()[-1].endswith("report-figure1-figure2.html")
    assert (tmp_path / "report-figure1-figure2.html").is_file()
    assert (tmp_path / "report.html").read_text() == (tmp_path / "overview.png").read_text() == "all figures"
    assert page_name("report", "certified", figures=["figure3", "all"]) == "report"


def test_the_notebooks_numbers_stand_beside_full_runs_alone(tmp_path):
    for quick in (True, False):
        experiment = select(["figure3"], quick=quick)[0]
        record = run(experiment.settings.replace(**SMALL), tmp_path / experiment.name, device="cpu")
        rows = {row.quantity: row for row in quantity_rows(experiment, record)}
        theirs = None if quick else notebooks()["figure3"]["test_accuracy"]
        assert rows["test accuracy"].notebooks == theirs
        assert rows["test accuracy"].to_dict()["ours"] == record.summary["test_accuracy"]


def test_the_quick_report_leaves_that_of_the_full_run_as_it_is(command_line, tmp_path):
    for quick, name in ((True, "report-figure2-quick.html"), (False, "report-figure2.html")):
        before = {path: path.read_bytes() for path in tmp_path.glob("report*")}
        assert command_line("reproduce", "figure2", "--out", tmp_path, *["--quick"] * quick)[0] == 0
        assert {path: path.read_bytes() for path in before} == before
        assert (tmp_path / name).is_file()
