"""From replicates to an interval, a chance level and a p-value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.report import Value
from feature_collapse.metrics.values import Values

NAN = float("nan")
LEVELS = (2.5, 50.0, 97.5)


@dataclass(frozen=True)
class Samples:
    """Replicates of one view: by key (T,), and per concept (T, C), NaN where unknown."""

    overall: Mapping[str, Floats]
    each: Mapping[str, Floats]

    @staticmethod
    def of(replicates: Sequence[Values]) -> Samples:
        """Stack replicates."""
        if not replicates:
            return Samples({}, {})
        keys = {k for r in replicates for k in r.overall}
        overall = {k: np.array([r.overall.get(k, NAN) for r in replicates]) for k in keys}
        return Samples(overall, {k: np.stack([r.each[k] for r in replicates]) for k in replicates[0].each})

    def spread_out(self, where: Ints, n_concepts: int) -> Samples:
        """Return the samples per concept among all `n_concepts`, NaN where nothing is known."""
        each = {}
        for key, table in self.each.items():
            each[key] = np.full((len(table), n_concepts), np.nan)
            each[key][:, where] = table
        return Samples(self.overall, each)


@dataclass(frozen=True)
class Replicates:
    """Of one view: the values of the part that was resampled, its bootstrap, its shuffles."""

    observed: Mapping[str, float]
    bootstrap: Samples
    shuffled: Samples
    narrowing: float


def with_interval(key: str, value: float, r: Replicates | None) -> Value:
    """Return a value over all concepts with what its replicates tell."""
    if r is None or np.isnan(value):
        return Value(key, value)
    low, high = interval(key, value, _finite(r.bootstrap.overall.get(key)), r.narrowing)
    return Value(
        key, value, low, high, *chance(key, r.observed.get(key, NAN), _finite(r.shuffled.overall.get(key)))
    )


def with_concept_interval(key: str, value: float, i: int, r: Replicates | None) -> Value:
    """Return concept i's value with what its replicates tell."""
    if r is None or key not in r.bootstrap.each or np.isnan(value):
        return Value(key, value)
    samples, shuffled = _finite(r.bootstrap.each[key][:, i]), _finite(_column(r.shuffled, key, i))
    if len(samples) == 0:
        return Value(key, value)
    low, high = interval(key, value, samples, r.narrowing)
    return Value(key, value, low, high, *chance(key, value, shuffled))


def _column(samples: Samples, key: str, i: int) -> Floats | None:
    return samples.each[key][:, i] if key in samples.each else None


def _finite(samples: Floats | None) -> Floats:
    return np.zeros(0) if samples is None else samples[np.isfinite(samples)]


def interval(key: str, value: float, samples: Floats, narrowing: float) -> tuple[float, float]:
    """Return the range of the replicates, median moved onto the value, kept inside the statistic's range."""
    if len(samples) < 10 or not np.isfinite(value):
        return NAN, NAN
    low, median, high = np.percentile(samples, LEVELS)
    d = DEFINITIONS[key]
    return (
        float(np.clip(value + (low - median) * narrowing, min(d.low, value), value)),
        float(np.clip(value + (high - median) * narrowing, value, max(d.high, value))),
    )


def chance(key: str, observed: float, samples: Floats) -> tuple[float, float, float, float]:
    """Return mean and 95% range of the shuffles, and p of what was observed beside them."""
    d = DEFINITIONS[key]
    if len(samples) == 0 or np.isnan(observed) or not (d.labels or d.group == "frequency"):
        return NAN, NAN, NAN, NAN
    low, _, high = np.percentile(samples, LEVELS)
    # equal up to rounding counts as equal, so that data without any structure get p = 1
    slack = 1e-9 * max(abs(observed), float(np.abs(samples).max()))
    below = (1 + np.sum(samples <= observed + slack)) / (1 + len(samples))
    above = (1 + np.sum(samples >= observed - slack)) / (1 + len(samples))
    p = below if d.side == "low" else above if d.side == "high" else min(1.0, 2 * min(below, above))
    return float(samples.mean()), float(low), float(high), float(p)
