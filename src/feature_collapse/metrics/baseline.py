"""Compare two sets of embeddings of the same entities: the difference of each value, with an interval.

Paired: both are measured on the entities that they share (same name, same concept), and a bootstrap draws
the same entities from both, so that what is hard for both cancels. The interval is d − bias ± t·se of the
differences. Shares get Bonett and Price's interval (2012) for paired proportions. Against a report alone
there is nothing to pair: its intervals and ours are combined as those of independent data (MOVER; Zou,
Donner 2008), which is wider than need be where the entities are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from feature_collapse.errors import InputError
from feature_collapse.metrics.data import Data
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.intervals import Errors, Range, difference_interval, few_for_spectrum, too_few
from feature_collapse.metrics.measure import BUDGET, LEAST, LIMIT, points_of
from feature_collapse.metrics.measured import Measured
from feature_collapse.metrics.report import Report
from feature_collapse.metrics.resampling import Resampler, replicate_cost
from feature_collapse.metrics.saved_report import SavedReport
from feature_collapse.metrics.second_pass import SecondPass
from feature_collapse.metrics.value import number
from feature_collapse.metrics.views import Lens

NAN = float("nan")


@dataclass(frozen=True)
class Difference:
    """One value of both, value − baseline, and its 95% interval (NaN, and why, where there is none)."""

    key: str
    baseline: float
    value: float
    low: float = NAN
    high: float = NAN
    withheld: str = ""

    @property
    def difference(self) -> float:
        """Value less baseline."""
        return self.value - self.baseline

    def to_dict(self) -> dict[str, float | str | None]:
        """Return the numbers, None where they are not finite."""
        names = ("baseline", "value", "difference", "low", "high")
        return {**{n: number(getattr(self, n)) for n in names}, "withheld": self.withheld or None}


@dataclass(frozen=True)
class Differences:
    """Differences by key; `entities` were measured in both, and were `paired` or not; notes on the others."""

    baseline: str
    entities: int
    paired: bool
    differences: Mapping[str, Difference]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values."""
        plain = {f: v for f, v in vars(self).items() if f != "differences"}
        return {
            **plain,
            "notes": list(self.notes),
            "differences": {k: d.to_dict() for k, d in self.differences.items()},
        }


def against_table(found: Measured, baseline: Measured, *, resamples: int = 200, seed: int = 0) -> Differences:
    """Return the differences of `found` less `baseline` on the entities that both have, paired.

    In the view of `found.report.normaliser`; classifier rows do not enter. O(N·d²) time for each of the two,
    and per replicate as `measure`.

    Raises:
        InputError: if they share fewer than two entities.
    """
    mine, theirs = _shared(found, baseline)
    view, eps, concepts = found.report.normaliser, found.eps, [found.concepts[i] for i in mine]
    data = [
        Data.of(m.vectors[rows], concepts, None if f is None else f[rows], None)
        for m, rows, f in (
            (baseline, theirs, baseline.frequencies),
            (found, mine, found.frequencies),
        )
    ]
    seconds = [points_of(d, view, eps, np.random.default_rng(seed)) for d in data]
    values = [s.points[view].values.overall for s in seconds]
    samples = [_resampled(d, view, eps, resamples, seed) for d in data]
    differences = {}
    for key in DEFINITIONS:
        if key in values[0] and key in values[1]:
            pair = (values[0][key], values[1][key])
            reach = _range(key, pair, seconds, samples, data[0])
            differences[key] = Difference(key, *pair, reach.low, reach.high, reach.reason)
    notes = []
    for name, n, of in (("baseline", len(baseline.entities), theirs), ("other", len(found.entities), mine)):
        if len(of) < n:
            notes.append(f"{n - len(of)} entities of the {name} table are not in both and were left out")
    if np.array_equal(data[0].x, data[1].x):
        notes.append("both tables are identical")
    return Differences(baseline.source, len(mine), True, MappingProxyType(differences), tuple(notes))


def _shared(found: Measured, baseline: Measured) -> tuple[list[int], list[int]]:
    """Return rows of both, in one order, of the entities with the same name and concept."""
    at = {pair: i for i, pair in enumerate(zip(baseline.entities, baseline.concepts, strict=True))}
    pairs = enumerate(zip(found.entities, found.concepts, strict=True))
    rows = [(i, at[pair]) for i, pair in pairs if pair in at]
    if len(rows) < 2:
        raise InputError(
            f"baseline = {baseline.source!r} shares {len(rows)} entities with {found.source!r}, but a "
            "comparison needs two or more"
        )
    return [i for i, _ in rows], [j for _, j in rows]


def _resampled(data: Data, view: str, eps: float, resamples: int, seed: int) -> Mapping[str, Any]:
    """Return bootstrap replicates by key (T,); the same seed draws the same entities from both tables."""
    if resamples == 0 or not data.kept.any() or data.x.size > LIMIT:
        return {}
    part, lens = data.part(data.members), Lens.of(view, eps, data.x.shape[1])
    times = min(resamples, max(LEAST, int(BUDGET / replicate_cost(part, [lens]))))
    drawn = Resampler(part, [lens]).bootstrap(times, np.random.default_rng(seed))[lens.rows]
    return {key: np.array([v.overall.get(key, NAN) for v in drawn]) for key in drawn[0].overall}


def _range(
    key: str,
    pair: tuple[float, float],
    seconds: list[SecondPass],
    samples: list[Mapping[str, Any]],
    data: Data,
) -> Range:
    if not np.isfinite(pair).all():
        return Range()
    if key == "nearest_centre":
        return _paired_share(seconds[0].own.nearest, seconds[1].own.nearest)
    if key not in samples[0] or key not in samples[1]:
        return Range(reason="it was not resampled")
    count = data.count[data.kept]
    if DEFINITIONS[key].scale == "none":
        return Range(reason="no interval is made for it")
    reason = too_few(key, count) or few_for_spectrum(key, int(count.sum()), data.x.shape[1])
    if reason:
        return Range(reason=reason)
    drawn = samples[1][key] - samples[0][key]
    return difference_interval(key, pair[1] - pair[0], drawn[np.isfinite(drawn)], Errors.of(count))


def _paired_share(before: Any, after: Any) -> Range:
    """Return Bonett and Price's 95% interval of the difference of two shares of the same entities."""
    known = np.isfinite(before) & np.isfinite(after)
    n = int(known.sum())
    if n == 0:
        return Range()
    gained, lost = (int(np.sum(x[known] > y[known])) for x, y in ((after, before), (before, after)))
    up, down = (gained + 1) / (n + 2), (lost + 1) / (n + 2)
    half = 1.96 * np.sqrt((up + down - (up - down) ** 2) / (n + 2))
    return Range(float(max(-1.0, up - down - half)), float(min(1.0, up - down + half)))


def against_report(report: Report, saved: SavedReport) -> Differences:
    """Return the differences of a report less a saved one, unpaired.

    Raises:
        InputError: if the saved report is of another normaliser.
    """
    if saved.normaliser != report.normaliser:
        raise InputError(
            f"baseline = {saved.source!r} was measured with normaliser = {saved.normaliser!r}, but this with "
            f"{report.normaliser!r}: they must be equal"
        )
    differences = {}
    for key, value in report.views[report.normaliser].values.items():
        old = saved.values.get(key)
        if old is None:
            continue
        down = np.hypot(value.value - value.low, old.high - old.value)
        up = np.hypot(value.high - value.value, old.value - old.low)
        d = value.value - old.value
        one = Difference(key, old.value, value.value, float(d - down), float(d + up))
        differences[key] = (
            one if np.isfinite(down) else replace(one, withheld="one of the two has no interval")
        )
    note = (
        "the baseline is a report, without its entities: intervals are those of independent data, too wide "
        "where entities are the same; give the table itself for paired ones"
    )
    return Differences(saved.source, report.n_entities, False, MappingProxyType(differences), (note,))
