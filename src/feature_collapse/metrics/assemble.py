"""From statistics and replicates to the frozen report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import check_choice
from feature_collapse.metrics import dimension
from feature_collapse.metrics.arrays import Floats
from feature_collapse.metrics.classifier import Classifier
from feature_collapse.metrics.collapse_types import ClassifierRows, frame_exists
from feature_collapse.metrics.definitions import CONCEPT_KEYS, DEFINITIONS
from feature_collapse.metrics.moments import ConceptMoments
from feature_collapse.metrics.normalisers import normalise
from feature_collapse.metrics.report import Concept, Report, Value, View
from feature_collapse.metrics.values import concept_values, spectrum_values, verdict

if TYPE_CHECKING:
    from feature_collapse.metrics.statistics import FeatureStatistics

NAN = float("nan")
LEVELS = (2.5, 50.0, 97.5)
SHOWN = 10
VIEW_ORDER = ("none", "layernorm", "sphere", "rmsnorm")
"""The sphere first: with ε = 0 RMSNorm takes its values."""


@dataclass
class Replicates:
    """Of one view: values on the part, resampled, shuffled; per concept (replicates, C), NaN if unknown."""

    observed: Mapping[str, float]
    bootstrap: Sequence[Mapping[str, float]]
    shuffled: Sequence[Mapping[str, float]]
    concept_bootstrap: Mapping[str, Floats]
    concept_shuffled: Mapping[str, Floats]
    narrowing: float


def point_values(
    statistics: FeatureStatistics, kept: NDArray[np.bool_], classifier: ClassifierRows | None
) -> dict[str, tuple[ConceptMoments, dict[str, float], dict[str, Floats]]]:
    """Return, by view, the kept concepts' moments, the values, and the values per kept concept."""
    out: dict[str, tuple[ConceptMoments, dict[str, float], dict[str, Floats]]] = {}
    for view in sorted(statistics.views, key=VIEW_ORDER.index):
        if view == "rmsnorm" and statistics.eps == 0 and "sphere" in out:  # the sphere, times √d
            m, values, each = out["sphere"]
            out[view] = (m.scaled(float(np.sqrt(statistics.d))), dict(values), each)
            continue
        m = statistics.moments(view).keep(kept)
        scatter = statistics.scatter(view)

        def within(axes: Floats, scatter: Floats = scatter) -> Floats:
            return np.asarray(np.maximum(np.einsum("ij,ij->j", axes, scatter @ axes), 0.0))

        values, each = concept_values(m, within, view != "none", classifier)
        values.update(spectrum_values(*statistics.eigenvalues(view)))
        units = normalise(normalise(statistics.sample.rows, view, statistics.eps), "sphere")
        values["uniformity"] = dimension.uniformity(dimension.pair_kernel(units))
        out[view] = (m, values, each)
    return out


def point_report(
    statistics: FeatureStatistics, names: Sequence[str], normaliser: str, classifier: Classifier | None
) -> Report:
    """Return the report of one pass: no intervals, no chance, no nearest centres."""
    check_choice("normaliser", normaliser, statistics.views)
    kept = statistics.count >= 2
    points = point_values(statistics, kept, None if classifier is None else classifier.summed(kept))
    slopes = statistics.slopes()
    for view, (_, values, _) in points.items():
        if slopes:
            constant = view != "none" and statistics.eps == 0
            values.update(
                {k: 0.0 if constant else v for k, v in slopes.items()} if view == "none" or constant else {}
            )
    return build(statistics, names, kept, points, {}, normaliser, classifier, {"resamples": 0, "shuffles": 0})


def build(
    statistics: FeatureStatistics,
    names: Sequence[str],
    kept: NDArray[np.bool_],
    points: Mapping[str, tuple[ConceptMoments, dict[str, float], dict[str, Floats]]],
    replicates: Mapping[str, Replicates],
    normaliser: str,
    classifier: Classifier | None,
    policy: Mapping[str, object],
    notes: Sequence[str] = (),
) -> Report:
    """Put values, intervals, chance, verdicts and notes together."""
    views = {}
    kept_names = [n for n, k in zip(names, kept, strict=True) if k]
    for view in statistics.views:
        m, values, each = points[view]
        entries = {
            key: _value(key, values[key], replicates.get(view)) for key in DEFINITIONS if key in values
        }
        kind, reason = verdict(m, values, {k: v.p for k, v in entries.items()}, view != "none")
        rows = _concepts(kept_names, m, each, replicates.get(view))
        worst = {
            k: kept_names[int(np.nanargmax(each[k]))]
            for k in CONCEPT_KEYS
            if k in each and np.isfinite(each[k]).any()
        }
        views[view] = View(view, kind, reason, MappingProxyType(entries), rows, MappingProxyType(worst))
    main = views[normaliser]
    all_notes = (*_notes(statistics, names, kept, classifier), *notes)
    return Report(
        statistics.rows,
        int(np.sum(statistics.count > 0)),
        statistics.d,
        normaliser,
        main.verdict,
        main.reason,
        MappingProxyType(views),
        all_notes,
        MappingProxyType(dict(policy)),
    )


def _value(key: str, value: float, r: Replicates | None) -> Value:
    if r is None or np.isnan(value):
        return Value(key, value)
    low, high = _interval(key, value, _column(r.bootstrap, key), r.narrowing)
    return Value(key, value, low, high, *_chance(key, r.observed.get(key, NAN), _column(r.shuffled, key)))


def _column(rows: Sequence[Mapping[str, float]], key: str) -> Floats:
    column = np.array([row.get(key, NAN) for row in rows], dtype=np.float64)
    return column[np.isfinite(column)]


def _interval(key: str, value: float, samples: Floats, narrowing: float) -> tuple[float, float]:
    """The range of the replicates, median moved onto the value, kept inside the statistic's range."""
    if len(samples) < 10 or not np.isfinite(value):
        return NAN, NAN
    low, median, high = np.percentile(samples, LEVELS)
    d = DEFINITIONS[key]
    return (
        float(np.clip(value + (low - median) * narrowing, min(d.low, value), value)),
        float(np.clip(value + (high - median) * narrowing, value, max(d.high, value))),
    )


def _chance(key: str, observed: float, samples: Floats) -> tuple[float, float, float, float]:
    d = DEFINITIONS[key]
    if len(samples) == 0 or np.isnan(observed) or not (d.labels or d.group == "frequency"):
        return NAN, NAN, NAN, NAN
    low, _, high = np.percentile(samples, LEVELS)
    # equal up to rounding counts as equal, so that data without any structure get p = 1
    slack = 1e-9 * max(abs(observed), float(np.abs(samples).max()))
    below = (1 + np.sum(samples <= observed + slack)) / (1 + len(samples))
    above = (1 + np.sum(samples >= observed - slack)) / (1 + len(samples))
    p = below if d.collapse == "low" else above if d.collapse == "high" else min(1.0, 2 * min(below, above))
    return float(samples.mean()), float(low), float(high), float(p)


def _concepts(
    names: Sequence[str], m: ConceptMoments, each: Mapping[str, Floats], r: Replicates | None
) -> tuple[Concept, ...]:
    table: dict[str, list[Value]] = {}
    for key, column in each.items():
        table[key] = [Value(key, float(v)) for v in column]
        if r is None or key not in r.concept_bootstrap:
            continue
        for i, value in enumerate(column):
            samples, chance = r.concept_bootstrap[key][:, i], r.concept_shuffled[key][:, i]
            samples, chance = samples[np.isfinite(samples)], chance[np.isfinite(chance)]
            if np.isnan(value) or len(samples) == 0:
                continue
            low, high = _interval(key, float(value), samples, r.narrowing)
            table[key][i] = Value(key, float(value), low, high, *_chance(key, float(value), chance))
    return tuple(
        Concept(
            n, int(m.count[i]), float(m.length_mean[i]), MappingProxyType({k: c[i] for k, c in table.items()})
        )
        for i, n in enumerate(names)
    )


def _notes(
    s: FeatureStatistics, names: Sequence[str], kept: NDArray[np.bool_], classifier: Classifier | None
) -> list[str]:
    notes = []
    for what, which in (("no member", s.count == 0), ("one member", s.count == 1)):
        left_out = [n for n, w in zip(names, which, strict=True) if w]
        if left_out:
            notes.append(
                f"{len(left_out)} concept(s) with {what} are left out of the values that use concepts: "
                f"{', '.join(left_out[:SHOWN])}{', …' if len(left_out) > SHOWN else ''}"
            )
    if s.zero_vectors:
        notes.append(
            f"{s.zero_vectors} zero vector(s) (or below about 1e-160) have no direction: "
            "they stay zero after every normaliser"
        )
    if s.constant_vectors:
        notes.append(f"{s.constant_vectors} vector(s) with equal coordinates become zero under LayerNorm")
    if s.without_frequency:
        notes.append(
            f"{s.without_frequency} entities with frequency 0 are left out of length against frequency"
        )
    c = int(kept.sum())
    if c >= 2 and not frame_exists(c, s.d):
        notes.append(
            f"no equiangular frame of {c} concepts fits into {s.d} dimensions (d ≥ {c - 1} needed): "
            "types I, II, III are undefined, the other values stand"
        )
    if c >= 2 and frame_exists(c, s.d) and s.d == c - 1:
        notes.append(
            f"after LayerNorm only {s.d - 1} dimensions are left, too few for {c} mean-zero equiangular "
            f"directions (d ≥ {c} needed): type II cannot be reached there"
        )
    if s.rows > s.sample.size:
        notes.append(
            f"uniformity is a mean over the pairs of {s.sample.size} entities sampled by content hash"
        )
    if classifier is not None:
        without = np.setdiff1d(np.flatnonzero(kept), classifier.codes)
        if len(without):
            notes.append(f"{len(without)} concept(s) have no classifier row: {names[without[0]]} first")
        if len(classifier.rows) != classifier.n_concepts:
            notes.append("several classifier rows per concept: NC3 and NC4 use their means")
    return notes
