"""A Dask scheduler and two workers started by hand on loopback, as on a cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import feature_collapse

try:
    import psutil
except ModuleNotFoundError:  # comes with Dask; the tests that need it skip
    psutil = None

ENVIRONMENT = os.environ | {
    "PYTHONPATH": str(Path(feature_collapse.__file__).parents[1]),
    "OMP_NUM_THREADS": "1",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
}


def start(*command):
    return subprocess.Popen(
        [sys.executable, *command],
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def drive(folder, text, *more):
    """Start `sweep run` on a sweep file of that text, with two workers and the store s.sweep, in `folder`."""
    (folder / "s.toml").write_text(text)
    command = ["feature_collapse", "sweep", "run", "s.toml", "--store", "s.sweep", "--workers", "2", *more]
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # ignored in background jobs, and inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def family(driver):
    """Every living process that a driver started."""
    try:
        return psutil.Process(driver.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def workers(driver):
    """Those of a driver's family that work on its runs."""
    found = []
    for child in family(driver):
        with suppress(psutil.NoSuchProcess):
            found += [child] if "spawn_main" in " ".join(child.cmdline()) else []
    return found


def stop(*processes):
    """Kill what was started here, with the processes that it started."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def start_scheduler(folder, *more):
    path = folder / "scheduler.json"
    process = start(
        "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard",
        "--scheduler-file", str(path), *more,
    )  # fmt: skip
    until = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.1)
    return process, json.loads(path.read_text())["address"]


def start_worker(address, folder, *before, more=()):
    return start(
        *(before or ("-m", "distributed.cli.dask_worker")), address, "--host", "127.0.0.1", "--nthreads", "1",
        "--no-dashboard", "--local-directory", str(folder), "--death-timeout", "60", *more,
    )  # fmt: skip


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """Address of a scheduler with two workers."""
    folder = tmp_path_factory.mktemp("cluster")
    scheduler, address = start_scheduler(folder)
    workers = [start_worker(address, folder) for _ in range(2)]
    yield address
    stop(*workers, scheduler)
