"""`measure`: have a model's features collapsed, in direction or in length too, and is it more than chance?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import check_choice, check_int, check_real
from feature_collapse.metrics import arrays
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.assemble import Replicates, build, point_values
from feature_collapse.metrics.classifier import Classifier, check_classifier
from feature_collapse.metrics.definitions import CONCEPT_KEYS
from feature_collapse.metrics.frequency import length_against_frequency
from feature_collapse.metrics.nearest_centre import NearestCentre
from feature_collapse.metrics.normalisers import NORMALISERS, normalise
from feature_collapse.metrics.report import Report
from feature_collapse.metrics.resampling import Resampler, choose_part
from feature_collapse.metrics.statistics import CHUNK_VALUES, FeatureStatistics

BUDGET = 4e11
"""Floating point operations that resampling may take; above it there are fewer replicates (≥ 20)."""
CENTRE_BUDGET = 4e11
"""The same for the nearest centres, N·C·d; above it they are found for a random part of the entities."""


def measure(
    embeddings: Any,
    concepts: Any,
    frequencies: Any = None,
    classifier: Any = None,
    normaliser: str | None = None,
    *,
    eps: float = 0.0,
    resamples: int = 200,
    shuffles: int = 100,
    seed: int = 0,
) -> Report:
    """Return the report on embeddings (N, d) whose rows belong to `concepts` (N,).

    Args:
        embeddings: array, memory map or tensor (N, d) of real numbers, one row per entity.
        concepts: N labels: integers, strings, or anything with a printed form.
        frequencies: N counts or probabilities ≥ 0, for length against frequency.
        classifier: array (C, d), rows in sorted order of the concepts, or a pair (rows (R, d), concept of
            each row (R,)).
        normaliser: what the model applies to the embeddings before it uses them ('layernorm', 'rmsnorm',
            'sphere'); the verdict is taken after it. None means that it applies none.
        eps: ε of LayerNorm and RMSNorm.
        resamples: bootstrap replicates (0: no intervals).
        shuffles: shuffles of the labels (0: no chance level, and the verdict does not test for it).
        seed: of the resampling.

    Raises:
        InputError: for wrong shapes, missing labels, values that are not finite, or an option out of range.

    Time O(N·d²) for the values, and per replicate O(n·d·min(C, d)) with n·d ≤ 10⁶; memory O(C·d + d²)
    besides the embeddings. See docs/metrics.md for every value's definition and source.
    """
    view = "none" if normaliser is None else check_choice("normaliser", normaliser, NORMALISERS)
    check_real("eps", eps, 0.0)
    check_int("resamples", resamples, 0, 100_000)
    check_int("shuffles", shuffles, 0, 100_000)
    check_int("seed", seed, 0)
    x = arrays.feature_rows("embeddings", embeddings)
    codes, names = arrays.encode_concepts(concepts, len(x))
    seen = None if frequencies is None else arrays.check_frequencies(frequencies, len(x))
    rows = check_classifier(classifier, names, x.shape[1])

    statistics = FeatureStatistics(len(names), x.shape[1], eps=eps)
    step = max(1, CHUNK_VALUES // x.shape[1])
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        batch = arrays.finite_batch("embeddings", x[part], start)
        statistics.update(batch, codes[part], None if seen is None else seen[part])
    kept = statistics.count >= 2
    points = point_values(statistics, kept, None if rows is None else rows.summed(kept))
    generator = np.random.default_rng(seed)
    notes: list[str] = []
    _second_pass(x, codes, seen, rows, statistics, kept, points, generator, notes)
    replicates, policy = _replicates(x, codes, seen, rows, kept, eps, resamples, shuffles, generator)
    policy["seed"] = seed
    if policy["entities_resampled"] < int(statistics.count[kept].sum()) and replicates:
        notes.append(
            f"intervals and chance come from {policy['entities_resampled']} of the entities, "
            f"{policy['concepts_resampled']} of the concepts"
        )
    if 0 < policy["resamples"] < resamples or 0 < policy["shuffles"] < shuffles:
        notes.append(
            f"{policy['resamples']} resamples and {policy['shuffles']} shuffles were made, to bound the time"
        )
    return build(statistics, names, kept, points, replicates, view, rows, policy, notes)


def _second_pass(
    x: NDArray[Any],
    codes: Ints,
    frequencies: Floats | None,
    classifier: Classifier | None,
    statistics: FeatureStatistics,
    kept: NDArray[np.bool_],
    points: dict[str, Any],
    generator: np.random.Generator,
    notes: list[str],
) -> None:
    """Add the values that need the entities again: nearest centres, NC4, length against frequency."""
    place = np.cumsum(kept) - 1
    members = np.flatnonzero(kept[codes])
    asked = int(min(len(members), max(1000, CENTRE_BUDGET // (max(1, int(kept.sum())) * x.shape[1] * 6))))
    chosen = members if asked == len(members) else np.sort(generator.choice(members, asked, replace=False))
    if asked < len(members):
        notes.append(f"nearest centres were found for {asked} entities chosen at random, to bound the time")
    summed = None if classifier is None else classifier.summed(kept).mean
    step = max(1, CHUNK_VALUES // x.shape[1])
    for view in NORMALISERS:
        if view == "rmsnorm" and statistics.eps == 0:  # the sphere, times √d
            continue
        m, values, _ = points[view]
        lengths = np.empty(len(x))
        centre = NearestCentre(m.mean, m.count, summed)
        if frequencies is not None:
            for start in range(0, len(x), step):
                batch = np.asarray(x[start : start + step], dtype=np.float64)
                lengths[start : start + step] = np.linalg.norm(normalise(batch, view, statistics.eps), axis=1)
            values.update(length_against_frequency(lengths, frequencies, codes))
        if int(kept.sum()) >= 2:
            for start in range(0, len(chosen), step):
                rows = chosen[start : start + step]
                centre.update(
                    normalise(np.asarray(x[rows], dtype=np.float64), view, statistics.eps), place[codes[rows]]
                )
            values["nearest_centre"] = centre.own_share
            if classifier is not None:
                values["nc4"] = centre.agreement
    if statistics.eps == 0:
        for key in (
            "nearest_centre",
            "nc4",
            "length_slope",
            "length_slope_within",
            "length_rank_correlation",
        ):
            if key in points["sphere"][1]:
                points["rmsnorm"][1][key] = points["sphere"][1][key]


def _replicates(
    x: NDArray[Any],
    codes: Ints,
    frequencies: Floats | None,
    classifier: Classifier | None,
    kept: NDArray[np.bool_],
    eps: float,
    resamples: int,
    shuffles: int,
    generator: np.random.Generator,
) -> tuple[dict[str, Replicates], dict[str, Any]]:
    """Return the replicates by view, and what was done."""
    members = np.flatnonzero(kept[codes])
    policy: dict[str, Any] = {
        "resamples": 0,
        "shuffles": 0,
        "entities_resampled": 0,
        "concepts_resampled": 0,
        "interval": 0.95,
        "bootstrap": "entities within concepts, median on the value",
        "chance": "labels shuffled over all entities",
    }
    if kept.sum() < 1 or resamples + shuffles == 0:
        return {}, policy
    part = members[choose_part((np.cumsum(kept) - 1)[codes[members]], x.shape[1], generator)]
    ids, part_codes = np.unique(codes[part], return_inverse=True)
    part_kept = np.zeros(len(kept), dtype=bool)
    part_kept[ids] = True
    views = {v: eps for v in NORMALISERS if v != "rmsnorm" or eps > 0}
    resampler = Resampler(
        np.asarray(x[part], dtype=np.float64),
        part_codes.astype(np.int64),
        len(ids),
        views,
        None if frequencies is None else frequencies[part],
        classifier,
        part_kept,
    )
    affordable = max(20, int(BUDGET / resampler.cost()))
    resamples, shuffles = min(resamples, affordable), min(shuffles, affordable)
    policy.update(
        resamples=resamples, shuffles=shuffles, entities_resampled=len(part), concepts_resampled=len(ids)
    )
    observed = resampler.observed()
    drawn, drawn_each = resampler.bootstrap(resamples, generator)
    mixed, mixed_each = resampler.shuffle(shuffles, generator)
    narrowing = float(np.sqrt(len(part) / len(members)))
    place = np.flatnonzero(np.isin(np.flatnonzero(kept), ids))
    out = {}
    for v in views:
        spread = [_by_concept(rows, place, int(kept.sum())) for rows in (drawn_each[v], mixed_each[v])]
        out[v] = Replicates(observed[v], drawn[v], mixed[v], spread[0], spread[1], narrowing)
    if eps == 0:
        out["rmsnorm"] = out["sphere"]
    return out, policy


def _by_concept(rows: list[dict[str, Floats]], place: Ints, n_concepts: int) -> dict[str, Floats]:
    """Stack replicates per concept into (replicates, kept concepts), NaN for concepts outside the part."""
    out = {}
    for key in CONCEPT_KEYS:
        table = np.full((len(rows), n_concepts), np.nan)
        for i, row in enumerate(rows):
            table[i, place] = row[key]
        out[key] = table
    return out
