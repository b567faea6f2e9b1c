"""A report that was saved as JSON: the values and intervals of its own view, read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from feature_collapse.boundary import Json, clip, parse_json, read_text
from feature_collapse.errors import InputError
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.report import SCHEMA_VERSION
from feature_collapse.metrics.value import Value

_NUMBERS = ("value", "low", "high", "chance", "chance_low", "chance_high", "p")
_WHAT = "a saved report"


@dataclass(frozen=True)
class SavedReport:
    """What a saved report says of the model's own view."""

    source: str
    normaliser: str
    values: Mapping[str, Value]


def is_saved_report(path: Path) -> bool:
    """Return whether a file is meant as a report: it ends in .json."""
    return path.suffix == ".json" and path.is_file()


def read_saved_report(path: str | Path) -> SavedReport:
    """Read what `feature-collapse measure --json` printed.

    Raises:
        InputError: no JSON, another version of the schema, or a part that is missing.
    """
    path = Path(path)
    saved = parse_json(path, _WHAT, read_text(path, _WHAT))
    version = saved.get("schema_version") if isinstance(saved, dict) else None
    if version != SCHEMA_VERSION:
        raise InputError(
            f"{path} has schema_version = {clip(version)}, but a saved report must have {SCHEMA_VERSION}: "
            "it is what `feature-collapse measure --json` prints"
        )
    assert isinstance(saved, dict)
    normaliser = saved.get("normaliser")
    views = saved.get("views")
    view = views.get(normaliser) if isinstance(views, dict) and isinstance(normaliser, str) else None
    values = view.get("values") if isinstance(view, dict) else None
    if not isinstance(values, dict) or not isinstance(normaliser, str):
        raise InputError(f"{path} is no whole report: the values of its own view are missing")
    found = {k: _value(path, k, v) for k, v in values.items() if k in DEFINITIONS}
    return SavedReport(str(path), normaliser, found)


def _value(path: Path, key: str, saved: Json) -> Value:
    numbers: dict[str, float] = {}
    for name in _NUMBERS:
        one = saved.get(name) if isinstance(saved, dict) else ""
        if not isinstance(one, int | float | None) or isinstance(one, bool):
            raise InputError(f"{path}: {name} of {key} is {clip(one)}, but must be a number or null")
        numbers[name] = float("nan") if one is None else float(one)
    low, high, p = numbers["low"], numbers["high"], numbers["p"]
    chance = (numbers["chance"], numbers["chance_low"], numbers["chance_high"])
    return Value(key, numbers["value"], low, high, *chance, p)
