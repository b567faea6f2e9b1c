"""Sweep files and exported results from anybody: read, or refused in one sentence; no traceback, no wait."""

import os
import sqlite3
from collections import Counter
from contextlib import suppress

import pytest
from typer.testing import CliRunner

from feature_collapse.cli.app import app
from feature_collapse.errors import InputError, RunStopped
from feature_collapse.sweeps.messages import Finished
from feature_collapse.sweeps.results import cells, read_results
from feature_collapse.sweeps.spec import Sweep, read_sweep
from feature_collapse.sweeps.status import read_status
from feature_collapse.sweeps.store import open_store
from feature_collapse.sweeps.tables import read_csv, write_csv, write_parquet

SWEEP = Sweep.from_mapping(
    {
        "name": "s",
        "base": {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 2},
        "axes": {"network": [{"label": "h"}, {"label": "h*", "normaliser": "layernorm"}], "seeds": 3},
    }
)


def make(path):
    with open_store(path, create=True) as store:
        store.set_sweep(SWEEP, SWEEP.runs())
        for run, error in zip(store.pending()[:4], (None, "diverged", None, None), strict=True):
            result = {"risk": 0.5, "rank_W": 2, "singular_values_W": [2.0, 1.0]}
            store.finish([Finished(run.key, error, 0.1, None if error else result)], {"torch": "2"}, "here")
        store.start([store.pending()[0].key])
    return path


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # a crash is not what is tested here
    return make(tmp_path / "s.sweep")


def use_store(path):
    """Whatever reads a sweep file: status, resume, export, plot."""
    with open_store(path) as store:
        str(read_status(store).to_dict())
        store.pending()
        for as_text in (True, False):
            results = read_results(store, as_text=as_text)
            write_csv(results, path.with_suffix(".csv"))
        with suppress(ImportError):
            write_parquet(results, path.with_suffix(".parquet"))
        cells(results, ["network"], "risk")


def use_csv(path):
    results = read_csv(path)
    cells(results, ["network"], "risk")
    write_csv(results.where(state="done"), path.with_suffix(".again"))


def outcome(use, path):
    """'read' or 'refused'; whatever else escapes."""
    try:
        use(path)
    except (InputError, RunStopped) as error:
        assert "\n" not in str(error), str(error)
        return "refused"
    return "read"


VALUES = (
    None, b"\xff\xfe", b"", 7, -1, 2**62, 1e300, float("inf"), "", "x", "{}", "[]", "null", "NaN", "[1, 2",
    '"\\ud800"', "[" * 100_000, '{"a": ' + "9" * 5000 + "}", '{"risk": ' + "9" * 400 + "}", '{"risk": "a"}',
    '{"risk": {"a": 1}}', '{"risk": [1, [2]]}', '{"risk": true, "\\ud800": 1}', '{"key": 1}',
    '{"network": [1, {"a": 2}]}', '{"network": "\\ud800"}', '{"network": 1e999, "seed": -0.0}',
    '{"risk": NaN, "rank_W": -Infinity}', '{"n_w": [1], "vocabulary": 3}', '{"name": 3, "extra": 5}',
    '{"name": "s", "axes": {"n_spl": {"from": 1, "to": 2, "points": ' + "9" * 4000 + "}}}",
    '{"name": "s", "axes": {"seeds": [1]}, "base": []}', '{"name": "s", "axes": {"lambda": [null, {}]}}',
)  # fmt: skip
COLUMNS = (
    (
        "runs",
        "key axes settings state attempts error seconds finished result grp worker position versions".split(),
    ),
    ("sweep", "name spec created".split()),
    ("versions", ["versions"]),
)
PLACES = [(table, column) for table, columns in COLUMNS for column in columns]


@pytest.mark.parametrize(("table", "column"), PLACES, ids=[f"{t}.{c}" for t, c in PLACES])
def test_any_value_in_any_place_of_a_sweep_file_is_read_or_refused(path, table, column):
    content, seen = path.read_bytes(), Counter()
    for value in VALUES:
        path.write_bytes(content)
        spoiler = sqlite3.connect(path)
        spoiler.execute("PRAGMA ignore_check_constraints = ON")
        with suppress(sqlite3.IntegrityError):
            spoiler.execute(f"UPDATE OR REPLACE {table} SET {column} = ?", (value,))
        spoiler.commit()
        spoiler.close()
        seen[outcome(use_store, path)] += 1
    assert sum(seen.values()) == len(VALUES)


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_of_thousands_of_digits_is_no_traceback(tmp_path, digits):
    table = tmp_path / "t.csv"
    table.write_text("group,network,state,risk,key\ngrid,h,done," + "9" * digits + ",k\n")
    with pytest.raises(InputError, match="risk"):
        use_csv(table)
    (tmp_path / "s.toml").write_text("[axes]\nn_spl = [" + "9" * digits + "]\n")
    with pytest.raises(InputError):
        list(read_sweep(tmp_path / "s.toml").runs())


def test_a_schema_that_is_not_text_is_called_damage(path):
    content = path.read_bytes()
    at = content.index(b"CREATE TABLE runs")
    path.write_bytes(content[:at] + b"CREATE \xff\xfe\xfd\xfc\xfb " + content[at + 13 :])
    with pytest.raises(InputError, match="is damaged"):
        use_store(path)


def test_columns_of_several_kinds_are_parquet(path):
    polars = pytest.importorskip("polars")
    spoiler = sqlite3.connect(path)
    for key, value in zip(
        spoiler.execute("SELECT key FROM runs WHERE state = 'done'").fetchall(),
        ("1", "2.5", "null"),
        strict=False,
    ):
        spoiler.execute(
            "UPDATE runs SET axes = ? WHERE key = ?", ('{"network": ' + value + ', "seed": 1}', *key)
        )
    spoiler.commit()
    spoiler.close()
    use_store(path)
    frame = polars.read_parquet(path.with_suffix(".parquet"))
    assert {"1", "2.5"} <= set(frame["network"]) and frame["network"].dtype == polars.String


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("reader", ["store", "csv", "toml"])
def test_a_pipe_or_a_device_is_not_waited_for(tmp_path, kind, reader):
    target = tmp_path / f"x.{reader}"
    os.mkfifo(target) if kind == "pipe" else target.symlink_to("/dev/zero")
    use = {"store": use_store, "csv": use_csv, "toml": read_sweep}[reader]
    with pytest.raises(InputError, match="pipe or a device"):
        use(target)


@pytest.mark.parametrize("tail", ["-wal", "-shm", "-journal"])
def test_a_pipe_beside_a_sweep_file_is_not_waited_for(path, tail):
    os.mkfifo(path.with_name(path.name + tail))
    with pytest.raises(InputError, match="move it away"):
        use_store(path)


def test_escapes_in_a_sweep_file_do_not_reach_the_terminal(path):
    spoiler = sqlite3.connect(path)
    spoiler.execute("UPDATE runs SET error = ? WHERE state = 'failed'", ("boom \x1b[2J\x1b]0;owned\x07",))
    spoiler.commit()
    spoiler.close()
    shown = CliRunner().invoke(app, ["sweep", "status", str(path)], color=True).output  # as on a terminal
    assert "boom" in shown and "\x1b[2J" not in shown and "\x07" not in shown
