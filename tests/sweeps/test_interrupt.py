"""Ctrl-C reaches the driver and all its workers at once; only the driver answers it, in one sentence."""

import os
import signal
import time

import pytest

from .conftest import drive, family, workers

psutil = pytest.importorskip("psutil")
pytest.importorskip("distributed")
SWEEP = """
[base]
n_w = 60
K = 30
L = 6
d = 8
epochs = 20000
[axes]
seeds = 50
"""


@pytest.mark.parametrize("seconds", [0.0, 0.4, 6.0], ids=["at the first worker", "while they start", "later"])
def test_ctrl_c_ends_driver_and_workers_with_one_sentence(tmp_path, seconds):
    driver = drive(tmp_path, SWEEP)
    try:
        until = time.monotonic() + 60
        while not workers(driver) and time.monotonic() < until:
            time.sleep(0.02)
        time.sleep(seconds)
        others = family(driver)
        os.killpg(driver.pid, signal.SIGINT)
        _, errors = driver.communicate(timeout=60)
    finally:
        if driver.poll() is None:
            os.killpg(driver.pid, signal.SIGKILL)
            driver.communicate()
    *before, last = errors.splitlines()
    assert driver.returncode == 130, errors
    assert last.startswith("feature-collapse: interrupted")
    assert [line for line in before if "by a measurement now" not in line] == []  # what was said at the start
    _, alive = psutil.wait_procs(others, timeout=5)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
