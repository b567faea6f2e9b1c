"""Rare against frequent: length, direction and nearest centre by frequency bin, with intervals and two tests.

A slope sees a trend; a curve by bins sees a hump. Bins hold about equally many entities. The tests shuffle
frequencies over entities:
- against no relation: is the variance of log length between bins larger than under shuffling?
- against monotone: is the best monotone curve (isotonic, rising or falling) so far from the bin means that
  noise around it does not explain the rest?
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.intervals import jeffreys
from feature_collapse.metrics.second_pass import OwnConcept

MOST_BINS = 10
LEAST_IN_BIN = 8
SHUFFLES = 199


@dataclass(frozen=True)
class Bin:
    """Entities of similar frequency: how many, from which to which, and what they look like.

    length: geometric mean of ‖x‖ with its 95% interval; direction: mean squared distance of unit vectors from
    their concept's mean direction; nearest: share nearest to their own concept's centre (Jeffreys' interval).
    """

    entities: int
    low_frequency: float
    high_frequency: float
    length: float
    length_low: float
    length_high: float
    direction: float
    nearest: float
    nearest_low: float
    nearest_high: float


@dataclass(frozen=True)
class Curve:
    """Bins from rare to frequent; R² of log length by a line and by the bins; p against either hypothesis."""

    bins: tuple[Bin, ...]
    r2_line: float
    r2_bins: float
    p_no_relation: float
    p_monotone: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values; NaN becomes None."""
        plain = asdict(self)
        numbers = {k: v if v == v else None for k, v in plain.items() if k != "bins"}
        bins = [{k: v if v == v else None for k, v in b.items()} for b in plain["bins"]]
        return {**numbers, "bins": bins}


def frequency_curve(
    frequencies: Floats | None, own: OwnConcept, generator: np.random.Generator
) -> Curve | None:
    """Return the curve of one view; None without frequencies (N,), or with fewer than two bins."""
    if frequencies is None:
        return None
    usable = np.flatnonzero((own.length > 0) & (frequencies > 0))
    f = np.log(frequencies[usable])
    bins = _bins(f)
    if bins is None or np.ptp(f) == 0:
        return None
    y = np.log(own.length[usable])
    found = tuple(
        _bin(frequencies[part], own.length[part], own.off[part], own.nearest[part])
        for part in (usable[bins == b] for b in range(int(bins.max()) + 1))
    )
    return Curve(found, _r2_line(f, y), *_tests(y, bins, generator))


def _bins(f: Floats) -> Ints | None:
    """Bin of each entity (N,), equal frequencies in one bin; None where there would be fewer than two."""
    n_bins = min(MOST_BINS, len(f) // LEAST_IN_BIN)
    if n_bins < 2:
        return None
    cuts = np.unique(np.quantile(f, np.arange(1, n_bins) / n_bins))
    _, bins = np.unique(np.searchsorted(cuts, f, side="right"), return_inverse=True)
    return bins.astype(np.int64) if bins.max() >= 1 else None


def _bin(frequency: Floats, length: Floats, off: Floats, own: Floats) -> Bin:
    logs = np.log(length)
    half = 1.96 * logs.std(ddof=1) / np.sqrt(len(logs)) if len(logs) > 1 else np.nan
    known = own[np.isfinite(own)]
    share = float(known.mean()) if len(known) else np.nan
    nearest = jeffreys(share, len(known)) if len(known) else None
    return Bin(
        entities=len(length),
        low_frequency=float(frequency.min()),
        high_frequency=float(frequency.max()),
        length=float(np.exp(logs.mean())),
        length_low=float(np.exp(logs.mean() - half)),
        length_high=float(np.exp(logs.mean() + half)),
        direction=float(np.nanmean(off)) if np.isfinite(off).any() else np.nan,
        nearest=share,
        nearest_low=nearest.low if nearest else np.nan,
        nearest_high=nearest.high if nearest else np.nan,
    )


def _r2_line(f: Floats, y: Floats) -> float:
    return float(np.corrcoef(f, y)[0, 1] ** 2) if y.std() > 1e-10 else 0.0


def _tests(y: Floats, bins: Ints, generator: np.random.Generator) -> tuple[float, float, float]:
    """R² of the bins; p against no relation, by shuffling; p against monotone, by noise around the best."""
    if y.std() <= 1e-10:
        return 0.0, 1.0, 1.0
    count = np.bincount(bins)
    total = float(np.sum((y - y.mean()) ** 2))

    def means(values: Floats) -> Floats:
        return np.asarray(np.bincount(bins, weights=values) / count)

    def between(values: Floats) -> float:
        return float(count @ (means(values) - values.mean()) ** 2)

    own = between(y)
    shuffled = np.array([between(generator.permutation(y)) for _ in range(SHUFFLES)])
    p_none = (1 + np.sum(shuffled >= own - 1e-12 * total)) / (1 + SHUFFLES)
    away, best = _off_monotone(means(y), count)
    rest, order = y - means(y)[bins], np.argsort(bins, kind="stable")
    # the monotone curve is true: residuals, shuffled inside bins by drawing again, around it
    drawn = [
        _off_monotone(means(best[bins] + _redrawn(rest[order], bins, count, generator)), count)[0]
        for _ in range(SHUFFLES)
    ]
    p_monotone = (1 + np.sum(np.array(drawn) >= away - 1e-12 * total)) / (1 + SHUFFLES)
    return own / total, float(p_none), float(p_monotone)


def _redrawn(rest: Floats, bins: Ints, count: Ints, generator: np.random.Generator) -> Floats:
    """Draw for each entity a residual of its bin, from residuals sorted by bin, with their variance."""
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    drawn = starts[bins] + (generator.random(len(bins)) * count[bins]).astype(np.int64)
    return np.asarray(rest[drawn] * np.sqrt(count / np.maximum(count - 1, 1))[bins])


def _off_monotone(means: Floats, count: Ints) -> tuple[float, Floats]:
    """Return the weighted squared distance of the means from the best monotone curve, and that curve."""
    tries: list[Callable[[Floats], Floats]] = [lambda m: m, np.negative]
    curves = [turn(_isotonic(turn(means), count.astype(np.float64))) for turn in tries]
    away = [float(count @ (means - c) ** 2) for c in curves]
    best = int(np.argmin(away))
    return away[best], curves[best]


def _isotonic(values: Floats, weights: Floats) -> Floats:
    """Return the nearest rising curve, by pooling neighbours that fall."""
    blocks: list[list[float]] = []
    for value, weight in zip(values, weights, strict=True):
        blocks.append([float(value), float(weight), 1])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            v, w, k = blocks.pop()
            u, t, j = blocks.pop()
            blocks.append([(u * t + v * w) / (t + w), t + w, j + k])
    return np.concatenate([np.full(int(k), v) for v, _, k in blocks])
