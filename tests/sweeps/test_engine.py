"""The driver on a scheduler and two workers started by hand: same results, failures recorded."""

import os
import signal
import sqlite3

import pytest

from feature_collapse.errors import InputError, RunStopped
from feature_collapse.sweeps import cluster as clusters
from feature_collapse.sweeps import driver
from feature_collapse.sweeps.engine import run_sweep, serial
from feature_collapse.sweeps.messages import Batch, Planned
from feature_collapse.sweeps.options import SweepOptions
from feature_collapse.sweeps.results import read_results
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.store import open_store
from feature_collapse.sweeps.worker import run_batch, versions

from .conftest import start_scheduler, start_worker, stop

pytest.importorskip("distributed")

BASE = {"n_w": 12, "K": 6, "L": 3, "d": 4, "epochs": 3, "batch_size": 10}


def make(seeds=6, **base):
    return Sweep.from_mapping({"name": "s", "base": BASE | base, "axes": {"n_spl": [1, 2], "seeds": seeds}})


def outcomes(path):
    with open_store(path) as store:
        results = read_results(store)
    return dict(zip(results.column("key"), results.column("risk"), strict=True)), results


def test_an_external_scheduler_gives_the_results_of_a_serial_loop_and_a_resume_repeats_none(
    cluster, tmp_path
):
    sweep, seen = make(), []
    end = run_sweep(sweep, tmp_path / "s.sweep", SweepOptions(scheduler=cluster), callback=seen.append)
    assert (end.done, end.failed, end.fresh, end.total) == (12, 0, 12, 12)
    assert seen[-1].workers == 2
    found, results = outcomes(tmp_path / "s.sweep")
    assert found == {key: one.result["risk"] for key, one in serial(sweep)}
    assert set(results.column("attempts")) == {1}
    again = run_sweep(
        None, tmp_path / "s.sweep", SweepOptions(scheduler="tcp://127.0.0.1:9")
    )  # nothing to do: not asked
    assert (again.done, again.fresh) == (12, 0)


def test_a_failing_run_is_retried_then_recorded_while_the_sweep_goes_on(cluster, tmp_path):
    axes = {"learning_rate": [0.1, 1e30], "seeds": 3}
    sweep = Sweep.from_mapping({"name": "s", "base": BASE | {"init_scale": 1.0}, "axes": axes})
    end = run_sweep(sweep, tmp_path / "s.sweep", SweepOptions(scheduler=cluster, retries=1))
    assert (end.done, end.failed) == (3, 3)
    with open_store(tmp_path / "s.sweep") as store:
        results = read_results(store).where(state="failed")
    assert results.column("attempts") == [2, 2, 2]
    assert all("diverged" in text for text in results.column("error"))
    assert run_sweep(None, tmp_path / "s.sweep", SweepOptions(scheduler=cluster)).fresh == 0
    assert (
        run_sweep(
            None, tmp_path / "s.sweep", SweepOptions(scheduler=cluster, retry_failed=True, retries=0)
        ).fresh
        == 3
    )


def test_a_run_that_kills_its_worker_is_recorded_and_takes_no_other_along(cluster, tmp_path, monkeypatch):
    sweep = make()
    poison = next(sweep.runs()).key
    real = driver.run_batch

    def deadly(batch):
        if any(poison == run.key for unit in batch.units for run in unit):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(batch)

    monkeypatch.setattr(driver, "run_batch", deadly)
    end = run_sweep(sweep, tmp_path / "s.sweep", SweepOptions(scheduler=cluster, retries=1))
    assert (end.done, end.failed) == (11, 1)
    with open_store(tmp_path / "s.sweep") as store:
        failed = read_results(store).where(state="failed")
    assert failed.column("key") == [poison]
    assert "worker that ran it died" in failed.column("error")[0]


def test_records_on_disk_are_left_where_they_are_wanted(cluster, tmp_path):
    sweep = Sweep.from_mapping({"name": "s", "base": BASE, "axes": {"seeds": 2}, "record": {"folders": True}})
    run_sweep(sweep, tmp_path / "s.sweep", SweepOptions(scheduler=cluster))
    folders = sorted(path.name for path in (tmp_path / "s-records").iterdir())
    assert folders == sorted(run.key for run in sweep.runs())
    assert all((tmp_path / "s-records" / name / "summary.json").is_file() for name in folders)


WORKER = "from distributed.cli.dask_worker import main; main()"
OTHER_VERSION = f"import feature_collapse as f; f.__version__ = '0.0.1'; {WORKER}"
NO_PACKAGE = f"import sys; sys.modules['feature_collapse'] = None; {WORKER}"


@pytest.mark.parametrize(
    ("code", "message"),
    [(OTHER_VERSION, r"feature_collapse 0\.0\.1 instead of"), (NO_PACKAGE, "cannot run feature_collapse")],
)
def test_workers_with_other_versions_are_refused_before_anything_runs(tmp_path, code, message):
    scheduler, address = start_scheduler(tmp_path)
    worker = start_worker(address, tmp_path, "-c", code, "--no-nanny")
    try:
        with pytest.raises(InputError, match=message) as error:
            run_sweep(make(), tmp_path / "s.sweep", SweepOptions(scheduler=address))
        assert "\n" not in str(error.value)
    finally:
        stop(worker, scheduler)
    with open_store(tmp_path / "s.sweep") as store:
        assert store.counts().pending == 12


def test_an_unreachable_scheduler_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "_TIMEOUT", 0.5)
    with pytest.raises(InputError, match=r"scheduler 'tcp://127\.0\.0\.1:9' cannot be reached"):
        run_sweep(make(), tmp_path / "s.sweep", SweepOptions(scheduler="tcp://127.0.0.1:9"))


def test_a_scheduler_without_workers_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(clusters, "_FIRST_WORKER", 0.5)
    scheduler, address = start_scheduler(tmp_path)
    try:
        with pytest.raises(InputError, match="has no workers"):
            run_sweep(make(), tmp_path / "s.sweep", SweepOptions(scheduler=address))
    finally:
        stop(scheduler)


def test_a_lost_scheduler_ends_the_driver_and_keeps_what_was_finished(tmp_path, monkeypatch):
    monkeypatch.setattr(driver, "_LOST", 1.0)
    scheduler, address = start_scheduler(tmp_path)
    worker = start_worker(address, tmp_path)

    def kill_after_two(at):
        if at.fresh >= 2:
            scheduler.kill()

    try:
        with pytest.raises(RunStopped, match=r"scheduler was lost; \d+ finished"):
            run_sweep(
                make(seeds=200, epochs=200),
                tmp_path / "s.sweep",
                SweepOptions(scheduler=address),
                callback=kill_after_two,
            )
    finally:
        stop(worker, scheduler)
    with open_store(tmp_path / "s.sweep") as store:
        assert store.counts().done >= 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scheduler": "localhost"}, "must be an address such as"),
        ({"scheduler": "xyz://1:2"}, "must be an address such as"),
        ({"scheduler": "tcp://"}, "must be an address such as"),
        ({"scheduler": "tcp://host"}, "must be an address such as"),
        ({"scheduler": "tcp://host:0"}, "from 1 to 65535"),
        ({"memory_per_worker": "1e999"}, "at least 256MiB"),
        ({"scheduler": "tcp://127.0.0.1:9", "workers": 2}, "only without --scheduler"),
        ({"workers": 0}, "workers = 0"),
        ({"memory_per_worker": "lots"}, "memory per worker = 'lots'"),
        ({"memory_per_worker": "1MiB"}, "at least 256MiB"),
        ({"retries": -1}, "retries = -1"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(InputError) as error:
        SweepOptions(**options)
    assert message in str(error.value)


def test_a_resume_of_nothing_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        run_sweep(None, tmp_path / "none.sweep")
    assert not list(tmp_path.iterdir())


def vocabulary(path, first):
    rows = "".join(f"{word},{word[0]},1\n" for word in (first, "a2", "b1", "b2"))
    path.write_text("word,concept,frequency\n" + rows)
    return str(path)


def planned(tmp_path):
    """A sweep file over a vocabulary, none of whose runs is done."""
    words = vocabulary(tmp_path / "words.csv", "a1")
    base = {key: value for key, value in BASE.items() if key != "n_w"}
    sweep = Sweep.from_mapping({"name": "s", "base": base | {"vocabulary": words}, "axes": {"seeds": 2}})
    with open_store(tmp_path / "s.sweep", create=True) as store:
        store.set_sweep(sweep, sweep.runs())
    return sweep


def test_a_resume_after_the_vocabulary_changed_is_refused(tmp_path):
    planned(tmp_path)
    vocabulary(tmp_path / "words.csv", "a9")
    with pytest.raises(InputError, match=r"words\.csv' is not what it was"):
        run_sweep(None, tmp_path / "s.sweep", SweepOptions(scheduler="tcp://127.0.0.1:9"))


def test_a_vocabulary_that_changes_while_the_sweep_runs_fails_the_run(tmp_path):
    runs = planned(tmp_path)
    assert next(serial(runs))[1].error is None
    run = next(runs.runs())
    batch = Batch(((Planned(run.key, run.settings),),), (), None, versions())
    vocabulary(tmp_path / "words.csv", "a9")
    assert "has changed since" in run_batch(batch).units[0][0].error


@pytest.mark.parametrize("settings", ['{"n_spl": 1}', '{"n_spl": "x"}', '{"other": 1}'])
def test_pending_settings_that_are_none_are_one_sentence(tmp_path, settings):
    planned(tmp_path)
    spoiler = sqlite3.connect(tmp_path / "s.sweep")
    spoiler.execute("UPDATE runs SET settings = ?", (settings,))
    spoiler.commit()
    spoiler.close()
    with pytest.raises(InputError, match=r"s\.sweep'|n_spl"):
        run_sweep(None, tmp_path / "s.sweep", SweepOptions(scheduler="tcp://127.0.0.1:9"))


def test_progress_is_what_the_file_says(cluster, tmp_path):
    seen = []

    def compare(at):
        with open_store(tmp_path / "s.sweep") as store:
            counts = store.counts()
        seen.append((at.done, at.failed, at.total) == (counts.done, counts.failed, counts.total))

    run_sweep(make(), tmp_path / "s.sweep", SweepOptions(scheduler=cluster), callback=compare)
    assert len(seen) > 1 and all(seen)
