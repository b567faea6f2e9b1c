"""R9: a confidence bound on the minimum of the true risk where no reduction is known.

    E min R_N ≤ min E R_N = min R,   so that   mean(D) - t_{M-1} s_D/√M

from certified lower bounds D_1, …, D_M of the empirical minima on M independent training sets is at most
min R with the confidence of t (Mak, Morton, Wood 1999). The true risk of any weights, estimated on fresh
sentences, is an upper bound.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from feature_collapse.arrays import as_array
from feature_collapse.errors import InputError, check_int, check_real

CONFIDENCE = 0.95


def lower_limit(bounds: Sequence[float], confidence: float = CONFIDENCE) -> float:
    """Return a one-sided lower confidence limit for the minimum of the true risk.

    >>> round(lower_limit([0.9, 1.0, 1.1]), 4)
    0.8314

    Args:
        bounds: M ≥ 2 certified lower bounds.
        confidence: of the limit, above 0.5 and below 1.

    Raises:
        InputError: fewer than two bounds, numbers that are not finite, a confidence out of range.
    """
    from scipy.special import stdtrit  # takes a fifth of a second to load

    D = as_array("bounds", bounds, 1)
    _check(confidence)
    check_int("the number of independent training sets", len(D), 2)
    return float(D.mean() - stdtrit(len(D) - 1, confidence) * D.std(ddof=1) / np.sqrt(len(D)))


def upper_limit(estimate: float, standard_error: float, confidence: float = CONFIDENCE) -> float:
    """Return a one-sided upper confidence limit for a mean of many terms: estimate + z·(standard error).

    Raises:
        InputError: a standard error below 0, a confidence out of range.
    """
    from scipy.special import ndtri

    _check(confidence)
    check_real("standard_error", standard_error, 0.0)
    return float(check_real("estimate", estimate) + ndtri(confidence) * standard_error)


def _check(confidence: float) -> None:
    if not 0.5 < check_real("confidence", confidence) < 1.0:
        raise InputError(f"confidence = {confidence:g}, but must be above 0.5 and below 1")
