"""`measure`: have a model's features collapsed, in direction or in length too, and is it more than chance?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import numpy as np

from feature_collapse.blas import one_blas_thread
from feature_collapse.errors import InputError, check_choice, check_int, check_real
from feature_collapse.metrics import arrays, neural_collapse
from feature_collapse.metrics.arrays import Ints
from feature_collapse.metrics.assemble import Evidence, build
from feature_collapse.metrics.data import Data, chunks
from feature_collapse.metrics.detail import detail
from feature_collapse.metrics.intervals import Replicates, Samples
from feature_collapse.metrics.neural_collapse import Centre
from feature_collapse.metrics.report import Report
from feature_collapse.metrics.resampling import Resampler, replicate_cost
from feature_collapse.metrics.second_pass import SecondPass, second_pass
from feature_collapse.metrics.statistics import FeatureStatistics
from feature_collapse.metrics.values import Point
from feature_collapse.metrics.views import VIEWS, Lens
from feature_collapse.model.normalisers import normaliser_names

BUDGET = 1e10
"""Operations that bootstrap and shuffles may take, each; above it there are fewer replicates (≥ `LEAST`)."""
LEAST = 30
MANY = 1e9
"""Operations of one replicate of all views above which only the model's own view is resampled."""
LIMIT = 40_000_000
"""Numbers (entities × dimension) that are resampled; above it a part of the entities is."""


class Options(TypedDict, total=False):
    """Keywords of `measure`.

    eps: ε of LayerNorm and RMSNorm, 0 if not given. resamples: bootstrap replicates, 200 (0: no intervals).
    shuffles: shuffles of the labels, 100 (0: no chance level, and the verdict does not test for it). seed: of
    the resampling, 0. views: the normalisers to report on besides the model's own, all four if not given.
    centre: what NC1 to NC3 are centred at, the mean of the "entities" (as published) or of the "concepts".
    outside: features (M, d) of entities that are in no concept, for NC5.
    """

    eps: float
    resamples: int
    shuffles: int
    seed: int
    views: Sequence[str]
    centre: Centre
    outside: Any


def _check_view(name: str, view: str) -> str:
    """Return the name of a normaliser; installed packages are looked through for other names than ours."""
    return view if view in VIEWS else check_choice(name, view, normaliser_names())


@dataclass(frozen=True)
class Sampling:
    """The options, checked."""

    eps: float = 0.0
    resamples: int = 200
    shuffles: int = 100
    seed: int = 0
    views: Sequence[str] = VIEWS
    centre: Centre = "entities"
    outside: Any = None

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_real("eps", self.eps, 0.0)
        check_int("resamples", self.resamples, 0, 100_000)
        check_int("shuffles", self.shuffles, 0, 100_000)
        check_int("seed", self.seed, 0)
        check_choice("centre", self.centre, ("entities", "concepts"))
        for view in self.views:
            _check_view("view", view)


@one_blas_thread()
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
    view = "none" if normaliser is None else _check_view("normaliser", normaliser)
    for name in options:
        check_choice("option", name, Sampling.__dataclass_fields__)
    sampling = Sampling(**options)
    data = Data.of(embeddings, concepts, frequencies, classifier)
    views, generator = tuple(dict.fromkeys((*sampling.views, view))), np.random.default_rng(sampling.seed)
    statistics = _first_pass(data, sampling.eps, views)
    lenses = statistics.lenses
    points = statistics.points(data.classifier, sampling.centre)
    if sampling.outside is not None:
        points = {v: p.joined(_nc5(p, lenses[v], sampling.outside)) for v, p in points.items()}
    second = second_pass(data, points, lenses, view, generator)
    own_first = sorted(lenses.values(), key=lambda lens: lens.name != view)
    replicates = _replicates(data, own_first, sampling, generator, second)
    evidence = {v: Evidence(p, replicates.by_view.get(v)) for v, p in second.points.items()}
    notes = (*second.notes, *replicates.notes)
    report = build(statistics.seen(data.names), evidence, view, data.classifier, replicates.policy, notes)
    return replace(report, detail=detail(data, second.own, second.wrong, generator))


def _first_pass(data: Data, eps: float, views: Sequence[str]) -> FeatureStatistics:
    statistics = FeatureStatistics(len(data.names), data.x.shape[1], eps=eps, views=views)
    for part in chunks(*data.x.shape):
        batch = arrays.finite_batch("embeddings", data.x[part], part.start)
        f = None if data.frequencies is None else data.frequencies[part]
        statistics.update(batch, data.codes[part], f)
    return statistics


def _nc5(point: Point, lens: Lens, outside: Any) -> dict[str, float]:
    """Return NC5 of one view; the mean of the features outside is taken in chunks."""
    x = arrays.feature_rows("outside", outside)
    means = point.moments.mean
    if x.shape[1] != means.shape[1]:
        raise InputError(f"outside has {x.shape[1]} columns, but must have d = {means.shape[1]}")
    total = np.zeros(x.shape[1])
    for part in chunks(*x.shape):
        total += lens.apply(arrays.finite_batch("outside", x[part], part.start)).sum(axis=0)
    return {"nc5": neural_collapse.nc5(means, total / len(x))}


@one_blas_thread()
def points_of(data: Data, view: str, eps: float, generator: np.random.Generator) -> SecondPass:
    """Return the point values of one view, without intervals or chance."""
    statistics = _first_pass(data, eps, (view,))
    return second_pass(data, statistics.points(data.classifier), statistics.lenses, view, generator)


@dataclass(frozen=True)
class _Resampled:
    """Replicates by view, how they were made, and notes on it."""

    by_view: Mapping[str, Replicates]
    policy: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def _replicates(
    data: Data,
    lenses: Sequence[Lens],
    sampling: Sampling,
    generator: np.random.Generator,
    second: SecondPass,
) -> _Resampled:
    """Resample the views `lenses`, the model's own first; it alone where a replicate of all takes long."""
    policy: dict[str, Any] = {
        "resamples": 0,
        "shuffles": 0,
        "entities_resampled": 0,
        "concepts_resampled": 0,
        "interval": 0.95,
        "bootstrap": "entities within concepts; value less bias ± t standard errors on the value's scale",
        "centre": f"NC1 to NC3 at the mean of {sampling.centre}",
        "chance": "labels shuffled over all entities",
        "seed": sampling.seed,
    }
    members = data.members
    if len(members) == 0 or sampling.resamples + sampling.shuffles == 0:
        return _Resampled({}, policy)
    index = np.cumsum(data.kept) - 1
    limit = max(64, LIMIT // data.x.shape[1])
    part = data.part(members[choose_part(index[data.codes[members]], limit, generator)])
    asked = len(lenses)
    if replicate_cost(part, lenses) > MANY:
        lenses = [lens for lens in lenses if lens.rows == lenses[0].rows]
    resampler = Resampler(part, lenses, sampling.centre)
    affordable = max(LEAST, int(BUDGET / replicate_cost(part, lenses)))
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
            looked_up=second.looked_up,
            share=second.share[rows],
            d=data.x.shape[1],
        )
        for rows, point in observed.items()
    }
    by_view = {lens.name: by_rows[lens.rows] for lens in lenses}
    notes = _notes(policy, sampling, len(members))
    if len(lenses) < asked:
        notes = (*notes, "only the model's own view has intervals and chance levels, to bound the time")
    return _Resampled(by_view, policy, notes)


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
