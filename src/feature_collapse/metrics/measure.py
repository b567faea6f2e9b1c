"""`measure`: have a model's features collapsed, in direction or in length too, and is it more than chance?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np

from feature_collapse.errors import check_choice, check_int, check_real
from feature_collapse.metrics import arrays
from feature_collapse.metrics.arrays import Ints
from feature_collapse.metrics.assemble import Evidence, build
from feature_collapse.metrics.data import Data, chunks
from feature_collapse.metrics.frequency import length_against_frequency
from feature_collapse.metrics.intervals import Replicates, Samples
from feature_collapse.metrics.nearest_centre import NearestCentre
from feature_collapse.metrics.report import Report
from feature_collapse.metrics.resampling import Resampler, choose_part
from feature_collapse.metrics.statistics import FeatureStatistics
from feature_collapse.metrics.values import Point
from feature_collapse.metrics.views import Lens, Rows, views_with
from feature_collapse.model.normalisers import normaliser_names

BUDGET = 4e11
"""Floating point operations that resampling may take; above it there are fewer replicates (≥ 20)."""
CENTRE_BUDGET = 4e11
"""The same for the nearest centres, N·C·d; above it they are found for a random part of the entities."""


class Options(TypedDict, total=False):
    """Keywords of `measure`.

    eps: ε of LayerNorm and RMSNorm, 0 if not given. resamples: bootstrap replicates, 200 (0: no intervals).
    shuffles: shuffles of the labels, 100 (0: no chance level, and the verdict does not test for it). seed: of
    the resampling, 0.
    """

    eps: float
    resamples: int
    shuffles: int
    seed: int


@dataclass(frozen=True)
class Sampling:
    """The options, checked."""

    eps: float = 0.0
    resamples: int = 200
    shuffles: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_real("eps", self.eps, 0.0)
        check_int("resamples", self.resamples, 0, 100_000)
        check_int("shuffles", self.shuffles, 0, 100_000)
        check_int("seed", self.seed, 0)


def measure(
    embeddings: Any,
    concepts: Any,
    frequencies: Any = None,
    classifier: Any = None,
    normaliser: str | None = None,
    **options: Unpack[Options],
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
        **options: `eps`, `resamples`, `shuffles`, `seed` (see `Options`).

    Raises:
        InputError: for wrong shapes, missing labels, values that are not finite, or an option out of range.

    Time O(N·d²) for the values, and per replicate O(n·d·min(C, d)) with n·d ≤ 10⁶; memory O(C·d + d²)
    besides the embeddings. See docs/metrics.md for every value's definition and source.

    >>> import numpy as np
    >>> from feature_collapse.metrics import measure
    >>> x = np.repeat([[1.0, 0, 0], [-0.5, 0.75**0.5, 0], [-0.5, -(0.75**0.5), 0]], 6, axis=0)
    >>> report = measure(x, np.repeat(["colours", "numbers", "verbs"], 6), resamples=0)
    >>> report.verdict, round(report["direction_spread"].value, 6)
    ('I', 0.0)
    """
    view = "none" if normaliser is None else check_choice("normaliser", normaliser, normaliser_names())
    sampling = Sampling(**options)
    data = Data.of(embeddings, concepts, frequencies, classifier)
    statistics = FeatureStatistics(len(data.names), data.x.shape[1], eps=sampling.eps, views=views_with(view))
    for part in chunks(*data.x.shape):
        batch = arrays.finite_batch("embeddings", data.x[part], part.start)
        statistics.update(
            batch, data.codes[part], None if data.frequencies is None else data.frequencies[part]
        )
    generator = np.random.default_rng(sampling.seed)
    second = _second_pass(data, statistics.points(data.classifier), statistics.lenses, generator)
    replicates = _replicates(data, list(statistics.lenses.values()), sampling, generator)
    evidence = {v: Evidence(p, replicates.by_view.get(v)) for v, p in second.points.items()}
    notes = (*second.notes, *replicates.notes)
    return build(statistics.seen(data.names), evidence, view, data.classifier, replicates.policy, notes)


@dataclass(frozen=True)
class _Points:
    """Points by view, with notes on how they were made."""

    points: Mapping[str, Point]
    notes: tuple[str, ...]


def _second_pass(
    data: Data, points: Mapping[str, Point], lenses: Mapping[str, Lens], generator: np.random.Generator
) -> _Points:
    """Add the values that need the entities again: nearest centres, NC4, length against frequency."""
    members, n_kept = data.members, int(data.kept.sum())
    asked = int(min(len(members), max(1000, CENTRE_BUDGET // (max(1, n_kept) * data.x.shape[1] * 6))))
    chosen = members if asked == len(members) else np.sort(generator.choice(members, asked, replace=False))
    notes: tuple[str, ...] = ()
    if asked < len(members):
        notes = (f"nearest centres were found for {asked} entities chosen at random, to bound the time",)
    found: dict[Rows, dict[str, float]] = {}
    for view, lens in lenses.items():
        if lens.rows not in found:
            unscaled = points[view].scaled(1 / lens.scale)
            found[lens.rows] = _frequency_values(data, lens.rows) | _centre_values(
                data, lens.rows, unscaled, chosen
            )
    return _Points({v: p.joined(found[lenses[v].rows]) for v, p in points.items()}, notes)


def _frequency_values(data: Data, kind: Rows) -> dict[str, float]:
    if data.frequencies is None:
        return {}
    lengths = [np.linalg.norm(kind.of(data.rows(part)), axis=1) for part in chunks(*data.x.shape)]
    return length_against_frequency(np.concatenate(lengths), data.frequencies, data.codes)


def _centre_values(data: Data, kind: Rows, point: Point, chosen: Ints) -> dict[str, float]:
    if len(point.moments.count) < 2:
        return {}
    index = np.cumsum(data.kept) - 1
    summed = None if data.classifier is None else data.classifier.of_concepts(data.kept).summed().mean
    centre = NearestCentre(point.moments.mean, point.moments.count, summed)
    for part in chunks(len(chosen), data.x.shape[1]):
        centre.update(kind.of(data.rows(chosen[part])), index[data.codes[chosen[part]]])
    out = {"nearest_centre": centre.own_share}
    return out if data.classifier is None else {**out, "nc4": centre.agreement}


@dataclass(frozen=True)
class _Resampled:
    """Replicates by view, how they were made, and notes on it."""

    by_view: Mapping[str, Replicates]
    policy: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def _replicates(
    data: Data, lenses: list[Lens], sampling: Sampling, generator: np.random.Generator
) -> _Resampled:
    policy: dict[str, Any] = {
        "resamples": 0,
        "shuffles": 0,
        "entities_resampled": 0,
        "concepts_resampled": 0,
        "interval": 0.95,
        "bootstrap": "entities within concepts, median on the value",
        "chance": "labels shuffled over all entities",
        "seed": sampling.seed,
    }
    members = data.members
    if len(members) == 0 or sampling.resamples + sampling.shuffles == 0:
        return _Resampled({}, policy)
    index = np.cumsum(data.kept) - 1
    part = data.part(members[choose_part(index[data.codes[members]], data.x.shape[1], generator)])
    resampler = Resampler(part, list(dict.fromkeys(lens.rows for lens in lenses)))
    affordable = max(20, int(BUDGET / resampler.cost()))
    resamples, shuffles = min(sampling.resamples, affordable), min(sampling.shuffles, affordable)
    policy.update(resamples=resamples, shuffles=shuffles)
    policy.update(entities_resampled=len(part.codes), concepts_resampled=len(part.names))
    observed = resampler.observed()
    drawn, mixed = resampler.bootstrap(resamples, generator), resampler.shuffle(shuffles, generator)
    kept_names = [n for n, k in zip(data.names, data.kept, strict=True) if k]
    where = np.flatnonzero(np.isin(kept_names, part.names))
    by_rows = {
        kind: Replicates(
            observed[kind].overall,
            Samples.of(drawn[kind]).spread_out(where, len(kept_names)),
            Samples.of(mixed[kind]).spread_out(where, len(kept_names)),
            float(np.sqrt(len(part.codes) / len(members))),
        )
        for kind in observed
    }
    by_view = {lens.name: by_rows[lens.rows] for lens in lenses}
    return _Resampled(by_view, policy, _notes(policy, sampling, len(members)))


def _notes(policy: Mapping[str, Any], sampling: Sampling, members: int) -> tuple[str, ...]:
    notes = []
    if policy["entities_resampled"] < members:
        notes.append(
            f"intervals and chance come from {policy['entities_resampled']} of the entities, "
            f"{policy['concepts_resampled']} of the concepts"
        )
    if policy["resamples"] < sampling.resamples or policy["shuffles"] < sampling.shuffles:
        notes.append(
            f"{policy['resamples']} resamples and {policy['shuffles']} shuffles were made, to bound the time"
        )
    return tuple(notes)
