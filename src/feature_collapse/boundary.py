"""The edge between a file and its reader: plain files only, sizes first, one sentence for what goes wrong.

A reader parses a file into a checked structure once. Its calls into other libraries stand inside `guarded`,
so that neither a damaged nor a hostile file ends in a traceback.
"""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from feature_collapse.errors import InputError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

LONGEST_LINE = 1 << 24
"""Bytes of a line of text; a longer one is no table and no vocabulary."""

LARGEST_TEXT = 100 << 20
"""Bytes of a JSON or vocabulary file; the largest tokenizer.json in use has a third of it."""

MOST_DIGITS = 18
"""Digits of a count or an id; Python itself refuses to read integers of more than 4,300."""


def damaged(path: Path, what: str, why: str) -> InputError:
    """Return the error for a file that looks like `what` but cannot be read as such."""
    return InputError(f"{path} looks like {what} but cannot be read: {why}")


def printable(text: str) -> str:
    r"""Return text that moves no cursor: control characters but line breaks and tabs become ?.

    Names in files may hold terminal escapes; whatever is printed passes through here.

    >>> printable("a\x1b[2Jb")
    'a?[2Jb'
    """
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def clip(text: object, length: int = 60) -> str:
    r"""Return a name or cell from a file fit for a message: printable, on one line, at most `length` long.

    >>> clip("a\nb")
    'a?b'
    """
    short = str(text)[: length + 1]
    shown = "".join(c if c.isprintable() else "?" for c in short)
    return shown if len(shown) <= length else shown[: length - 1] + "…"


def plain_file(path: Path, what: str = "") -> Path:
    """Return `path` if it is a regular file; a pipe or an endless device is never opened.

    Raises:
        InputError: if it is missing, a folder, a pipe, a device, or out of reach.
    """
    label = f"{what.removeprefix('a ')} {path}" if what else f"{path}"
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise InputError(f"{label} does not exist") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{label} cannot be reached: {_reason(error)}") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{label} is a folder, but must be a file")
    if not stat.S_ISREG(mode):
        raise InputError(f"{label} is a pipe or a device, but must be a plain file: save its content first")
    return path


@contextmanager
def guarded(path: Path, what: str, why: str = "it is truncated or damaged") -> Iterator[None]:
    """Turn whatever a library throws on a bad file into one `InputError`.

    Raises:
        InputError: for any error; one that is already worded passes as it is.
    """
    try:
        yield
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} needs more memory than there is") from error
    except OSError as error:
        raise damaged(path, what, _reason(error)) from error
    except BaseException as error:
        # a panic of Rust (polars, tokenizers) derives from BaseException alone; an interrupt is none
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise damaged(path, what, why) from error


def _reason(error: Exception) -> str:
    return clip(getattr(error, "strerror", None) or "it is truncated or damaged")


def read_text(path: Path, what: str) -> str:
    """Return the text of a small file (up to `LARGEST_TEXT` bytes), UTF-8 with or without a byte order mark.

    Raises:
        InputError: if it is no plain file, too large, or no UTF-8 text.
    """
    plain_file(path, what)
    with guarded(path, what):
        with path.open("rb") as file:
            content = file.read(LARGEST_TEXT + 1)
        if len(content) > LARGEST_TEXT:
            raise InputError(f"{what} {path} is larger than {LARGEST_TEXT >> 20} MB, too large for {what}")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise damaged(path, what, "it is not UTF-8 text") from error


def parse_json(path: Path, what: str, text: str | bytes, why: str = "it is truncated or damaged") -> Json:
    """Return JSON as Python values; deep nesting, huge integers and broken text are one sentence.

    Raises:
        InputError: if the text is no JSON.
    """
    with guarded(path, what, why):  # RecursionError, and ValueError for integers of over 4,300 digits
        value: Json = json.loads(text)
        return value


def parse_count(digits: str | bytes) -> int | None:
    """Return the natural number that ASCII digits write, or None (also for absurdly many digits)."""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS):
        return None
    return int(digits)


def read_lines(path: Path, what: str, file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines of a file, each of bounded length, with their ends.

    Raises:
        InputError: for a line longer than `LONGEST_LINE`.
    """
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise damaged(path, what, f"a line is longer than {LONGEST_LINE >> 20} MB")
        yield line


def read_toml(path: str | Path, what: str = "settings") -> dict[str, Any]:
    """Return the keys and values of a TOML file; `what` it is, for messages.

    Raises:
        InputError: a file that is missing or is not TOML.
    """
    try:
        text = read_text(Path(path), "the file")
    except InputError as error:
        raise InputError(f"{what} cannot be read ({error})") from None
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise InputError(f"{what} file {str(path)!r} is nested too deeply") from None
    except ValueError as error:  # no TOML, or a number of thousands of digits
        raise InputError(f"{what} file {str(path)!r} is not TOML: {clip(error, 200)}") from None
