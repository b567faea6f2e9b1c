"""One value of the report, with what its replicates tell."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """One value with its 95% bootstrap interval, and the same under shuffled labels (mean, 95% range, p).

    `p` is the share of shuffles at least as collapsed, (1 + hits)/(1 + shuffles); `withheld` says why there
    is no interval where one was asked for. NaN where undefined or not computed.
    """

    key: str
    value: float
    low: float = math.nan
    high: float = math.nan
    chance: float = math.nan
    chance_low: float = math.nan
    chance_high: float = math.nan
    p: float = math.nan
    withheld: str = ""

    def to_dict(self) -> dict[str, float | str | None]:
        """Return the numbers, NaN and infinite as None, and why an interval is withheld, if it is."""
        names = ("value", "low", "high", "chance", "chance_low", "chance_high", "p")
        return {**{n: number(getattr(self, n)) for n in names}, "withheld": self.withheld or None}


def number(x: float) -> float | None:
    """Return a number for JSON: None where it is not finite."""
    return float(x) if math.isfinite(x) else None
