"""The values of an axis of a sweep: their order, and how they are written in a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from feature_collapse.figures.style import plain

MOST_TICKS = 12
_LONGEST = 18  # characters beside a tick


def is_number(value: Any) -> bool:
    """Return whether a value belongs on a scale; true and false have none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def ordered(values: Iterable[Any], known: Sequence[Any] = ()) -> list[Any]:
    """Return the distinct values: numbers rising, others as in `known`, then as they appear; None last."""
    found = dict.fromkeys(values)
    some = [value for value in found if value is not None]
    rank = {value: i for i, value in enumerate(dict.fromkeys([*known, *some]))}
    some.sort(key=None if all(is_number(value) for value in some) else rank.__getitem__)
    return [*some, None] if None in found else some


def label(value: Any, digits: int = 6) -> str:
    """Return a value in words: 'none' for None, a float with so many digits, an integer whole up to 10^6."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > 10**300:
        return f"{Decimal(value):.{digits}g}"
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > 10**6):
        return f"{value:.{digits}g}"
    return str(value)


def tick_labels(values: Sequence[Any]) -> list[str]:
    """Return short labels; numbers have three digits, or six where three do not tell them apart."""
    short = [label(value, 3) for value in values]
    return [plain(text, _LONGEST) for text in (short if len({*short}) == len(short) else map(label, values))]
