"""Where the runs are computed: a local Dask cluster, a process per core, or a scheduler that is there."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import Any

from feature_collapse.errors import InputError, RunStopped
from feature_collapse.sweeps import worker
from feature_collapse.sweeps.local_cluster import cores, local_client
from feature_collapse.sweeps.options import SweepOptions, TLSFiles, import_distributed

_TIMEOUT = 10.0  # seconds to reach a scheduler
_FIRST_WORKER = 60.0  # seconds to wait for its first worker
_POLL = 0.2  # seconds
_SINGLE = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
_CONFIG = {
    "distributed.scheduler.allowed-failures": 1,  # we split and retry ourselves
    "distributed.scheduler.worker-saturation": 1.0,  # a worker that dies then takes one batch with it
    "distributed.worker.daemon": True,
    "distributed.admin.tick.limit": "60s",
    "distributed.nanny.pre-spawn-environ": {**_SINGLE, "MALLOC_TRIM_THRESHOLD_": "65536"},
}


@contextmanager
def connect_cluster(options: SweepOptions, log: Callable[[str], None]) -> Iterator[Any]:
    """Yield a Dask client whose workers have our versions.

    Args:
        options: which cluster.
        log: receives the address of the dashboard, where there is one.

    Raises:
        InputError: Dask is not installed, a scheduler that cannot be reached or has no workers, other
            versions there.
        RunStopped: no local worker starts.
    """
    import_distributed()
    import dask

    with dask.config.set(_CONFIG):
        if options.scheduler is None:
            with local_client(options) as client:
                _await_workers(client, options.workers or cores())
                if not client.nthreads():
                    raise RunStopped(f"no local worker has started within {_FIRST_WORKER:.0f} s")
                if options.dashboard:
                    log(f"dashboard: {client.dashboard_link}")
                check_versions(client)
                yield client
            return
        with _external(options.scheduler, options.tls) as client:
            _await_workers(client, 1)
            if not client.nthreads():
                raise InputError(f"scheduler {options.scheduler!r} has no workers; start some and try again")
            if find_spec("bokeh") is not None and client.dashboard_link:
                log(f"dashboard: {client.dashboard_link}")
            check_versions(client)
            yield client


def _await_workers(client: Any, count: int) -> None:
    until = time.monotonic() + _FIRST_WORKER
    while len(client.nthreads()) < count and time.monotonic() < until:
        time.sleep(_POLL)


@contextmanager
def _external(address: str, tls: TLSFiles | None) -> Iterator[Any]:
    distributed = import_distributed()
    security = None
    if tls is not None:
        security = distributed.Security(
            require_encryption=True,
            tls_ca_file=str(tls.ca),
            tls_client_cert=str(tls.certificate),
            tls_client_key=str(tls.key),
        )
    loud = logging.getLogger("distributed")
    level = loud.level
    loud.setLevel(logging.CRITICAL)
    try:
        try:
            client = distributed.Client(address, timeout=_TIMEOUT, set_as_default=False, security=security)
        except (OSError, TimeoutError, ValueError, TypeError, RuntimeError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(f"scheduler {address!r} cannot be reached: {reason}") from None
        try:
            yield client
        finally:
            with suppress(Exception):  # the scheduler may be gone
                client.close(timeout=2)
    finally:
        loud.setLevel(level)


def check_versions(client: Any) -> None:
    """Ask every worker for its versions; one that dies before it answers is asked again when it is back.

    Raises:
        InputError: a worker cannot import our package, or has other versions; it is named.
    """
    ours = worker.versions()
    until = time.monotonic() + _FIRST_WORKER
    while True:
        lost = False
        for address, theirs in client.run(worker.versions, on_error="return").items():
            if isinstance(theirs, OSError):  # the connection broke: the worker died
                lost = True
            elif isinstance(theirs, BaseException):
                raise InputError(f"worker {address} cannot run feature_collapse: {theirs}")
            elif wrong := ours.difference(theirs):
                raise InputError(f"worker {address} has {wrong}; install the same versions there")
        if not lost or time.monotonic() > until:
            return
        time.sleep(_POLL)
