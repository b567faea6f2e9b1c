"""The local cluster serves its driver alone, and replaces a worker that dies while it starts."""

import asyncio
import os
import signal
import time
import urllib.error
import urllib.request
from contextlib import suppress

import pytest

from feature_collapse.sweeps.counts import Counts
from feature_collapse.sweeps.store import open_store

from .conftest import ENVIRONMENT, drive, stop, workers

psutil = pytest.importorskip("psutil")
distributed = pytest.importorskip("distributed")
SWEEP = """
[base]
n_w = 12
K = 6
L = 3
d = 4
epochs = {epochs}
[axes]
n_spl = [1, 2]
seeds = {seeds}
"""


def test_what_killed_workers_left_in_the_temporary_folder_is_gone_after_the_next_sweep(tmp_path, monkeypatch):
    scratch = tmp_path / "temporary" / "dask-scratch-space"
    (scratch / "worker-killed").mkdir(parents=True)
    (scratch / "worker-killed.dirlock").touch()  # nobody holds it: its worker was killed
    monkeypatch.setitem(ENVIRONMENT, "TMPDIR", str(scratch.parent))
    driver = drive(tmp_path, SWEEP.format(epochs=2, seeds=1))
    try:
        driver.communicate(timeout=300)
    finally:
        stop(driver)
    assert driver.returncode == 0
    assert {path.name for path in scratch.parent.rglob("*")} <= {scratch.name, "global.lock", "purge.lock"}


def counts(folder):
    with open_store(folder / "s.sweep") as store:
        return store.counts()


def wait_for(what, seconds=300):
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)
    return found


def ports(driver):
    found = []
    for process in [psutil.Process(driver.pid), *workers(driver)]:
        with suppress(psutil.NoSuchProcess):  # a worker may end between being listed and being asked
            found += [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    return [(address.ip, address.port) for address in found]


async def reach(address, security):
    """Whether Dask's handshake with a port succeeds; a port that only keeps one waiting has refused."""
    connecting = distributed.comm.connect(address, timeout=2, **security.get_connection_args("client"))
    try:
        comm = await asyncio.wait_for(connecting, 4)
    except (OSError, TimeoutError, TypeError, ValueError, RuntimeError):
        return False
    comm.abort()
    return True


def intrude(address, security=None):
    """The user that runs code sent to a scheduler, or None where it is refused."""
    if not asyncio.run(reach(address, security or distributed.Security())):
        return None
    with distributed.Client(address, timeout=10, set_as_default=False, security=security) as client:
        return client.submit(os.getuid).result(timeout=60)


def page(port, path):
    try:
        return urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5).status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def test_who_has_no_credentials_is_refused_at_every_port_of_a_running_sweep(tmp_path):
    driver = drive(tmp_path, SWEEP.format(epochs=2000, seeds=2000))
    try:
        wait_for(lambda: len(workers(driver)) == 2 and len(ports(driver)) >= 8)
        wait_for(lambda: counts(tmp_path).running)
        found = ports(driver)
        assert {host for host, _ in found} == {"127.0.0.1"}
        forged = distributed.Security.temporary()
        for _, port in found:
            assert intrude(f"tcp://127.0.0.1:{port}") is None
            assert intrude(f"tls://127.0.0.1:{port}", forged) is None
            for path in (
                "/",
                "/status",
                "/health",
                "/metrics",
                "/info/main/workers.html",
                "/json/counts.json",
            ):
                assert page(port, path) in (None, 404)
        assert driver.poll() is None, "the sweep was over before the intruder had tried every port"
        ended = counts(tmp_path).ended
        wait_for(lambda: counts(tmp_path).ended > ended)
        assert counts(tmp_path).failed == 0
    finally:
        stop(driver)
        driver.stderr.close()


def test_control_the_intruder_gets_in_where_no_credentials_are_asked_for(cluster):
    assert intrude(cluster) == os.getuid()


def test_a_dashboard_that_is_asked_for_answers(tmp_path):
    driver = drive(tmp_path, SWEEP.format(epochs=3000, seeds=8), "--dashboard")
    try:
        line = driver.stderr.readline()
        assert line.startswith("dashboard: http://127.0.0.1:")
        assert page(int(line.rsplit(":", 1)[1].split("/")[0]), "/health") == 200
    finally:
        os.killpg(driver.pid, signal.SIGKILL)
        driver.communicate()


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.0, 2.0])
def test_a_worker_that_dies_in_the_first_seconds_costs_at_most_its_batch(tmp_path, seconds):
    driver = drive(tmp_path, SWEEP.format(epochs=100, seeds=8))
    try:
        wait_for(lambda: workers(driver))
        time.sleep(seconds)
        for worker in workers(driver)[:1]:
            worker.kill()
        errors = driver.communicate(timeout=300)[1]
    finally:
        stop(driver)
    progress = [line for line in errors.splitlines() if not line.startswith("s: ")]  # of a slow machine
    assert (driver.returncode, progress) == (0, [])
    assert counts(tmp_path) == Counts(done=16)
