"""Roots of decreasing functions of a positive unknown, on a logarithmic scale, to full relative precision."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq

_FURTHEST = 1e7  # of |log x|


def log_root(function: Callable[[float], float], lowest: float = -700.0) -> float:
    """Return the logarithm of the root x > 0 of a function of log x that falls from positive to negative.

    About 60 evaluations. Where rounding hides the positive side, a number below `lowest` is returned.
    """
    low, high = -1.0, 1.0
    while function(low) < 0:
        low, high = 2.0 * low, low
        if low < lowest:
            return low
    while function(high) > 0:
        low, high = high, 2.0 * high
        assert high < _FURTHEST
    return float(brentq(function, low, high, xtol=1e-15, rtol=1e-15, maxiter=500))


def exp(x: float) -> float:
    """Return the exponential; beyond the range of floats 0 or infinity."""
    return math.exp(x) if x < 709.7 else math.inf
