"""`feature-collapse sweep` as a user meets it."""

import csv
import json
import os
import sqlite3
from functools import partial

import pytest

from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.store import open_store

pytest.importorskip("distributed")
TOML = """
[base]
n_w = 12
K = 6
L = 3
d = 4
epochs = 2
batch_size = 10
[axes]
n_spl = [1, 2]
exponent = [0.5, 1.0]
seeds = 2
[quick]
axes = { seeds = 1 }
"""


@pytest.fixture
def call(command_line, tmp_path):
    (tmp_path / "s.toml").write_text(TOML)
    return partial(command_line, "sweep")


def test_a_sweep_is_run_resumed_looked_at_exported_and_drawn(call, cluster, tmp_path):
    code, out, _ = call("run", "s.toml", "--scheduler", cluster, "--json")
    end = json.loads(out)
    assert (code, end["runs"], end["done"], end["fresh"]) == (0, 8, 8, 8)
    store = end["store"]
    assert store == "results/sweeps/s.sweep"
    code, out, _ = call("resume", store, "--scheduler", cluster)
    assert "8 of 8 runs done, 0 failed; 0 now" in out
    status = json.loads(call("status", store, "--json")[1])
    assert (status["name"], status["done"], status["pending"], status["driven_by"]) == ("s", 8, 0, None)
    assert "8 runs" in call("status", store)[1]
    assert call("export", store, "--csv", "s.csv")[0] == 0
    with (tmp_path / "s.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["n_spl"], row["exponent"], row["seed"]) for row in rows} == {
        (n, x, seed) for n in "12" for x in ("0.5", "1.0") for seed in "01"
    }
    polars = pytest.importorskip("polars")
    assert call("export", store, "--parquet", "s.parquet")[0] == 0
    frame = polars.read_parquet(tmp_path / "s.parquet")
    assert frame["risk"].to_list() == [float(row["risk"]) for row in rows]
    assert call("plot", store, "--out", "p", "--value", "risk")[0] == 0
    assert call("plot", store, "--out", "p", "--value", "type_I", "--x", "exponent", "--y", "none")[0] == 0
    assert {path.name for path in (tmp_path / "p").iterdir()} == {
        f"s-{value}.{kind}" for value in ("risk", "type_I") for kind in ("png", "pdf")
    }


def test_the_quick_size_is_the_one_of_the_file(call, cluster):
    assert json.loads(call("run", "s.toml", "--quick", "--scheduler", cluster, "--json")[1])["runs"] == 4


def foreign(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE x (y)")
    other.commit()
    other.close()


WRONG = [
    (("run", "none.toml"), "none.toml"),
    (("run", "figure7"), "did you mean"),
    (("run", "figure8", "--retries", "-1"), "retries = -1"),
    (("run", "s.toml", "--scheduler", "here"), "must be an address such as tcp://"),
    (("run", "s.toml", "--workers", "0"), "workers = 0"),
    (("run", "s.toml", "--memory-per-worker", "1"), "at least 256MiB"),
    (("run", "large.toml"), "has 20,000 runs (20000 seed), more than 10,000; confirm with --yes"),
    (("run", "empty.toml"), "so the grid is empty"),
    (("run", "wrong.toml"), "did you mean 'n_spl'"),
    (("run", "s.toml", "--store", "s.toml"), "is not a sweep file"),
    (("run", "s.toml", "--store", "foreign.sweep"), "is not a sweep file"),
    (("run", "s.toml", "--store", "s.toml/x"), "is a file"),
    (("resume", "none.sweep"), "does not exist"),
    (("status", "none.sweep"), "does not exist"),
    (("status", "foreign.sweep"), "is not a sweep file"),
    (("export", "none.sweep"), "--csv FILE"),
    (("export", "none.sweep", "--csv", "no/where.csv"), "does not exist"),
    (("plot", "figure14"), "did you mean 'figure1|is not one of"),
    (("plot", "figure8", "--data", "s.toml"), "is not a sweep file"),
    (("plot", "figure8", "--data", "none.csv"), "none.csv does not exist"),
]


@pytest.mark.parametrize(("arguments", "message"), WRONG, ids=[" ".join(arguments) for arguments, _ in WRONG])
def test_a_wrong_command_is_one_sentence_and_changes_nothing(call, tmp_path, arguments, message):
    (tmp_path / "large.toml").write_text("[base]\nn_w = 12\n[axes]\nseeds = 20000\n")
    (tmp_path / "empty.toml").write_text("[axes]\nn_spl = []\n")
    (tmp_path / "wrong.toml").write_text("[axes]\nn_sp = [1]\n")
    foreign(tmp_path / "foreign.sweep")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    code, out, err = call(*arguments)
    assert code == 2, (out, err)
    assert err.count("\n") == 1
    assert err.startswith("feature-collapse: ")
    assert any(part in err for part in message.split("|")), err
    assert all(path.read_bytes() == content for path, content in before.items())


@pytest.fixture
def made(tmp_path):
    """A sweep file without a finished run."""
    sweep = Sweep.from_mapping({"name": "s", "base": {"n_w": 12, "K": 6, "L": 3}})
    with open_store(tmp_path / "s.sweep", create=True) as store:
        store.set_sweep(sweep, sweep.runs())
    return tmp_path / "s.sweep"


@pytest.mark.parametrize(
    "target",
    ["s.sweep", "./d/../s.sweep", "link", "s.sweep-wal", "s.sweep-shm", "s.sweep-driver", "d", "pipe"],
)
@pytest.mark.parametrize("option", ["--csv", "--parquet"])
def test_an_export_never_goes_over_the_store_or_what_is_no_file(call, made, tmp_path, target, option):
    (tmp_path / "d").mkdir()
    (tmp_path / "link").symlink_to("s.sweep")
    os.mkfifo(tmp_path / "pipe")
    before = made.read_bytes()
    code, _, err = call("export", "s.sweep", option, target)
    assert (code, err.count("\n")) == (2, 1)
    assert made.read_bytes() == before
    assert (tmp_path / "pipe").is_fifo()


def test_two_tables_are_not_written_over_one_another(call, made, tmp_path):
    code, _, err = call("export", "s.sweep", "--csv", "t", "--parquet", "./t")
    assert (code, "given twice" in err) == (2, True)
    assert not (tmp_path / "t").exists()


def test_an_export_over_an_earlier_one_is_allowed(call, made, tmp_path):
    (tmp_path / "t.csv").write_text("old")
    assert call("export", "s.sweep", "--csv", "t.csv")[0] == 0
    assert (tmp_path / "t.csv").read_text() != "old"
