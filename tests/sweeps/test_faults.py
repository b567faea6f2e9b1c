"""Workers and driver are killed at random: every run ends once in the store, with its undisturbed result."""

import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from feature_collapse.sweeps.counts import Counts
from feature_collapse.sweeps.engine import serial
from feature_collapse.sweeps.results import read_results
from feature_collapse.sweeps.spec import read_sweep
from feature_collapse.sweeps.store import open_store

from .conftest import drive, workers

psutil = pytest.importorskip("psutil")
SWEEP = """
[base]
n_w = 60
K = 30
L = 6
d = 8
epochs = 60
batch_size = 20
word_law = "zipf"
[axes]
lambda = [1e-3, 3e-3]
n_spl = [1, 2]
seeds = 16
[record]
quantities = ["risk", "test_accuracy", "type_I", "type_III", "rank_W"]
"""
KILLS = ("worker", "driver", "worker", "driver", "worker")


def finished(path: Path) -> int:
    if not path.exists():
        return 0
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)
    try:
        return reader.execute("SELECT count(*) FROM runs WHERE state = 'done'").fetchone()[0]
    finally:
        reader.close()


def test_random_kills_of_workers_and_driver_lose_no_run_and_repeat_none(tmp_path):
    chance = random.Random(6)
    store, kills, left = tmp_path / "s.sweep", list(KILLS), []
    counts, orphans = [0], []
    driver = drive(tmp_path, SWEEP)
    try:
        until = time.monotonic() + 300
        while driver.poll() is None or kills:
            assert time.monotonic() < until, "the sweep did not end"
            now = finished(store)
            assert now >= counts[-1], "a finished run was lost"
            if kills and now > counts[-1] and driver.poll() is None:
                time.sleep(chance.uniform(0.0, 0.3))
                if kills[0] == "worker" and workers(driver):
                    chance.choice(workers(driver)).send_signal(signal.SIGKILL)
                    left.append(kills.pop(0))
                elif kills[0] == "driver":
                    orphans += workers(driver)
                    driver.kill()
                    driver.wait()
                    driver.stderr.close()
                    left.append(kills.pop(0))
                    now = finished(store)
                    driver = drive(tmp_path, SWEEP)
            counts.append(now)
            if driver.poll() == 0 and kills:
                break
            time.sleep(0.02)
        errors = driver.stderr.read()
        assert driver.wait() == 0, errors
    finally:
        driver.kill()
        driver.wait()
        driver.stderr.close()
    assert left == list(KILLS), "the sweep was too short for all the kills"
    assert not [child for child in orphans if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    with open_store(store) as opened:
        assert opened.counts() == Counts(0, 0, 64, 0)
        results = read_results(opened)
    keys = results.column("key")
    assert len(set(keys)) == len(keys) == 64
    expected = dict(serial(read_sweep(tmp_path / "s.toml")))
    for name in ("risk", "test_accuracy", "type_I", "type_III", "rank_W"):
        assert dict(zip(keys, results.column(name), strict=True)) == {
            key: one.result[name] for key, one in expected.items()
        }
