"""A cluster of processes on this machine, for one sweep and one user.

Scheduler, workers and client talk TLS with credentials that are made for this cluster, live in the memory of
its processes and go with them: another user of the machine, or another program, cannot connect. HTTP servers,
which Dask cannot be kept from opening, answer nothing unless a dashboard was asked for. Each place for a
worker is kept filled by a task of its own, so that a worker that dies is replaced, also one that dies while
it starts.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from typing import Any

from feature_collapse.errors import InputError
from feature_collapse.sweeps.options import SweepOptions, check_memory, import_distributed

HOST = "127.0.0.1"
_CLOSING = 10.0  # seconds for the workers to end by themselves
_BETWEEN = 0.5  # seconds between two looks at a worker
_MISSED = 10  # looks without a process after which a worker is replaced: Dask did not start it again
_SILENT: dict[str, list[str]] = {  # answer nothing over HTTP
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def local_client(options: SweepOptions) -> Iterator[Any]:
    """Yield a client of a new cluster of `options.workers` processes; they may still be starting.

    Raises:
        InputError: the package for the credentials is missing.
    """
    distributed = import_distributed()
    import dask

    count = options.workers or cores()
    share = int(distributed.system.MEMORY_LIMIT) // count
    limit = share if options.memory_per_worker is None else check_memory(options.memory_per_worker)
    security = _credentials(distributed)
    cluster = client = places = None
    before = set(multiprocessing.active_children())
    with dask.config.set({} if options.dashboard else _SILENT):
        try:
            # the cluster's thread and all its workers inherit it: Ctrl-C is for the driver
            with _without_interrupts():
                cluster = distributed.LocalCluster(
                    n_workers=0,
                    processes=True,
                    host=HOST,
                    security=security,
                    dashboard_address=f"{HOST}:0",
                    scheduler_kwargs={"dashboard": options.dashboard},
                    silence_logs=logging.CRITICAL,
                )
                client = distributed.Client(cluster, set_as_default=False)
                places = _Places(distributed, client, cluster.scheduler_address, security, limit)
                client.sync(places.fill, count)
            yield client
        finally:
            with _without_interrupts():
                if client is not None and places is not None:
                    with suppress(Exception):
                        client.sync(places.empty, callback_timeout=2 * _CLOSING)
                for opened in (client, cluster):
                    if opened is not None:
                        with suppress(Exception):
                            opened.close(timeout=_CLOSING)
                for process in set(multiprocessing.active_children()) - before:
                    # Dask's watcher would say that somebody else has read the exit code
                    logging.getLogger("distributed.process").setLevel(logging.CRITICAL)
                    process.kill()
                    process.join(_CLOSING)  # else Dask finds it alive at exit, and says so


def _credentials(distributed: Any) -> Any:
    try:
        return distributed.Security.temporary()
    except ImportError:
        raise InputError(
            "the workers' credentials need the package cryptography: install feature-collapse[sweep]"
        ) from None


class _Places:
    """Places for workers, each kept filled by a task on the cluster's event loop."""

    def __init__(self, distributed: Any, client: Any, scheduler: str, security: Any, limit: int) -> None:
        self._nanny, self._client = distributed.Nanny, client
        self._scheduler, self._security, self._limit = scheduler, security, limit
        self._tasks: list[asyncio.Task[None]] = []

    async def fill(self, count: int) -> None:
        """Begin to keep `count` places filled."""
        self._tasks = [asyncio.create_task(self._keep(place)) for place in range(count)]

    async def empty(self) -> None:
        """End the workers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _keep(self, place: int) -> None:
        attempt = 0
        while True:
            nanny = self._nanny(
                self._scheduler,
                name=f"{place}-{attempt}",
                nthreads=1,
                host=HOST,
                protocol="tls://",
                security=self._security,
                memory_limit=self._limit,
                silence_logs=logging.CRITICAL,
                dashboard=False,
            )
            try:
                with suppress(Exception):  # its worker died while it started
                    await nanny
                    await self._watch(nanny)
            finally:
                with suppress(Exception):
                    await nanny.close(timeout=_CLOSING)
            attempt += 1
            await asyncio.sleep(_BETWEEN)

    async def _watch(self, nanny: Any) -> None:
        """Return when the worker has no process and Dask has not started another."""
        missed = 0
        while missed < _MISSED and nanny.status.name == "running":
            await asyncio.sleep(_BETWEEN)
            missed = 0 if nanny.is_alive() else missed + 1


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
