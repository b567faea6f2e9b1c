"""A user's mistake is an `InputError`: one sentence with the name, the value and the allowed range."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

LARGEST_LAMBDA = 1e30  # far beyond every λ at which the minimiser is zero


class InputError(ValueError):
    """A wrong input, worded for the user; the command line prints it and exits with code 2.

    >>> try:
    ...     check_int("K", 0, 1)
    ... except InputError as error:
    ...     print(error)
    K = 0, but must be an integer ≥ 1
    """

    def __init__(self, message: str) -> None:
        """Keep the message on one line, whatever is quoted in it (a path, the repr of an array)."""
        super().__init__(" ".join(line.strip() for line in message.splitlines()))


class RunStopped(RuntimeError):
    """A run that could not go on (a divergence, a time limit), worded for the user."""


def check_int(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as an int if it is an integer with low <= value <= high.

    Raises:
        InputError: naming the value and the allowed range.
    """
    allowed = f"an integer ≥ {low}" if high is None else f"an integer from {low} to {high}"
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise InputError(f"{name} = {value!r}, but must be {allowed}")
    if int(value) < low or (high is not None and int(value) > high):
        # nobody reads more digits, and Python does not write more than 4,300
        shown = f" = {value}" if abs(int(value)) < 10**30 else " has more than 30 digits"
        raise InputError(f"{name}{shown}, but must be {allowed}")
    return int(value)


def check_real(
    name: str,
    value: Any,
    low: float = -math.inf,
    high: float = math.inf,
    *,
    above: bool = False,
) -> float:
    """Return `value` as a finite float with low <= value <= high (low < value where `above`).

    Raises:
        InputError: naming the value and the allowed range.
    """
    allowed = "a finite number"
    if low > -math.inf:
        allowed = f"a number {'>' if above else '≥'} {low:g}"
    if high < math.inf:
        allowed += f" and ≤ {high:g}"
    if isinstance(value, bool) or not isinstance(value, Real) or not _is_finite(value):
        if isinstance(value, Integral) and abs(int(value)) >= 10**30:  # beyond floats; see check_int
            raise InputError(f"{name} has more than 30 digits, but must be {allowed}")
        raise InputError(f"{name} = {value!r}, but must be {allowed}")
    if float(value) < low or float(value) > high or (above and float(value) == low):
        raise InputError(f"{name} = {float(value):g}, but must be {allowed}")
    return float(value)


def check_lambda(value: Any, least: float = 0.0, *, positive: bool = False) -> float:
    """Return the penalty λ as a float: from 0 (or `least`) to 1e30; `positive` excludes 0.

    Raises:
        InputError: naming the value and the allowed range.
    """
    return check_real("lambda", value, least, LARGEST_LAMBDA, above=positive)


def _is_finite(value: Any) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return False


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`.

    Raises:
        InputError: naming the value, the choices and the nearest one.
    """
    known = list(choices)
    if not isinstance(value, str) or value not in known:
        raise InputError(
            f"{name} = {value!r}, but must be one of {', '.join(known)}{nearest(str(value), known)}"
        )
    return value


def check_type(name: str, value: Any, kind: type | tuple[type, ...], wanted: str) -> None:
    """Check that a value is of a kind, `wanted` in words.

    Raises:
        InputError: naming the type that was given.
    """
    if not isinstance(value, kind):
        raise InputError(f"{name} is of type {type(value).__name__}, but must be {wanted}")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the tail of a sentence that names the known word closest to `word`, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
