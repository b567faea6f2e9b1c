"""Ctrl-C reaches the driver and all its workers at once; only the driver answers it, in one sentence."""

import os
import signal
import subprocess
import sys
import time

import pytest

from .conftest import ENVIRONMENT

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


def family(driver):
    try:
        return psutil.Process(driver.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def workers(driver):
    found = []
    for child in family(driver):
        try:
            found += [child] if "spawn_main" in " ".join(child.cmdline()) else []
        except psutil.NoSuchProcess:
            continue
    return found


@pytest.mark.parametrize("seconds", [0.0, 0.4, 6.0], ids=["at the first worker", "while they start", "later"])
def test_ctrl_c_ends_driver_and_workers_with_one_sentence(tmp_path, seconds):
    (tmp_path / "s.toml").write_text(SWEEP)
    driver = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "feature_collapse",
            "sweep",
            "run",
            "s.toml",
            "--store",
            "s.sweep",
            "--workers",
            "2",
        ],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(
            signal.SIGINT, signal.SIG_DFL
        ),  # ignored in background jobs, and inherited
    )
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
    assert (driver.returncode, errors.count("\n")) == (130, 1), errors
    assert errors.startswith("feature-collapse: interrupted")
    _, alive = psutil.wait_procs(others, timeout=5)
    assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
