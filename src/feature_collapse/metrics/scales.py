"""Scales on which errors of a value are even: there and back."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from feature_collapse.metrics.arrays import Floats

Scale = tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]


def scale_of(name: str, C: int) -> Scale:
    """Return the scale of a name: `log`, `logit`, `plain`, or `sum` for a mean cosine of C directions.

    The last is log(1 + (C - 1)c), and C(1 + (C - 1)c) is the squared length of their sum.
    """
    if name == "sum":
        return lambda c: np.log1p((C - 1) * c), lambda x: np.expm1(x) / (C - 1)
    return _SCALES[name]


def _logit(x: Floats) -> Floats:
    return np.asarray(np.log(x) - np.log1p(-x))


def _expit(x: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-x)))


_SCALES: dict[str, Scale] = {
    "log": (np.log, np.exp),
    "logit": (_logit, _expit),
    "plain": (np.asarray, np.asarray),
}
