"""Do frequent entities get longer vectors? Slope and rank correlation of log length against log frequency."""

from __future__ import annotations

import numpy as np

from feature_collapse.metrics.arrays import Floats, Ints

EQUAL_LENGTHS = 1e-10
"""Below this coefficient of variation lengths are equal up to rounding: slope 0, no ranks."""


def length_against_frequency(lengths: Floats, frequencies: Floats, codes: Ints) -> dict[str, float]:
    """Return length_slope, length_slope_within and length_rank_correlation for (N,) arrays.

    Entities with zero length or zero frequency have no logarithm and are left out. NaN where undefined.
    """
    usable = (lengths > 0) & (frequencies > 0)
    x, y, c = np.log(frequencies[usable]), np.log(lengths[usable]), codes[usable]
    nothing = float("nan")
    if len(x) < 3 or np.ptp(x) == 0:
        return {"length_slope": nothing, "length_slope_within": nothing, "length_rank_correlation": nothing}
    if y.std() < EQUAL_LENGTHS:
        return {"length_slope": 0.0, "length_slope_within": 0.0, "length_rank_correlation": nothing}
    return {
        "length_slope": _slope(x - x.mean(), y - y.mean()),
        "length_slope_within": _slope(_inside(x, c), _inside(y, c)),
        "length_rank_correlation": _rank_correlation(x, y),
    }


def _inside(values: Floats, codes: Ints) -> Floats:
    count = np.maximum(np.bincount(codes), 1)
    return np.asarray(values - (np.bincount(codes, weights=values) / count)[codes])


def _slope(x: Floats, y: Floats) -> float:
    square = float(x @ x)
    return float(x @ y) / square if square > 1e-20 * len(x) else float("nan")


def _rank_correlation(x: Floats, y: Floats) -> float:
    from scipy.stats import rankdata

    a, b = rankdata(x), rankdata(y)
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else float("nan")
