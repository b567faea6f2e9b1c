"""All values of one view from its concept moments: where whole, batched and resampled data meet."""

from __future__ import annotations

import numpy as np

from feature_collapse.metrics import collapse_types as types
from feature_collapse.metrics import dimension, neural_collapse, spread
from feature_collapse.metrics.arrays import Floats
from feature_collapse.metrics.moments import ConceptMoments

NAN = float("nan")


def concept_values(
    m: ConceptMoments,
    within: neural_collapse.Quadratic,
    normalised: bool,
    classifier: types.ClassifierRows | None,
) -> tuple[dict[str, float], dict[str, Floats]]:
    """Return the values that use concepts, over all and per concept (C,).

    Every concept of `m` has two members or more; `normalised` chooses type II over types I and III.
    """
    out: dict[str, float] = {}
    each: dict[str, Floats] = {}
    if len(m.count) == 0:
        return out, each
    out["spread"], each["spread"] = spread.spread(m.count, m.mean, m.m2)
    out["direction_spread"], each["direction_spread"] = spread.spread(m.count, m.unit_mean, m.unit_m2)
    out["length_spread"], each["length_spread"] = spread.length_spread(m)
    out["length_variation"] = spread.length_variation(m)
    if normalised:
        out["type_II"] = types.residual_equal_lengths(m)
    else:
        out["type_I"], out["type_III"] = types.residual_equal_lengths(m), types.residual_free_lengths(m)
    if classifier is not None:
        out["classifier"] = types.residual_classifier(m, classifier)
    out["frame_norms"], out["frame_cosine"], _, out["frame_angle_error"] = neural_collapse.norms_and_angles(
        m.mean
    )
    means = neural_collapse.centred_means(m)
    out["nc1"] = neural_collapse.nc1(m, within)
    out["nc1_trace_ratio"] = neural_collapse.trace_ratio(m)
    out["cdnv"] = neural_collapse.cdnv(m)
    if np.isnan(out["nc1"]):  # the means coincide: what is left of them is rounding
        out["nc2_norms"] = out["nc2_angles"] = out["nc2_angle_error"] = out["nc2_etf"] = NAN
    else:
        out["nc2_norms"], _, out["nc2_angles"], out["nc2_angle_error"] = neural_collapse.norms_and_angles(
            means
        )
        out["nc2_etf"] = neural_collapse.distance_to_etf(means)
    if classifier is not None:
        out["nc3"] = NAN if np.isnan(out["nc1"]) else neural_collapse.nc3(means, classifier.mean)
    out["alignment"] = dimension.alignment(m)
    return out, each


def spectrum_values(centred: Floats, uncentred: Floats) -> dict[str, float]:
    """Return the dimension values from eigenvalues of the centred and the uncentred second moment matrix."""
    return {
        "effective_rank": dimension.effective_rank(centred),
        "rankme": dimension.rankme(uncentred),
        "participation_ratio": dimension.participation_ratio(centred),
    }


def coincide(m: ConceptMoments) -> bool:
    """Whether all entities are one point, up to rounding."""
    mean = m.count @ m.mean / m.count.sum()
    away = float(m.m2.sum() + m.count @ np.sum((m.mean - mean) ** 2, axis=1))
    return away <= 1e-26 * m.energy


def verdict(
    m: ConceptMoments, values: dict[str, float], p: dict[str, float], normalised: bool
) -> tuple[str, str]:
    """Return the verdict of a view ('I', 'II', 'III', 'none', 'point', 'undefined') and its reason.

    The limits are `RESIDUAL_LIMIT`, `LENGTH_LIMIT` and `CHANCE_LEVEL` of collapse_types. Without p-values (no
    shuffles asked for) the reason says that chance was not tested.
    """
    c, d = m.mean.shape
    if c == 0:
        return "undefined", "no concept has two members"
    if coincide(m):
        return "point", "all entities are equal"
    if c == 1:
        return "undefined", "one concept with two members or more: nothing to compare it with"
    if not types.frame_exists(c, d):
        return "undefined", (
            f"{c} equiangular directions need at least {c - 1} dimensions, but there are {d}; "
            f"direction spread {values['direction_spread']:.3g}"
        )
    key = "type_II" if normalised else "type_III"
    residual = values[key]
    if np.isnan(residual):
        return "undefined", "all vectors are zero"
    against = []
    if residual > types.RESIDUAL_LIMIT:
        against.append(
            f"embeddings are {residual:.3g} away from an equiangular frame (limit {types.RESIDUAL_LIMIT})"
        )
    elif p.get(key, 0.0) > types.CHANCE_LEVEL:
        against.append(f"residual {residual:.3g} is no better than under shuffled labels (p = {p[key]:.2g})")
    weights = values.get("classifier", 0.0)
    if not weights <= types.RESIDUAL_LIMIT:
        against.append(f"linear weights are dispersed: {weights:.3g} away from the frame")
    if against:
        if p.get("direction_spread", 1.0) <= types.CHANCE_LEVEL:
            against.append(
                "yet concepts are more alike in direction than chance "
                f"(spread {values['direction_spread']:.3g}, p = {p['direction_spread']:.2g})"
            )
        return "none", "; ".join(against)
    reason = f"residual {residual:.3g}"
    if "classifier" in values:
        reason += f", linear weights {weights:.3g}"
    if np.isnan(p.get(key, np.nan)):
        reason += ", chance not tested"
    if normalised:
        return "II", reason
    variation = values["length_variation"]
    return (
        "I" if variation <= types.LENGTH_LIMIT else "III"
    ), f"{reason}, variation of length {variation:.3g}"
