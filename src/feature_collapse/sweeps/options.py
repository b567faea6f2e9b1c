"""How a sweep is driven: by which cluster, how often a run is tried. Checked before anything is done."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_collapse.boundary import plain_file
from feature_collapse.errors import InputError, check_int

_SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")


@dataclass(frozen=True)
class TLSFiles:
    """The files with which a client shows a scheduler who it is, and knows the scheduler.

    Attributes:
        ca: certificates of the authority that signed the scheduler's.
        certificate, key: of the client; one file may hold both.

    Raises:
        InputError: a file that is not there, is no plain file, or is not what it should be.
    """

    ca: Path
    certificate: Path
    key: Path

    def __post_init__(self) -> None:
        """Load all three once."""
        names = {"--tls-ca": self.ca, "--tls-cert": self.certificate, "--tls-key": self.key}
        for option, path in names.items():
            plain_file(path, option)
        context = ssl.create_default_context()
        try:
            context.load_verify_locations(self.ca)
        except (OSError, ValueError):
            raise InputError(f"--tls-ca {self.ca} holds no certificates in PEM form") from None
        try:
            # an encrypted key asks for its password, which a driver cannot answer
            context.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ValueError):
            raise InputError(
                f"--tls-cert {self.certificate} and --tls-key {self.key} are not a certificate and its key "
                "in PEM form, without a password"
            ) from None


@dataclass(frozen=True)
class SweepOptions:
    """How a sweep is driven.

    Attributes:
        scheduler: address of an existing scheduler, `tcp://` or `tls://host:port`; None for a local cluster.
        workers: processes of the local cluster, one thread each; None for one per core.
        memory_per_worker: limit, such as `2GiB`, above which a local worker is restarted and its run failed;
            None for equal shares of the machine's memory.
        retries: further tries of a run that fails.
        retry_failed: whether runs that an earlier driver recorded as failed are tried again.
        tls: credentials for a scheduler at `tls://`; None for those of Dask's configuration, if any.
        dashboard: whether the local cluster serves Dask's pages, to anybody on this machine.

    Raises:
        InputError: a value out of range, what is no address, or options of a local cluster beside one.
    """

    scheduler: str | None = None
    workers: int | None = None
    memory_per_worker: str | None = None
    retries: int = 2
    retry_failed: bool = False
    tls: TLSFiles | None = None
    dashboard: bool = False

    def __post_init__(self) -> None:
        """Check every option."""
        check_int("retries", self.retries, 0, 100)
        if self.workers is not None:
            check_int("workers", self.workers, 1, 1024)
        if self.memory_per_worker is not None:
            check_memory(self.memory_per_worker)
        if self.tls is not None and not (self.scheduler or "").startswith("tls://"):
            raise InputError("credentials need --scheduler tls://HOST:PORT; a local cluster makes its own")
        if self.scheduler is not None:
            _check_address(self.scheduler)
            if self.dashboard:
                raise InputError("the dashboard is that of the scheduler; give it only without --scheduler")
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
