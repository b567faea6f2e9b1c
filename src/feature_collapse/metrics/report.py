"""The report: frozen values with interval, chance level and p-value; per view and concept; text and JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np

from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.detail import Detail
from feature_collapse.metrics.outcome import OUTCOMES
from feature_collapse.metrics.value import Value, number

SCHEMA_VERSION = 2
"""Of the JSON: 1 had no such key; `report.schema.json` describes it."""

VERDICTS = {
    "I": "type I: one direction and one length per concept",
    "II": "type II: one direction per concept after the normaliser",
    "III": "type III: one direction per concept, lengths differ",
    "none": "none of the paper's types",
    "point": "all entities coincide: complete collapse, without any concept structure",
    "undefined": "not defined for these data",
}


@dataclass(frozen=True)
class Concept:
    """One concept of one view: name, members, mean length, and its own spread values."""

    name: str
    count: int
    mean_length: float
    values: Mapping[str, Value]

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values."""
        return {
            "name": self.name,
            "count": self.count,
            "mean_length": number(self.mean_length),
            "values": {k: v.to_dict() for k, v in self.values.items()},
        }


@dataclass(frozen=True)
class View:
    """Everything after one normaliser ('none' is before); `worst` names the worst concept of a value."""

    normaliser: str
    outcome: str
    outcome_reason: str
    verdict: str
    reason: str
    values: Mapping[str, Value]
    concepts: tuple[Concept, ...]
    worst: Mapping[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values."""
        return {
            "normaliser": self.normaliser,
            "outcome": self.outcome,
            "outcome_reason": self.outcome_reason,
            "verdict": self.verdict,
            "reason": self.reason,
            "values": {k: v.to_dict() for k, v in self.values.items()},
            "worst": dict(self.worst),
            "concepts": [c.to_dict() for c in self.concepts],
        }


@dataclass(frozen=True)
class Report:
    """What `measure` returns. Two questions are answered, in the view of the model's own `normaliser`.

    `outcome`: do the features cluster by concept, and on what shape (a key of `OUTCOMES`)? `verdict`: which
    of the paper's definitions 1–3 do they meet (a key of `VERDICTS`)? Each with its reason.

    >>> import numpy as np
    >>> from feature_collapse import measure
    >>> report = measure(np.repeat(np.eye(3), 4, axis=0), list("aaaabbbbcccc"), resamples=0)
    >>> report.outcome, report.verdict, round(report["spread"].value, 6)
    ('orthogonal', 'none', 0.0)

    `notes` says what was left out, what is undefined and why; `policy` how intervals and chance were made.
    """

    n_entities: int
    n_concepts: int
    dimension: int
    normaliser: str
    outcome: str
    outcome_reason: str
    verdict: str
    reason: str
    views: Mapping[str, View]
    notes: tuple[str, ...] = ()
    policy: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    detail: Detail | None = None

    def __getitem__(self, key: str) -> Value:
        """Return the value `key` of the view of the model's own normaliser."""
        return self.views[self.normaliser].values[key]

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for `json.dumps`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "n_entities": self.n_entities,
            "n_concepts": self.n_concepts,
            "dimension": self.dimension,
            "normaliser": self.normaliser,
            "outcome": self.outcome,
            "outcome_text": OUTCOMES[self.outcome],
            "outcome_reason": self.outcome_reason,
            "verdict": self.verdict,
            "verdict_text": VERDICTS[self.verdict],
            "reason": self.reason,
            "views": {k: v.to_dict() for k, v in self.views.items()},
            "notes": list(self.notes),
            "policy": dict(self.policy),
            "detail": None if self.detail is None else self.detail.to_dict(),
        }

    def __str__(self) -> str:
        """Return a plain table of the model's own view."""
        view = self.views[self.normaliser]
        lines = [
            f"{self.n_entities} entities, {self.n_concepts} concepts, {self.dimension} dimensions",
            f"{view_name(self.normaliser)}: {OUTCOMES[self.outcome]} ({self.outcome_reason})",
            f"the paper's definitions: {VERDICTS[self.verdict]} ({self.reason})",
            f"{'value':37s} {'':>8s} {'95% interval':>17s} {'shuffled':>8s} {'p':>5s}",
        ]
        for value in view.values.values():
            lines.append(
                f"{DEFINITIONS[value.key].title:37.37s} {show(value.value, 3):>8s} {interval(value):>17s} "
                f"{show(value.chance, 3):>8s} {show(value.p, 2):>5s}"
            )
        lines += [f"worst {DEFINITIONS[k].title}: {name}" for k, name in view.worst.items()]
        return "\n".join([*lines, *(f"note: {n}" for n in self.notes)])


def distinct_views(report: Report) -> dict[str, View]:
    """Return the views by name, those with the same values together: without ε RMSNorm is the sphere."""
    found: dict[str, View] = {}
    for view in report.views.values():
        name = view_name(view.normaliser).removeprefix("after ")
        numbers = {k: v.value for k, v in view.values.items()}
        for known, other in found.items():
            mine = [numbers.get(k, math.nan) for k in other.values]
            if numbers.keys() == other.values.keys() and np.allclose(
                mine, [v.value for v in other.values.values()], rtol=1e-9, atol=1e-12, equal_nan=True
            ):
                found = {(f"{k}, {name}" if k == known else k): v for k, v in found.items()}
                break
        else:
            found[name] = view
    return found


def view_name(normaliser: str) -> str:
    """Return a view's name for people."""
    return "as it is" if normaliser == "none" else f"after {normaliser}"


def show(x: float, digits: int = 4) -> str:
    """Return a number for a table: a dash where it is undefined."""
    if math.isnan(x):
        return "–"
    if math.isinf(x):
        return "∞"
    return f"{x:.{digits}g}" if abs(x) >= 1e-12 else "0"


def interval(value: Value) -> str:
    """Return 'low…high', or a dash."""
    return "–" if math.isnan(value.low) else f"{show(value.low, 3)}…{show(value.high, 3)}"


def printable(text: str) -> str:
    """Return text whose control characters cannot reach a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
