"""Which of the paper's definitions 1–3 do these features (and classifier rows) meet?

`theory.types.classify` asks the same of a whole network of the paper, W and U fitted jointly, with lengths
r_β that all concepts share. Here every entity has its own length, since nobody's model has a β; the tolerance
is the same, `model.geometry.TOLERANCE`. Whether and how features cluster is `outcome.py`'s question.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from feature_collapse.metrics.frames import frame_exists
from feature_collapse.metrics.moments import ConceptMoments
from feature_collapse.metrics.values import Point
from feature_collapse.model.geometry import TOLERANCE

LENGTH_LIMIT = 0.2
"""Up to this coefficient of variation all lengths count as equal (type I, not III)."""
CHANCE_LEVEL = 0.05
"""What counts as collapse must be beyond the shuffled labels' with this p-value."""


@dataclass(frozen=True)
class Answer:
    """A name from a list of answers, and the reason in words."""

    name: str
    reason: str


def coincide(m: ConceptMoments) -> bool:
    """Return whether all entities are one point, up to rounding."""
    mean = m.count @ m.mean / m.count.sum()
    away = float(m.m2.sum() + m.count @ np.sum((m.mean - mean) ** 2, axis=1))
    return away <= 1e-26 * m.energy


def special(m: ConceptMoments) -> Answer | None:
    """Return the answer to both questions where there is nothing to compare."""
    c = len(m.count)
    if c == 0:
        return Answer("undefined", "no concept has two members")
    if coincide(m):
        return Answer("point", "all entities are equal")
    if c == 1:
        return Answer("undefined", "one concept with two members or more: nothing to compare it with")
    return None


def verdict(point: Point, p: Mapping[str, float], normalised: bool) -> Answer:
    """Return the verdict of a view ('I', 'II', 'III', 'none', 'point', 'undefined') and its reason.

    With classifier rows the residual is the root mean square of theirs and the features'. Without p-values
    (no shuffles asked for) the reason says that chance was not tested.
    """
    m, values = point.moments, point.values.overall
    c, d = m.mean.shape
    nothing = special(m)
    if nothing is not None:
        return nothing
    if not frame_exists(c, d):
        return Answer(
            "undefined",
            f"{c} equiangular directions need at least {c - 1} dimensions, but there are {d}; "
            f"direction spread {values['direction_spread']:.3g}",
        )
    key = "type_II" if normalised else "type_III"
    residual = values[key]
    if np.isnan(residual):
        return Answer("undefined", "all vectors are zero")
    against = _against(key, values, p)
    if against:
        return Answer("none", "; ".join(against))
    reason = f"residual {residual:.3g}"
    if "classifier" in values:
        reason += f", linear weights {values['classifier']:.3g}"
    if np.isnan(p.get(key, np.nan)):
        reason += ", chance not tested"
    if normalised:
        return Answer("II", reason)
    variation = values["length_variation"]
    return Answer(
        "I" if variation <= LENGTH_LIMIT else "III", f"{reason}, variation of length {variation:.3g}"
    )


def _against(key: str, values: Mapping[str, float], p: Mapping[str, float]) -> list[str]:
    residual, weights, against = values[key], values.get("classifier"), []
    # of W and U together, as the paper's definitions ask and `theory.types.Fit.residual` counts
    joint = residual if weights is None else float(np.sqrt((residual**2 + weights**2) / 2))
    if not joint <= TOLERANCE:
        if not residual <= TOLERANCE:
            against.append(
                f"embeddings are {residual:.3g} away from an equiangular frame (limit {TOLERANCE})"
            )
        if weights is not None and not weights <= TOLERANCE:
            against.append(f"linear weights are dispersed: {weights:.3g} away from the frame")
    elif p.get(key, 0.0) > CHANCE_LEVEL:
        against.append(f"residual {residual:.3g} is no better than under shuffled labels (p = {p[key]:.2g})")
    return against
