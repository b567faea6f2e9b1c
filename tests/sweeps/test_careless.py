"""A careless user: no output replaces an input or another size's result, a wrong option leaves nothing."""

import pytest

from feature_collapse.figures import registry
from feature_collapse.figures.style import panels
from feature_collapse.sweeps.messages import Finished
from feature_collapse.sweeps.presets import PRESETS, preset
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.store import open_store

pytest.importorskip("distributed")
SMALL = Sweep.from_mapping(
    {"name": "plane", "base": {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 2}, "axes": {"seeds": 2}}
)


@pytest.fixture
def call(command_line, monkeypatch):
    """The command line, with a small sweep and an empty picture in place of each preset's."""
    monkeypatch.setattr(type(preset("figure8")), "read", lambda self, quick=False: SMALL)
    for figure in registry.SWEEP_FIGURES:
        monkeypatch.setitem(registry.SWEEP_FIGURES, figure, lambda results: panels(1, 1, (2, 2))[0])
    return lambda *arguments: command_line("sweep", *arguments)


def finish(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_store(path, create=True) as store:
        store.set_sweep(SMALL, SMALL.runs())
        store.finish([Finished(run.key, None, 0.1, {"risk": 0.5}) for run in store.pending()], {}, "here")
    return path


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_sweep_alone_prints_its_help(call):
    code, out, err = call()
    assert (code, err) == (0, "")
    assert all(command in out for command in ("run", "resume", "status", "export", "plot"))


@pytest.mark.parametrize(
    "wrong", [("--workers", "0"), ("--memory-per-worker", "1"), ("--scheduler", "here"), ("--retries", "-1")]
)
def test_a_wrong_option_leaves_neither_store_nor_folder(call, tmp_path, wrong):
    code, _, err = call("run", "figure8", *wrong)
    assert (code, err.count("\n")) == (2, 1)
    assert not list(tmp_path.iterdir())


def test_a_plot_of_given_data_writes_pictures_alone(call, tmp_path):
    finish(tmp_path / "X.sweep")
    (tmp_path / "X.csv").write_text("mine")
    assert call("plot", "figure8", "--data", "X.sweep", "--out", "q")[0] == 0
    assert (tmp_path / "X.csv").read_text() == "mine"
    assert names(tmp_path / "q") == {"figure8.png", "figure8.pdf"}


def test_a_plot_never_goes_over_its_data(call, tmp_path):
    data = finish(tmp_path / "figure8.png")
    before = data.read_bytes()
    code, _, err = call("plot", "figure8", "--data", "figure8.png", "--out", ".")
    assert (code, err.count("\n")) == (2, 1)
    assert data.read_bytes() == before


def test_a_preset_s_store_is_named_by_its_figures_and_its_table_replaces_no_other_file(call, tmp_path):
    others = [f"figure{number}" for number in range(10, 14)]
    assert [entry.store for entry in PRESETS.values()] == ["figure8-figure9"] * 2 + others
    folder = tmp_path / "results" / "sweeps"
    finish(folder / "figure8-figure9.sweep")
    assert call("run", "figure8")[0] == 0
    assert {"figure8-figure9.csv", "figure8.png", "figure8.pdf"} <= names(folder)
    assert call("run", "figure9")[0] == 0  # over the table of the same sweep
    (folder / "figure8-figure9.csv").write_text("mine")
    code, _, err = call("run", "figure8")
    assert (code, "no export of a sweep" in err) == (2, True)
    assert (folder / "figure8-figure9.csv").read_text() == "mine"


def test_a_store_that_an_earlier_version_began_is_gone_on_with(call, tmp_path):
    folder = tmp_path / "results" / "sweeps"
    finish(folder / "plane.sweep")
    assert "plane.sweep: 2 of 2 runs done" in call("run", "figure8")[1]
    assert not (folder / "figure8-figure9.sweep").exists()


def test_a_quick_size_leaves_the_full_one_s_table_and_picture(call, tmp_path):
    folder = tmp_path / "results" / "sweeps"
    finish(folder / "figure8-figure9.sweep")
    call("run", "figure8")
    before = {
        path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".csv", ".png", ".pdf")
    }
    finish(folder / "figure8-figure9-quick.sweep")
    assert call("run", "figure8", "--quick")[0] == 0
    assert call("plot", "figure8", "--data", folder / "figure8-figure9-quick.sweep", "--out", folder)[0] == 0
    assert call("run", "figure8", "--quick", "--store", folder / "figure8-figure9.sweep")[0] == 0
    assert {"figure8-figure9-quick.csv", "figure8-quick.png", "figure8-quick.pdf"} <= names(folder)
    assert all((folder / name).read_bytes() == content for name, content in before.items())
