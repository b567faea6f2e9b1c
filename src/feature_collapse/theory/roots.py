"""Roots of decreasing functions of a positive unknown, on a logarithmic scale, to full relative precision."""

from __future__ import annotations

import math
from collections.abc import Callable

_FURTHEST = 1e7  # of |log x|


def log_root(function: Callable[[float], float], lowest: float = -700.0) -> float:
    """Return the logarithm of the root x > 0 of a function of log x that falls from positive to negative.

    By halving, until two neighbouring numbers are left: about 60 evaluations. (scipy.optimize, which would
    need a dozen, takes a third of a second to load.) Where rounding hides the positive side, a number below
    `lowest` is returned.
    """
    low, high = -1.0, 1.0
    while function(low) < 0:
        low, high = 2.0 * low, low
        if low < lowest:
            return low
    while function(high) > 0:
        low, high = high, 2.0 * high
        assert high < _FURTHEST
    while low < (middle := low + (high - low) / 2.0) < high:
        value = function(middle)
        if value == 0.0:  # among numbers that rounding makes roots, not the last of them
            return middle
        if value > 0:
            low = middle
        else:
            high = middle
    return high


def exp(x: float) -> float:
    """Return the exponential; beyond the range of floats 0 or infinity."""
    return math.exp(x) if x < 709.7 else math.inf
