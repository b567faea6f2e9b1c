"""All values of one view from its concept moments: where whole, batched and resampled data meet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from feature_collapse.metrics import dimension, frames, neural_collapse, spread
from feature_collapse.metrics.arrays import Floats
from feature_collapse.metrics.frames import ClassifierRows
from feature_collapse.metrics.moments import ConceptMoments

NAN = float("nan")


@dataclass(frozen=True)
class Values:
    """Values over all concepts by key, and those of each concept (C,) by key."""

    overall: Mapping[str, float]
    each: Mapping[str, Floats]

    def joined(self, more: Mapping[str, float]) -> Values:
        """Return these and more values over all concepts."""
        return Values({**self.overall, **more}, self.each)


@dataclass(frozen=True)
class Point:
    """One view's point values, with the moments of its concepts that they come from."""

    moments: ConceptMoments
    values: Values

    def scaled(self, s: float) -> Point:
        """Return the point of s times the features: no value depends on a common scale."""
        return replace(self, moments=self.moments.scaled(s))

    def joined(self, more: Mapping[str, float]) -> Point:
        """Return the point with more values."""
        return replace(self, values=self.values.joined(more))


@dataclass(frozen=True)
class Kind:
    """Which values are asked for: type II (`normalised`) or types I and III, NC3, and where NC is centred."""

    normalised: bool
    classifier: ClassifierRows | None = None
    centre: neural_collapse.Centre = "entities"


def concept_values(
    m: ConceptMoments,
    within: neural_collapse.Quadratic,
    kind: Kind,
) -> Values:
    """Return the values that use concepts; every concept of `m` has two members or more."""
    classifier = kind.classifier
    if len(m.count) == 0:
        return Values({}, {})
    out: dict[str, float] = {}
    each: dict[str, Floats] = {}
    out["spread"], each["spread"] = spread.spread(m.count, m.mean, m.m2)
    out["direction_spread"], each["direction_spread"] = spread.spread(m.count, m.unit_mean, m.unit_m2)
    out["length_spread"], each["length_spread"] = spread.length_spread(m)
    out["length_variation"] = spread.length_variation(m)
    if kind.normalised:
        out["type_II"] = frames.residual_equal_lengths(m)
    else:
        out["type_I"], out["type_III"] = frames.residual_equal_lengths(m), frames.residual_free_lengths(m)
    if classifier is not None:
        out["classifier"] = frames.residual_classifier(m, classifier)
    raw = neural_collapse.norms_and_angles(m.mean)
    out["frame_norms"], out["frame_cosine"], out["frame_angle_error"] = raw.norms, raw.cosine, raw.angle_error
    means, three = neural_collapse.centred_means(m, kind.centre), frames.shape(m.mean)
    out["shape_frame"], out["shape_centred"], out["shape_orthogonal"] = (
        three.frame,
        three.centred,
        three.orthogonal,
    )
    out["nc1"] = neural_collapse.nc1(m, within, kind.centre)
    out["nc1_trace_ratio"] = neural_collapse.trace_ratio(m, kind.centre)
    out["cdnv"] = neural_collapse.cdnv(m)
    known = not np.isnan(out["nc1"])  # else the means coincide: what is left of them is rounding
    nc2 = neural_collapse.norms_and_angles(means) if known else neural_collapse.UNKNOWN
    out["nc2_norms"], out["nc2_angles"], out["nc2_angle_error"] = nc2.norms, nc2.angles, nc2.angle_error
    out["nc2_etf"] = neural_collapse.distance_to_etf(means) if known else NAN
    if classifier is not None:
        out["nc3"] = neural_collapse.nc3(means, classifier.mean) if known else NAN
        out["nc3_duality"] = neural_collapse.nc3_duality(means, classifier.mean) if known else NAN
    out["alignment"] = dimension.alignment(m)
    return Values(out, each)


def spectrum_values(centred: Floats, uncentred: Floats) -> dict[str, float]:
    """Return the dimension values from eigenvalues of the centred and the uncentred second moment matrix."""
    return {
        "effective_rank": dimension.effective_rank(centred),
        "rankme": dimension.rankme(uncentred),
        "participation_ratio": dimension.participation_ratio(centred),
    }
