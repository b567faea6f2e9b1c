"""Files that are whole or absent: written to a temporary file beside the target, then renamed."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from feature_collapse.errors import InputError

if sys.platform != "win32":
    import fcntl


def write_atomically(path: Path, content: bytes | str, *, replace: bool = True) -> None:
    """Write a file so that a crash, an interrupt or a full disk leaves the earlier one or the new one.

    What a killed writer of the same file left half written beside it is removed.

    Args:
        path: of the file; a link there is replaced, never followed.
        content: text is written as UTF-8.
        replace: whether a file that is there already is replaced; else it stays as it is.

    Raises:
        OSError: as the system words it; the temporary file is removed.
    """
    data = content.encode() if isinstance(content, str) else content
    for left in unfinished(path.parent, path.name):
        _remove_if_left(left)
    handle, temporary = _open_temporary(path)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            if replace:
                os.replace(temporary, path)
                return
            with suppress(FileExistsError):
                os.link(temporary, path)
            os.unlink(temporary)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def unfinished(folder: Path, name: str) -> list[Path]:
    """Return the temporary files beside a file of this name; of a writer at work, or of one that was killed.

    They are called `.NAME.XXXXXXXX.part`.
    """
    pattern = re.compile(rf"\.{re.escape(name)}\.[a-z0-9_]{{8}}\.part")
    try:
        return [path for path in folder.iterdir() if pattern.fullmatch(path.name)]
    except OSError:  # may be written but not listed
        return []


def _open_temporary(path: Path) -> tuple[int, Path]:
    """Return an open new file beside a path, and its name; its lock tells that its writer lives."""
    while True:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        if sys.platform != "win32":
            with suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
        if os.path.exists(name):
            return handle, Path(name)
        os.close(handle)  # another writer took it for one that was left, before it was locked


def _remove_if_left(path: Path) -> None:
    """Remove a temporary file unless its writer lives, or nobody can tell."""
    if sys.platform == "win32":
        return
    with suppress(OSError):
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
        finally:
            os.close(handle)


def _umask() -> int:
    """Return the permissions that the user wants no new file to have; it can be read only by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def make_folder(path: Path) -> Path:
    """Make a folder, if it is not there, that can be written; returns it.

    Raises:
        InputError: it is a file, or cannot be made or written.
    """
    for parent in (path, *path.parents):
        if parent.exists() and not parent.is_dir():
            raise InputError(f"output folder {str(path)!r}: {str(parent)!r} is a file; give another folder")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(f"output folder {str(path)!r} cannot be written: {error.strerror}") from None
    return path


def refuse_overwriting(output: Path, inputs: Iterable[Path | None]) -> None:
    """Check that an output is a plain file to be, in a folder that exists, and no input or inside one.

    Raises:
        InputError: naming the output and what is in the way.
    """
    if (output.exists() and not output.is_file()) or not output.parent.is_dir():
        raise InputError(f"output {str(output)!r}, but must be a plain file in a folder that exists")
    target = output.resolve()
    for path in inputs:
        if path is not None and path.resolve() in (target, *target.parents):
            raise InputError(
                f"output {str(output)!r} would replace an input ({str(path)!r}); give another file"
            )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; the system lets go of it when the process ends, however it ends.

    Raises:
        InputError: another process holds it.
    """
    if sys.platform == "win32":  # no such locks there
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"output folder {str(folder)!r} is in use by another run; wait for it, or end it"
            ) from None
        yield
    finally:
        os.close(handle)
