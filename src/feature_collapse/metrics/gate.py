"""Conditions on which a measurement fails: `direction_spread > 0.5`, or `direction_spread > +0.05`.

A number with + is a difference from the baseline; with −, where there is a baseline; without a sign it is the
value itself. A condition on a value that is undefined fails: a gate that cannot see does not open.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

from feature_collapse.boundary import clip
from feature_collapse.errors import InputError, nearest
from feature_collapse.metrics.baseline import Differences
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.report import Report, show

_PATTERN = re.compile(r"\s*(\w+)\s*(<=|>=|<|>)\s*([+-]?)\s*(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+)\s*")
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@dataclass(frozen=True)
class Condition:
    """A condition: the value `key` (or its difference from the baseline) stands to `limit` as `sign` says.

    >>> Condition.parse("direction_spread > +0.05", baseline=True).of_difference
    True
    """

    text: str
    key: str
    sign: str
    limit: float
    of_difference: bool

    @staticmethod
    def parse(text: str, *, baseline: bool) -> Condition:
        """Return the condition that `text` states; `baseline` says whether there is one to differ from.

        Raises:
            InputError: for anything but KEY < > <= >= NUMBER, an unknown key, or + without a baseline.
        """
        found = _PATTERN.fullmatch(text)
        if found is None:
            raise InputError(
                f"fail-if = {clip(text)!r}, but must be a key, one of < <= > >=, and a number, such as "
                "'direction_spread > +0.05'"
            )
        key, sign, plus, number = found.groups()
        if key not in DEFINITIONS:
            raise InputError(
                f"fail-if = {clip(text)!r}: {clip(key)!r} is no value of a report{nearest(key, DEFINITIONS)}"
            )
        if plus == "+" and not baseline:
            raise InputError(
                f"fail-if = {clip(text)!r} is a difference, but there is no baseline: give one, or no +"
            )
        limit = -float(number) if plus == "-" else float(number)
        return Condition(text.strip(), key, sign, limit, bool(plus) and baseline)

    def failure(self, report: Report, comparison: Differences | None) -> str | None:
        """Return why the measurement fails, in one sentence, or None."""
        if self.of_difference and comparison is not None:
            one = comparison.differences.get(self.key)
            value = float("nan") if one is None else one.difference
        else:
            own = report.views[report.normaliser].values.get(self.key)
            value = float("nan") if own is None else own.value
        if value != value:
            return f"{self.key} is undefined here, and '{self.text}' cannot be judged"
        if not _OPERATORS[self.sign](value, self.limit):
            return None
        change = " more than the baseline's" if self.of_difference else ""
        return f"{self.key} is {show(value, 4)}{change}: {self.text}"
