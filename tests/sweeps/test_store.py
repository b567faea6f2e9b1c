"""The sweep file: nothing finished is lost or overwritten, others' files left alone, one driver."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import feature_collapse
from feature_collapse.errors import InputError, RunStopped
from feature_collapse.sweeps.counts import Counts
from feature_collapse.sweeps.messages import Finished
from feature_collapse.sweeps.results import read_results
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.status import read_status
from feature_collapse.sweeps.store import open_store
from feature_collapse.sweeps.tables import read_csv, write_csv

from .small import BASE, done, make

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(feature_collapse.__file__).parents[1])}


@pytest.fixture
def store(tmp_path):
    with open_store(tmp_path / "s.sweep", create=True) as opened:
        sweep = make()
        opened.set_sweep(sweep, sweep.runs())
        yield opened


def test_results_survive_and_are_read_back_exactly(store):
    keys = [run.key for run in store.pending()]
    store.finish([done(keys[0], 0.1 + 0.2), done(keys[1], error="diverged")], {"torch": "2"}, "here")
    assert store.counts() == Counts(1, 0, 1, 1)
    results = read_results(store)
    assert results.numbers("test_accuracy")[0] == 0.1 + 0.2
    assert results.column("error") == [None, "diverged"]
    assert results.numbers("singular_values_W_2")[0] == 1.0


def test_a_finished_run_is_never_overwritten(store):
    key = store.pending()[0].key
    store.finish([done(key, 1.0)], {}, "")
    with pytest.raises(AssertionError):
        store.finish([done(key, 2.0)], {}, "")
    assert read_results(store).column("test_accuracy") == [1.0]


def test_a_batch_is_committed_whole_or_not_at_all(store):
    keys = [run.key for run in store.pending()]
    with pytest.raises(AssertionError):
        store.finish([done(keys[0]), done("no such run")], {}, "")
    assert store.counts().done == 0


def test_what_a_dead_driver_left_running_is_pending_again(store):
    keys = [run.key for run in store.pending()]
    store.start(keys[:2])
    assert len(store.pending()) == 1
    store.reset()
    assert len(store.pending()) == 3


def test_failed_runs_are_tried_again_only_when_asked(store):
    key = store.pending()[0].key
    store.finish([done(key, error="x")], {}, "")
    store.reset()
    assert store.counts().failed == 1
    store.reset(failed=True)
    assert store.counts().failed == 0


def test_a_new_axis_keeps_what_is_done_and_a_dropped_value_comes_back(store):
    key = store.pending()[0].key
    store.finish([done(key)], {}, "")
    wider, narrower = make(seeds=5), Sweep.from_mapping({"name": "s", "base": BASE, "axes": {"seed": [1, 2]}})
    store.set_sweep(wider, wider.runs())
    assert (store.counts().done, store.counts().pending) == (1, 4)
    store.set_sweep(narrower, narrower.runs())
    assert (store.counts().done, store.counts().total, read_status(store).outside_the_grid) == (
        0,
        2,
        3,
    )
    store.set_sweep(wider, wider.runs())
    assert store.counts().done == 1


HOLD = """
import sys, time
from feature_collapse.sweeps.store import open_store
with open_store(sys.argv[1]) as store, store.claim():
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_driver_hears_who_drives_and_a_dead_one_does_not_hold_the_lock(store):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.path)], stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"being driven by process {holder.pid} on "), store.claim():
            pass
        assert f"process {holder.pid}" in store.driven_by()
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with store.claim():
        assert store.driven_by() is not None  # a claim of our own counts too
    assert store.driven_by() is None


def test_a_full_disk_is_one_sentence_and_keeps_what_was_finished(store):
    keys = [run.key for run in store.pending()]
    store.finish([done(keys[0])], {}, "")
    (pages,) = store._db.execute("PRAGMA page_count").fetchone()
    store._db.execute(f"PRAGMA max_page_count = {pages}")
    heavy = Finished(keys[1], None, 1.0, {"x": list(range(100_000))}, 1)
    with pytest.raises(RunStopped, match="no space is left on the disk"):
        store.finish([heavy], {}, "")
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.counts().done == 1
    store.finish([heavy], {}, "")
    assert store.counts().done == 2


def test_a_hundred_thousand_rows_are_counted_and_exported(tmp_path):
    path, sweep = tmp_path / "large.sweep", make(seeds=1)
    (run,) = sweep.runs()
    settings = json.dumps(run.settings.to_mapping())
    result = json.dumps({f"quantity_{i}": i / 7 for i in range(12)})
    with open_store(path, create=True) as store:
        store.set_sweep(sweep, [])
        with store._transaction() as db:
            db.executemany(
                "INSERT INTO runs (key, position, axes, settings, state, attempts, seconds, result) "
                "VALUES (?, ?, ?, ?, 'done', 1, 0.1, ?)",
                ((f"{i:016x}", i, json.dumps({"seed": i}), settings, result) for i in range(100_000)),
            )
    started = time.process_time()
    with open_store(path) as store:
        assert store.counts().done == 100_000
        assert read_status(store).most_attempts == 1
        results = read_results(store)
    write_csv(results, tmp_path / "large.csv")
    assert (
        time.process_time() - started < 30
    )  # the benchmark measures; this only catches what grows with the square
    with (tmp_path / "large.csv").open() as file:
        assert sum(1 for _ in file) == 100_001


def test_a_csv_reads_back_what_was_written(store, tmp_path):
    keys = [run.key for run in store.pending()]
    store.finish([done(keys[0], 1 / 3), done(keys[1], error="a, b")], {}, "")
    results = read_results(store)
    write_csv(results, tmp_path / "r.csv")
    assert read_csv(tmp_path / "r.csv").columns == results.columns


def test_text_and_numbers_make_the_same_csv(store, tmp_path):
    keys = [run.key for run in store.pending()]
    store.finish([done(keys[0], 1 / 3), done(keys[1], 1e-300)], {}, "")
    for name, as_text in (("text.csv", True), ("numbers.csv", False)):
        write_csv(read_results(store, as_text=as_text), tmp_path / name)
    assert (tmp_path / "text.csv").read_bytes() == (tmp_path / "numbers.csv").read_bytes()


def test_runs_of_a_dead_driver_are_pending_and_those_of_a_live_one_are_running(store):
    store.start(run.key for run in store.pending()[:2])
    status = read_status(store)
    assert (status.driven_by, status.counts) == (None, Counts(pending=3))
    with store.claim():
        with open_store(store.path) as other:
            status = read_status(other)
        assert status.driven_by is not None
        assert status.counts == store.counts() == Counts(pending=1, running=2)
    assert store.counts().running == 0
