"""How a sweep is driven: by which cluster, how often a run is tried. Checked before anything is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from feature_collapse.errors import InputError, check_int

_SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is driven.

    Attributes:
        scheduler: address of an existing scheduler, `tcp://host:port`; None for a local cluster.
        workers: processes of the local cluster, one thread each; None for one per core.
        memory_per_worker: limit, such as `2GiB`, above which a local worker is restarted and its run failed;
            None for equal shares of the machine's memory.
        retries: further tries of a run that fails.
        retry_failed: whether runs that an earlier driver recorded as failed are tried again.

    Raises:
        InputError: a value out of range, what is no address, or options of a local cluster beside one.
    """

    scheduler: str | None = None
    workers: int | None = None
    memory_per_worker: str | None = None
    retries: int = 2
    retry_failed: bool = False

    def __post_init__(self) -> None:
        """Check every option."""
        check_int("retries", self.retries, 0, 100)
        if self.workers is not None:
            check_int("workers", self.workers, 1, 1024)
        if self.memory_per_worker is not None:
            check_memory(self.memory_per_worker)
        if self.scheduler is not None:
            _check_address(self.scheduler)
            if self.workers is not None or self.memory_per_worker is not None:
                raise InputError(
                    "workers and memory per worker are those of the scheduler; give them only without "
                    "--scheduler"
                )


def import_distributed() -> Any:
    """Return the module `distributed`.

    Raises:
        InputError: it is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise InputError("sweeps need Dask: install feature-collapse[sweep]") from None
    return distributed


def check_memory(text: str) -> int:
    """Return the bytes of a memory limit.

    Raises:
        InputError: it is no size, or less than 256 MiB.
    """
    import_distributed()
    from dask.utils import parse_bytes

    try:
        size = int(parse_bytes(text))
    except (ValueError, OverflowError):
        size = 0
    if size < 2**28:
        raise InputError(f"memory per worker = {text!r}, but must be a size of at least 256MiB, such as 2GiB")
    return size


def _check_address(address: str) -> None:
    scheme, _, rest = address.partition("://")
    host, _, port = rest.rpartition(":")
    if scheme not in _SCHEMES or not host or not (port.isascii() and port.isdigit() and 0 < len(port) < 6):
        known = ", ".join(_SCHEMES)
        raise InputError(
            f"scheduler = {address!r}, but must be an address such as tcp://127.0.0.1:8786 (of {known})"
        )
    check_int(f"the port of scheduler {address!r}", int(port), 1, 65535)
