"""Arrays given by a user, checked once: finite numbers of a size that can be squared and summed."""

from __future__ import annotations

from typing import Any

import numpy as np

from feature_collapse.errors import InputError

LARGEST = 1e100


def as_array(name: str, value: Any, ndim: int, largest: float = LARGEST) -> np.ndarray:
    """Return a finite, non-empty float64 array of a given number of axes, from an array, list or CPU tensor.

    Raises:
        InputError: other shapes, or entries that are not finite numbers of size ≤ `largest`.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"{name} must be an array of numbers with {ndim} axes") from None
    if array.ndim != ndim or array.size == 0:
        raise InputError(f"{name} has shape {array.shape}, but must have {ndim} axes and not be empty")
    if not np.isfinite(array).all():
        raise InputError(f"{name} has entries that are not finite, but must have finite numbers only")
    if max(array.max(), -array.min()) > largest:
        raise InputError(f"{name} has entries beyond ±{largest:g}, but must have smaller ones")
    return array
