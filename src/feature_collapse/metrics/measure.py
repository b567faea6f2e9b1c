"""`measure`: have a model's features collapsed, in direction or in length too, and is it more than chance?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import numpy as np

from feature_collapse.errors import check_choice, check_int, check_real
from feature_collapse.metrics import arrays
from feature_collapse.metrics.arrays import Ints
from feature_collapse.metrics.assemble import Evidence, build
from feature_collapse.metrics.data import Data, chunks
from feature_collapse.metrics.detail import detail
from feature_collapse.metrics.frequency import length_against_frequency
from feature_collapse.metrics.intervals import Replicates, Samples
from feature_collapse.metrics.nearest_centre import NearestCentre
from feature_collapse.metrics.report import Report
from feature_collapse.metrics.resampling import Resampler
from feature_collapse.metrics.statistics import FeatureStatistics
from feature_collapse.metrics.values import Point
from feature_collapse.metrics.views import VIEWS, Lens, Rows
from feature_collapse.model.normalisers import normaliser_names

BUDGET = 1e10
"""Operations that bootstrap and shuffles may take, each; above it there are fewer replicates (≥ `LEAST`)."""
LEAST = 40
LIMIT = 40_000_000
"""Numbers (entities × dimension) that are resampled; above it a part of the entities is."""
CENTRE_BUDGET = 4e11
"""The same for the nearest centres, N·C·d; above it they are found for a random part of the entities."""


class Options(TypedDict, total=False):
    """Keywords of `measure`.

    eps: ε of LayerNorm and RMSNorm, 0 if not given. resamples: bootstrap replicates, 200 (0: no intervals).
    shuffles: shuffles of the labels, 100 (0: no chance level, and the verdict does not test for it). seed: of
    the resampling, 0. views: the normalisers to report on besides the model's own, all four if not given.
    """

    eps: float
    resamples: int
    shuffles: int
    seed: int
    views: Sequence[str]


@dataclass(frozen=True)
class Sampling:
    """The options, checked."""

    eps: float = 0.0
    resamples: int = 200
    shuffles: int = 100
    seed: int = 0
    views: Sequence[str] = VIEWS

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_real("eps", self.eps, 0.0)
        check_int("resamples", self.resamples, 0, 100_000)
        check_int("shuffles", self.shuffles, 0, 100_000)
        check_int("seed", self.seed, 0)
        for view in self.views:
            check_choice("view", view, normaliser_names())


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
    for name in options:
        check_choice("option", name, Sampling.__dataclass_fields__)
    sampling = Sampling(**options)
    data = Data.of(embeddings, concepts, frequencies, classifier)
    statistics = FeatureStatistics(
        len(data.names),
        data.x.shape[1],
        eps=sampling.eps,
        views=tuple(dict.fromkeys((*sampling.views, view))),
    )
    for part in chunks(*data.x.shape):
        batch = arrays.finite_batch("embeddings", data.x[part], part.start)
        statistics.update(
            batch, data.codes[part], None if data.frequencies is None else data.frequencies[part]
        )
    generator = np.random.default_rng(sampling.seed)
    second = _second_pass(data, statistics.points(data.classifier), statistics.lenses, generator)
    replicates = _replicates(data, list(statistics.lenses.values()), sampling, generator, second.looked_up)
    evidence = {v: Evidence(p, replicates.by_view.get(v)) for v, p in second.points.items()}
    notes = (*second.notes, *replicates.notes)
    report = build(statistics.seen(data.names), evidence, view, data.classifier, replicates.policy, notes)
    return replace(report, detail=detail(data, statistics.lenses[view], second.wrong[view], generator))


@dataclass(frozen=True)
class _Points:
    """Points by view, with notes on how they were made."""

    points: Mapping[str, Point]
    wrong: Mapping[str, Mapping[tuple[int, int], int]]
    looked_up: int
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
    wrong: dict[Rows, Mapping[tuple[int, int], int]] = {}
    for view, lens in lenses.items():
        if lens.rows not in found:
            found[lens.rows] = _frequency_values(data, lens.rows)
            wrong[lens.rows] = {}
            if n_kept >= 2:
                centre = _centres(data, lens.rows, points[view].scaled(1 / lens.scale), chosen)
                found[lens.rows] |= _centre_values(centre, data.classifier is not None)
                wrong[lens.rows] = centre.wrong
    joined = {v: p.joined(found[lenses[v].rows]) for v, p in points.items()}
    return _Points(joined, {v: wrong[lens.rows] for v, lens in lenses.items()}, len(chosen), notes)


def _frequency_values(data: Data, kind: Rows) -> dict[str, float]:
    if data.frequencies is None:
        return {}
    lengths = [np.linalg.norm(kind.of(data.rows(part)), axis=1) for part in chunks(*data.x.shape)]
    return length_against_frequency(np.concatenate(lengths), data.frequencies, data.codes)


def _centres(data: Data, kind: Rows, point: Point, chosen: Ints) -> NearestCentre:
    index = np.cumsum(data.kept) - 1
    summed = None if data.classifier is None else data.classifier.of_concepts(data.kept).summed().mean
    centre = NearestCentre(point.moments.mean, point.moments.count, summed)
    for part in chunks(len(chosen), data.x.shape[1]):
        centre.update(kind.of(data.rows(chosen[part])), index[data.codes[chosen[part]]])
    return centre


def _centre_values(centre: NearestCentre, with_classifier: bool) -> dict[str, float]:
    out = {"nearest_centre": centre.own_share}
    return {**out, "nc4": centre.agreement} if with_classifier else out


@dataclass(frozen=True)
class _Resampled:
    """Replicates by view, how they were made, and notes on it."""

    by_view: Mapping[str, Replicates]
    policy: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def _replicates(
    data: Data, lenses: list[Lens], sampling: Sampling, generator: np.random.Generator, looked_up: int
) -> _Resampled:
    policy: dict[str, Any] = {
        "resamples": 0,
        "shuffles": 0,
        "entities_resampled": 0,
        "concepts_resampled": 0,
        "interval": 0.95,
        "bootstrap": "entities within concepts; value less bias ± t standard errors on the value's scale",
        "chance": "labels shuffled over all entities",
        "seed": sampling.seed,
    }
    members = data.members
    if len(members) == 0 or sampling.resamples + sampling.shuffles == 0:
        return _Resampled({}, policy)
    index = np.cumsum(data.kept) - 1
    limit = max(64, LIMIT // data.x.shape[1])
    part = data.part(members[choose_part(index[data.codes[members]], limit, generator)])
    resampler = Resampler(part, lenses)
    affordable = max(LEAST, int(BUDGET / resampler.cost()))
    resamples, shuffles = min(sampling.resamples, affordable), min(sampling.shuffles, affordable)
    policy.update(resamples=resamples, shuffles=shuffles)
    policy.update(entities_resampled=len(part.codes), concepts_resampled=len(part.names))
    observed, concentration = resampler.observed(), resampler.concentration()
    drawn = resampler.bootstrap(resamples, generator)
    mixed = resampler.shuffle(shuffles, generator)
    kept_names = [n for n, k in zip(data.names, data.kept, strict=True) if k]
    where = np.flatnonzero(np.isin(kept_names, part.names))
    by_rows = {
        rows: Replicates(
            observed=point.values.overall,
            bootstrap=Samples.of(drawn[rows]).among(where, len(kept_names)),
            shuffled=Samples.of(mixed[rows]).among(where, len(kept_names)),
            count=data.count[data.kept],
            whole=len(part.codes) == len(members),
            concentration=concentration[rows],
            looked_up=looked_up,
            d=data.x.shape[1],
        )
        for rows, point in observed.items()
    }
    by_view = {lens.name: by_rows[lens.rows] for lens in lenses}
    return _Resampled(by_view, policy, _notes(policy, sampling, len(members)))


def choose_part(codes: Ints, limit: int, generator: np.random.Generator) -> Ints:
    """Return sorted indices of the entities to resample: all, or about `limit`, ≥ 2 per concept kept.

    With many small concepts, whole concepts are left out at random rather than thinned below four members.
    """
    n = len(codes)
    if n <= limit:
        return np.arange(n, dtype=np.int64)
    order = generator.permutation(n)
    order = order[np.argsort(codes[order], kind="stable")]
    count = np.bincount(codes)
    quota = np.minimum(count, np.maximum(4, (count * (limit / n)).astype(np.int64)))
    if quota.sum() > 1.5 * limit:
        random = generator.permutation(len(count))
        fits = np.cumsum(quota[random]) <= limit
        fits[:2] = True
        dropped = np.ones(len(count), dtype=bool)
        dropped[random[fits]] = False
        quota[dropped] = 0
    starts = np.concatenate([[0], np.cumsum(count)[:-1]])
    rank = np.arange(n) - np.repeat(starts, count)
    return np.sort(order[rank < np.repeat(quota, count)]).astype(np.int64)


def _notes(policy: Mapping[str, Any], sampling: Sampling, members: int) -> tuple[str, ...]:
    notes = []
    if policy["entities_resampled"] < members:
        notes.append(
            f"chance comes from {policy['entities_resampled']} of the entities, "
            f"{policy['concepts_resampled']} of the concepts: it is shown beside values that do not depend "
            "on how many there are, p is that of the part, and intervals are withheld"
        )
    if policy["resamples"] < sampling.resamples or policy["shuffles"] < sampling.shuffles:
        notes.append(
            f"{policy['resamples']} resamples and {policy['shuffles']} shuffles were made, to bound the time"
        )
    return tuple(notes)
