"""Where the runs are computed: a local Dask cluster, a process per core, or a scheduler that is there."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec
from multiprocessing import resource_tracker
from typing import Any

from feature_collapse.errors import InputError
from feature_collapse.sweeps import worker
from feature_collapse.sweeps.options import SweepOptions, check_memory, import_distributed

_TIMEOUT = 10.0  # seconds to reach a scheduler
_FIRST_WORKER = 60.0  # seconds to wait for its first worker
_CLOSING = 10.0  # seconds for the workers to end by themselves
_SINGLE = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
_CONFIG = {
    "distributed.scheduler.allowed-failures": 1,  # we split and retry ourselves
    "distributed.scheduler.worker-saturation": 1.0,  # a worker that dies then takes one batch with it
    "distributed.worker.daemon": True,
    "distributed.admin.tick.limit": "60s",
    "distributed.nanny.pre-spawn-environ": {**_SINGLE, "MALLOC_TRIM_THRESHOLD_": "65536"},
}


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def connect_cluster(options: SweepOptions, log: Callable[[str], None]) -> Iterator[Any]:
    """Yield a Dask client whose workers have our versions.

    Args:
        options: which cluster.
        log: receives the address of the dashboard, where there is one.

    Raises:
        InputError: Dask is not installed, a scheduler that cannot be reached or has no workers, other
            versions there.
    """
    distributed = import_distributed()
    import dask

    with dask.config.set(_CONFIG), _opened(distributed, options) as client:
        if find_spec("bokeh") is not None and client.dashboard_link:
            log(f"dashboard: {client.dashboard_link}")
        check_versions(client)
        yield client


def _opened(distributed: Any, options: SweepOptions) -> AbstractContextManager[Any]:
    if options.scheduler is not None:
        return _external(distributed, options.scheduler)
    limit = "auto" if options.memory_per_worker is None else check_memory(options.memory_per_worker)
    return _local(distributed, options.workers or cores(), limit)


@contextmanager
def _local(distributed: Any, count: int, limit: int | str) -> Iterator[Any]:
    cluster = client = None
    before = set(multiprocessing.active_children())
    try:
        with (
            _without_interrupts()
        ):  # the cluster's thread and all its workers inherit it: Ctrl-C is for the driver
            cluster = distributed.LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                memory_limit=limit,
                dashboard_address="127.0.0.1:0",  # also serves the health of the scheduler, without bokeh
                silence_logs=logging.CRITICAL,
            )
            client = distributed.Client(cluster, set_as_default=False)
        yield client
    finally:
        with _without_interrupts():
            for opened in (client, cluster):
                if opened is not None:
                    with suppress(Exception):
                        opened.close(timeout=_CLOSING)
            for process in set(multiprocessing.active_children()) - before:
                process.kill()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Put Ctrl-C off until the end of the block; threads and processes begun in it never get one."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # it would unblock the signal again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _external(distributed: Any, address: str) -> Iterator[Any]:
    loud = logging.getLogger("distributed")
    level = loud.level
    loud.setLevel(logging.CRITICAL)
    try:
        try:
            client = distributed.Client(address, timeout=_TIMEOUT, set_as_default=False)
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"scheduler {address!r} cannot be reached: {reason}") from None
        try:
            until = time.monotonic() + _FIRST_WORKER
            while not client.nthreads():
                if time.monotonic() > until:
                    raise InputError(f"scheduler {address!r} has no workers; start some and try again")
                time.sleep(0.2)
            yield client
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.close(timeout=2)
    finally:
        loud.setLevel(level)


def check_versions(client: Any) -> None:
    """Ask every worker for its versions.

    Raises:
        InputError: a worker cannot import our package, or has other versions; it is named.
    """
    ours = worker.versions()
    for address, theirs in client.run(worker.versions, on_error="return").items():
        if isinstance(theirs, BaseException):
            raise InputError(f"worker {address} cannot run feature_collapse: {theirs}")
        wrong = ours.difference(theirs)
        if wrong:
            raise InputError(f"worker {address} has {wrong}; install the same versions there")
