"""Do the features cluster by concept, and on what shape?

Clustering is judged by the spread, which a common mean of all features does not change; the shape by the
concept means, around the origin and around their own mean. Limits are conventions, calibrated on planted data
(docs/metrics.md, `python benchmarks/bench_metrics.py outcomes`): noise is called collapse in at most 5%.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from feature_collapse.metrics.arrays import Floats
from feature_collapse.metrics.frames import Shape, shape
from feature_collapse.metrics.values import Point
from feature_collapse.metrics.verdict import CHANCE_LEVEL, Answer, special
from feature_collapse.model.geometry import TOLERANCE

OUTCOMES = {
    "frame": "collapsed on an equiangular frame",
    "centred frame": "collapsed on an equiangular frame around a common mean",
    "orthogonal": "collapsed on orthogonal directions",
    "clustered": "clustered by concept, but on no frame",
    "directions": "one direction per concept, lengths differ",
    "partly": "partly clustered by concept",
    "none": "no clustering by concept",
    "point": "all entities coincide: complete collapse, without any concept structure",
    "undefined": "not defined for these data",
}
COLLAPSED = ("frame", "centred frame", "orthogonal", "clustered", "directions")
"""The outcomes that say collapse: one point, or one direction, for every concept."""
SPREAD_LIMIT = 0.1
"""Up to this share of variance inside concepts they count as one point (or one direction)."""
PART_LIMIT = 0.9
"""Above this share there is no clustering worth the name, whatever the p-value."""
_SHAPES = {
    "frame": "on an equiangular frame around the origin",
    "orthogonal": "on orthogonal directions",
    "centred frame": "on an equiangular frame around the mean of concept means",
    "clustered": "on no frame",
}


def outcome(point: Point, p: Mapping[str, float]) -> Answer:
    """Return the outcome of a view, a key of `OUTCOMES`, and its reason.

    `p` holds the p-values of the spreads; where one is missing, the reason says that chance was not tested.
    """
    nothing = special(point.moments)
    if nothing is not None:
        return nothing
    values = point.values.overall
    position, direction = values["spread"], values["direction_spread"]
    tested = "" if np.isfinite(p.get("spread", np.nan)) else ", chance not tested"
    if position <= SPREAD_LIMIT and _beyond_chance(p, "spread"):
        name, text = _shape(point.moments.mean)
        return Answer(name, f"{_percent(position)} of the variance is inside concepts; means {text}{tested}")
    if direction <= SPREAD_LIMIT and _beyond_chance(p, "direction_spread"):
        _, text = _shape(point.moments.unit_mean)
        return Answer(
            "directions",
            f"{_percent(direction)} of the variance of directions is inside concepts, {_percent(position)} "
            f"of that of vectors; directions {text}{tested}",
        )
    key = "direction_spread" if direction < position or np.isnan(position) else "spread"
    best = values[key]
    what = "directions" if key == "direction_spread" else "vectors"
    explained = f"concepts explain {_percent(1 - best)} of the variance of {what}"
    if not best <= PART_LIMIT:
        return Answer("none", f"{explained}{tested}")
    if not _beyond_chance(p, key):
        return Answer("none", f"{explained}, no more than shuffled labels (p = {p[key]:.2g})")
    return Answer("partly", f"{explained}{tested}")


def _beyond_chance(p: Mapping[str, float], key: str) -> bool:
    return not p.get(key, 0.0) > CHANCE_LEVEL


def _shape(means: Floats) -> tuple[str, str]:
    """Return the first shape within the tolerance, and it in words."""
    found: Shape = shape(means)
    residuals = {"frame": found.frame, "orthogonal": found.orthogonal, "centred frame": found.centred}
    for name, residual in residuals.items():
        if residual <= TOLERANCE:
            return name, f"{_SHAPES[name]} (residual {residual:.2g})"
    known = {n: r for n, r in residuals.items() if np.isfinite(r)}
    if not known:
        return "clustered", "on no frame, for which there are too few dimensions"
    nearest = min(known, key=lambda n: known[n])
    return "clustered", f"{_SHAPES['clustered']} (nearest {nearest}, residual {known[nearest]:.2g})"


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"
