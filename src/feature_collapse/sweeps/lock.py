"""The lock of a sweep's driver: SQLite's own, on a file beside the store; it dies with its process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from feature_collapse.errors import InputError

_PATIENCE = 1.0  # seconds in which those who only look are gone


@contextmanager
def hold(store: Path) -> Iterator[bool]:
    """Hold the lock of a store; yields whether it was free.

    Raises:
        InputError: the file of the lock cannot be one.
    """
    with _opened(store, "rwc", _PATIENCE) as lock:
        yield _free(store, lock, "BEGIN EXCLUSIVE")


def is_held(store: Path) -> bool:
    """Return whether a driver holds the lock; looking shuts no driver out.

    Raises:
        InputError: the file of the lock cannot be one.
    """
    if not _lock_path(store).exists():
        return False
    with _opened(store, "ro", 0.0) as lock:
        return not _free(store, lock, "SELECT count(*) FROM sqlite_master")


def _lock_path(store: Path) -> Path:
    return store.with_name(store.name + "-driver")


@contextmanager
def _opened(store: Path, mode: str, patience: float) -> Iterator[sqlite3.Connection]:
    path = _lock_path(store)
    if path.exists() and not path.is_file():
        raise _unusable(store, "it is not a file")
    try:
        lock = sqlite3.connect(
            f"{path.as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=patience,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise _unusable(store, str(error)) from None
    try:
        yield lock
    finally:
        lock.close()


def _free(store: Path, lock: sqlite3.Connection, question: str) -> bool:
    try:
        lock.execute(question).fetchone()
    except sqlite3.Error as error:
        if "locked" not in str(error):
            raise _unusable(store, str(error)) from None
        return False
    return True


def _unusable(store: Path, reason: str) -> InputError:
    return InputError(
        f"{str(_lock_path(store))!r} cannot be the lock of the sweep's driver: {reason}; move it away"
    )
