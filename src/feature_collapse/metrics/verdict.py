"""Which of the paper's definitions 1–3 do these features (and classifier rows) meet?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from feature_collapse.metrics.frames import frame_exists
from feature_collapse.metrics.moments import ConceptMoments
from feature_collapse.metrics.values import Point

RESIDUAL_LIMIT = 0.3
"""Up to here (91% of the squared length explained) the verdict speaks of collapse."""
LENGTH_LIMIT = 0.2
"""Up to this coefficient of variation all lengths count as equal (type I, not III)."""
CHANCE_LEVEL = 0.05
"""The residual must be below the shuffled labels' with this p-value."""


def coincide(m: ConceptMoments) -> bool:
    """Return whether all entities are one point, up to rounding."""
    mean = m.count @ m.mean / m.count.sum()
    away = float(m.m2.sum() + m.count @ np.sum((m.mean - mean) ** 2, axis=1))
    return away <= 1e-26 * m.energy


def verdict(point: Point, p: Mapping[str, float], normalised: bool) -> tuple[str, str]:
    """Return the verdict of a view ('I', 'II', 'III', 'none', 'point', 'undefined') and its reason.

    Without p-values (no shuffles asked for) the reason says that chance was not tested.
    """
    m, values = point.moments, point.values.overall
    c, d = m.mean.shape
    if c == 0:
        return "undefined", "no concept has two members"
    if coincide(m):
        return "point", "all entities are equal"
    if c == 1:
        return "undefined", "one concept with two members or more: nothing to compare it with"
    if not frame_exists(c, d):
        return "undefined", (
            f"{c} equiangular directions need at least {c - 1} dimensions, but there are {d}; "
            f"direction spread {values['direction_spread']:.3g}"
        )
    key = "type_II" if normalised else "type_III"
    residual = values[key]
    if np.isnan(residual):
        return "undefined", "all vectors are zero"
    against = _against(key, values, p)
    if against:
        if p.get("direction_spread", 1.0) <= CHANCE_LEVEL:
            against.append(
                "yet concepts are more alike in direction than chance "
                f"(spread {values['direction_spread']:.3g}, p = {p['direction_spread']:.2g})"
            )
        return "none", "; ".join(against)
    reason = f"residual {residual:.3g}"
    if "classifier" in values:
        reason += f", linear weights {values['classifier']:.3g}"
    if np.isnan(p.get(key, np.nan)):
        reason += ", chance not tested"
    if normalised:
        return "II", reason
    variation = values["length_variation"]
    return ("I" if variation <= LENGTH_LIMIT else "III"), f"{reason}, variation of length {variation:.3g}"


def _against(key: str, values: Mapping[str, float], p: Mapping[str, float]) -> list[str]:
    residual, weights, against = values[key], values.get("classifier", 0.0), []
    if residual > RESIDUAL_LIMIT:
        against.append(
            f"embeddings are {residual:.3g} away from an equiangular frame (limit {RESIDUAL_LIMIT})"
        )
    elif p.get(key, 0.0) > CHANCE_LEVEL:
        against.append(f"residual {residual:.3g} is no better than under shuffled labels (p = {p[key]:.2g})")
    if not weights <= RESIDUAL_LIMIT:
        against.append(f"linear weights are dispersed: {weights:.3g} away from the frame")
    return against
