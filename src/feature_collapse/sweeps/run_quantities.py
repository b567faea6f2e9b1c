"""What a sweep keeps of a run: the numbers of its summary, ranks, the distance to collapse of each type."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from feature_collapse.model.weights import Weights
from feature_collapse.sweeps.messages import Number, Quantities
from feature_collapse.task import Task
from feature_collapse.theory.classify import fit_type

RANK_TOLERANCE = 0.01  # smaller singular values, relative to the largest, are what a gap of 0.1 % leaves


def quantities_of(
    weights: Weights, task: Task, summary: Mapping[str, Any], names: tuple[str, ...] = ()
) -> Quantities:
    """Return names and numbers (or lists of numbers) of a run; JSON-able, NaN and infinities as None.

    Beside the summary: `rank_W`, `rank_U` (of the features φ(w) and of the u_{k,ℓ}), and `type_I`, `type_II`,
    `type_III`, the residuals of definitions 1-3: 0 for a configuration of the type, at most 1. O((n_w + K L)
    d²).

    Args:
        weights: of the run.
        task: of the run.
        summary: of the run, what summary.json has.
        names: to keep; none for all.
    """
    found = {name: value for name, value in summary.items() if _numeric(value)}
    spectrum = weights.spectrum()
    found |= {"d_used": weights.d, "rank_W": _rank(spectrum.features), "rank_U": _rank(spectrum.linear)}
    for kind in ("I", "III") if weights.radius is None else ("I", "II", "III"):
        if names and f"type_{kind}" not in names:
            continue
        found[f"type_{kind}"] = fit_type(kind, weights, task).residual
    if names:
        found = {name: found.get(name) for name in names}
    return {name: _plain(value) for name, value in found.items()}


def _rank(values: np.ndarray) -> int:
    """Return how many of falling singular values are above 1 % of the largest; 0 where all are below 1e-6."""
    return int((values > max(RANK_TOLERANCE * values.max(), 1e-6)).sum())


def _numeric(value: Any) -> bool:
    if isinstance(value, list):
        return all(_numeric(x) for x in value)
    return isinstance(value, (bool, int, float, np.number)) or value is None


def _plain(value: Any) -> Number | list[Number]:
    return [_number(x) for x in value] if isinstance(value, list) else _number(value)


def _number(value: Any) -> Number:
    if value is None or isinstance(value, (bool, np.bool_)):
        return None if value is None else int(value)
    number: int | float = value.item() if isinstance(value, np.number) else value
    return number if math.isfinite(number) else None
