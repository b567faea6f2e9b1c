"""Do frequent entities get longer vectors? Slope and rank correlation of log length against log frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.moments import BatchGroups, GroupMoments

EQUAL_LENGTHS = 1e-10
"""Below this coefficient of variation lengths are equal up to rounding: slope 0, no ranks."""
NAN = float("nan")
KEYS = ("length_slope", "length_slope_within", "length_rank_correlation")


class FrequencySums:
    """Sums for the slopes over batches: moments of log frequency and log length per concept. Mergeable."""

    def __init__(self, n_concepts: int) -> None:
        """Start empty."""
        self.pairs = GroupMoments(n_concepts, 2, scatter=False)
        self.cross = np.zeros((n_concepts, 2))  # per concept: centred Σ f², Σ f·r
        self.without_frequency = 0

    def update(self, length: Floats, frequencies: Floats, ids: Ints) -> None:
        """Add a batch; entities without a logarithm are left out."""
        usable = (length > 0) & (frequencies > 0)
        self.without_frequency += int(np.sum(frequencies <= 0))
        if not usable.any():
            return
        groups = BatchGroups(ids[usable])
        pair = np.log(np.stack([frequencies[usable], length[usable]], axis=1))
        mean = groups.sums(pair) / groups.count[:, None]
        off = pair - mean[groups.inverse]
        cross = groups.sums(np.stack([off[:, 0] ** 2, off[:, 0] * off[:, 1]], axis=1))
        self._add_cross(groups.ids, groups.count, mean, cross)
        self.pairs.update(pair, groups)

    def merge(self, other: FrequencySums) -> None:
        """Add what another worker has seen."""
        ids = np.flatnonzero(other.pairs.count)
        self._add_cross(ids, other.pairs.count[ids], other.pairs.mean[ids], other.cross[ids])
        self.pairs.merge(other.pairs)
        self.without_frequency += other.without_frequency

    def _add_cross(self, ids: Ints, count: Ints, mean: Floats, cross: Floats) -> None:
        delta = mean - self.pairs.mean[ids]
        weight = (self.pairs.count[ids] * count / np.maximum(self.pairs.count[ids] + count, 1))[:, None]
        self.cross[ids] += cross + weight * delta[:, :1] * delta

    def slopes(self) -> dict[str, float]:
        """Return length_slope and length_slope_within; {} if no frequencies came."""
        count = self.pairs.count
        if count.sum() == 0:
            return {}
        off = self.pairs.mean - count @ self.pairs.mean / count.sum()
        inside = self.cross.sum(axis=0)
        total = inside + (count[:, None] * off[:, :1] * off).sum(axis=0)
        floor = 1e-20 * count.sum()
        return {
            "length_slope": float(total[1] / total[0]) if total[0] > floor else NAN,
            "length_slope_within": float(inside[1] / inside[0]) if inside[0] > floor else NAN,
        }


def length_against_frequency(lengths: Floats, frequencies: Floats, codes: Ints) -> dict[str, float]:
    """Return length_slope, length_slope_within and length_rank_correlation for (N,) arrays.

    Entities with zero length or zero frequency have no logarithm and are left out. NaN where undefined.
    """
    usable = (lengths > 0) & (frequencies > 0)
    x, y, c = np.log(frequencies[usable]), np.log(lengths[usable]), codes[usable]
    if len(x) < 3 or np.ptp(x) == 0:
        return dict.fromkeys(KEYS, NAN)
    if y.std() < EQUAL_LENGTHS:
        return {"length_slope": 0.0, "length_slope_within": 0.0, "length_rank_correlation": NAN}
    return {
        "length_slope": _slope(x - x.mean(), y - y.mean()),
        "length_slope_within": _slope(_inside(x, c), _inside(y, c)),
        "length_rank_correlation": rank_correlation(x, y),
    }


@dataclass(frozen=True)
class ShuffledFrequencies:
    """Frequencies shuffled over the entities that have one, and shuffled inside each concept."""

    everywhere: Floats
    inside: Floats

    def against(self, lengths: Floats, codes: Ints) -> dict[str, float]:
        """Return the three values; the slope inside concepts is that of the shuffle inside concepts."""
        out = length_against_frequency(lengths, self.everywhere, codes)
        within = length_against_frequency(lengths, self.inside, codes)["length_slope_within"]
        return {**out, "length_slope_within": within}


def shuffled_frequencies(
    frequencies: Floats, codes: Ints, generator: np.random.Generator
) -> ShuffledFrequencies:
    """Return frequencies (N,) shuffled; entities without one (0) stay without, labels stay where they are."""
    known = np.flatnonzero(frequencies > 0)
    everywhere, inside = frequencies.copy(), frequencies.copy()
    everywhere[known] = frequencies[generator.permutation(known)]
    random = known[np.argsort(generator.random(len(known)))]
    inside[known[np.argsort(codes[known], kind="stable")]] = frequencies[
        random[np.argsort(codes[random], kind="stable")]
    ]
    return ShuffledFrequencies(everywhere, inside)


def _inside(values: Floats, codes: Ints) -> Floats:
    count = np.maximum(np.bincount(codes), 1)
    return np.asarray(values - (np.bincount(codes, weights=values) / count)[codes])


def _slope(x: Floats, y: Floats) -> float:
    square = float(x @ x)
    return float(x @ y) / square if square > 1e-20 * len(x) else NAN


def rank_correlation(x: Floats, y: Floats) -> float:
    """Return Spearman's rank correlation, equal values having their mean rank; NaN where one is constant.

    >>> round(rank_correlation(np.array([1.0, 2.0, 2.0, 5.0]), np.array([0.1, 0.2, 0.3, 0.4])), 4)
    0.9487
    """
    a, b = _ranks(x), _ranks(y)
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else NAN


def _ranks(values: Floats) -> Floats:
    """Return ranks from 1, the mean rank where values are equal."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[inverse])
