"""The SQLite file of a sweep: recognised before it is touched, opened, its errors worded for the user."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from feature_collapse.boundary import clip, plain_file
from feature_collapse.errors import InputError, RunStopped
from feature_collapse.files import make_folder, write_atomically
from feature_collapse.sweeps import schema

BESIDE = ("-wal", "-shm", "-journal")  # what SQLite may have beside a file
_WAIT = 30.0  # seconds to wait for another connection's transaction


def create_database(path: Path) -> None:
    """Make an empty sweep file: it appears whole, and never in place of another one."""
    make_folder(path.parent)
    with worded(path):
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            schema.create_tables(connection)
            whole = connection.serialize()
        finally:
            connection.close()
    write_atomically(path, whole, replace=False)  # another driver may be faster


def open_database(path: Path) -> sqlite3.Connection:
    """Open a sweep file; one that cannot be written, for reading."""
    if not _writable(path):
        return _reader(path)
    connection = sqlite3.connect(path, isolation_level=None, timeout=_WAIT, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def recognise(path: Path) -> None:
    """Look at a file without changing a byte of it.

    Raises:
        InputError: it cannot be read, is not ours, is damaged, or is from a newer version.
    """
    plain_file(path, "sweep file")
    for tail in BESIDE:
        beside = path.with_name(path.name + tail)
        if beside.exists() and not beside.is_file():
            raise InputError(
                f"{str(beside)!r} is not a file, but SQLite's for the sweep beside it; move it away"
            )
    try:
        settled = not _has_log(path)
        with path.open("rb") as file:
            head = file.read(100)
        short = settled and path.stat().st_size < _size(head) and not _has_log(path)
    except OSError as error:
        raise InputError(f"sweep file {str(path)!r} cannot be read: {error.strerror}") from None
    if not head.startswith(b"SQLite format 3\0") or int.from_bytes(head[68:72], "big") != schema.APPLICATION:
        raise InputError(f"{str(path)!r} is not a sweep file of feature-collapse; it was left as it is")
    version = int.from_bytes(head[60:64], "big")
    if version > schema.VERSION:
        raise InputError(
            f"sweep file {str(path)!r} has schema version {version}, but this program knows 1 to "
            f"{schema.VERSION}; update feature-collapse"
        )
    if short:  # SQLite itself does not miss the end of the last page
        raise damaged_store(path, "its end is missing")
    with worded(path):
        connection = _reader(path)
        try:
            (answer,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            connection.execute("SELECT count(*) FROM sweep, runs WHERE runs.key = ''").fetchone()
        except sqlite3.OperationalError as error:
            if _writable(path) or not ("unable to open" in str(error) or "readonly" in str(error)):
                raise
            raise InputError(
                f"sweep file {str(path)!r} cannot be read where it is, since its folder cannot be written "
                f"and part of it is in {path.name}-wal; copy both elsewhere"
            ) from None
        finally:
            connection.close()
    if answer != "ok":
        raise damaged_store(path, str(answer).splitlines()[0])


def damaged_store(path: Path, reason: str) -> InputError:
    """Return the error of a file that is not what we wrote."""
    return InputError(f"sweep file {str(path)!r} is damaged ({clip(reason, 200)}); it was left as it is")


def parse(path: Path, text: Any, what: str) -> dict[str, Any]:
    """Return a JSON object of a sweep file.

    Raises:
        InputError: it is none.
    """
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise damaged_store(path, f"{what} is not a JSON object")
    return found


@contextmanager
def worded(path: Path) -> Iterator[None]:
    """Word SQLite's errors for the user."""
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text:
            raise RunStopped(
                f"no space is left on the disk that holds {path}; finished runs are kept, make room and "
                "resume"
            ) from None
        if "disk I/O" in text:
            raise RunStopped(
                f"the disk that holds {path} cannot be read or written; finished runs are kept, mend it "
                "and resume"
            ) from None
        if "readonly" in text or "unable to open" in text:
            raise InputError(f"sweep file {str(path)!r} cannot be written ({text})") from None
        if "locked" in text:
            raise InputError(f"sweep file {str(path)!r} is locked by another program; wait for it") from None
        if any(
            sign in text
            for sign in ("decode", "no such", "malformed", "unsupported file format", "already exists")
        ):
            raise damaged_store(path, text) from None
        raise RunStopped(f"sweep file {str(path)!r}: {text}") from None
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise damaged_store(path, str(error)) from None
    except UnicodeDecodeError:  # in a name of the schema
        raise damaged_store(path, "text that is not UTF-8") from None


def _reader(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads; where the folder cannot be written, it makes no other file."""
    still = "" if _writable(path) or _has_log(path) else "&immutable=1"
    address = f"{path.as_uri()}?mode=ro{still}"
    return sqlite3.connect(address, uri=True, isolation_level=None, timeout=_WAIT, check_same_thread=False)


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


def _has_log(path: Path) -> bool:
    """Return whether a part of the content may be in the write-ahead log still."""
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0


def _size(head: bytes) -> int:
    """Return the bytes of the whole file, as its header tells them."""
    page = int.from_bytes(head[16:18], "big")
    return (65536 if page == 1 else page) * int.from_bytes(head[28:32], "big")
