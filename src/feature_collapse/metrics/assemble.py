"""From points and replicates to the frozen report, with notes on what was left out and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics.arrays import Ints
from feature_collapse.metrics.classifier import Classifier
from feature_collapse.metrics.definitions import CONCEPT_KEYS, DEFINITIONS
from feature_collapse.metrics.frames import frame_exists
from feature_collapse.metrics.intervals import Replicates, with_concept_interval, with_interval
from feature_collapse.metrics.outcome import outcome
from feature_collapse.metrics.report import Concept, Report, View
from feature_collapse.metrics.values import Point
from feature_collapse.metrics.verdict import verdict

SHOWN = 10
EQUAL = 1e-9
"""Up to this spread all concepts are equal but for rounding (lengths on the sphere): none is the worst."""


@dataclass(frozen=True)
class Seen:
    """Of the data: concept names and members (C,), dimension, and how many entities are special."""

    names: tuple[str, ...]
    count: Ints
    d: int
    zero_vectors: int
    constant_vectors: int
    without_frequency: int
    sample_size: int

    @property
    def rows(self) -> int:
        """Entities in all."""
        return int(self.count.sum())

    @cached_property
    def kept(self) -> NDArray[np.bool_]:
        """Which concepts have two members or more."""
        return self.count >= 2


@dataclass(frozen=True)
class Evidence:
    """Of one view: its point values, and the replicates, if any were made."""

    point: Point
    replicates: Replicates | None = None


def build(
    seen: Seen,
    evidence: Mapping[str, Evidence],
    normaliser: str,
    classifier: Classifier | None,
    policy: Mapping[str, Any],
    notes: Sequence[str] = (),
) -> Report:
    """Return the report: values, intervals, chance, verdicts and notes put together."""
    names = [n for n, k in zip(seen.names, seen.kept, strict=True) if k]
    views = {name: _view(name, e, names) for name, e in evidence.items()}
    main = views[normaliser]
    return Report(
        n_entities=seen.rows,
        n_concepts=int(np.sum(seen.count > 0)),
        dimension=seen.d,
        normaliser=normaliser,
        outcome=main.outcome,
        outcome_reason=main.outcome_reason,
        verdict=main.verdict,
        reason=main.reason,
        views=MappingProxyType(views),
        notes=(*_notes(seen), *_classifier_notes(seen, classifier), *notes),
        policy=MappingProxyType(dict(policy)),
    )


def _view(name: str, e: Evidence, names: Sequence[str]) -> View:
    values = e.point.values
    entries = {
        key: with_interval(key, values.overall[key], e.replicates)
        for key in DEFINITIONS
        if key in values.overall
    }
    p = {k: v.p for k, v in entries.items()}
    shown, kind = outcome(e.point, p), verdict(e.point, p, name != "none")
    worst = {
        k: names[int(np.nanargmax(values.each[k]))]
        for k in CONCEPT_KEYS
        if k in values.each and np.isfinite(values.each[k]).any() and np.nanmax(values.each[k]) > EQUAL
    }
    return View(
        normaliser=name,
        outcome=shown.name,
        outcome_reason=shown.reason,
        verdict=kind.name,
        reason=kind.reason,
        values=MappingProxyType(entries),
        concepts=_concepts(names, e),
        worst=MappingProxyType(worst),
    )


def _concepts(names: Sequence[str], e: Evidence) -> tuple[Concept, ...]:
    m, each = e.point.moments, e.point.values.each
    return tuple(
        Concept(
            name,
            int(m.count[i]),
            float(m.length_mean[i]),
            MappingProxyType(
                {k: with_concept_interval(k, float(v[i]), i, e.replicates) for k, v in each.items()}
            ),
        )
        for i, name in enumerate(names)
    )


def _notes(s: Seen) -> list[str]:
    notes = []
    for what, which in (("one member", s.count == 1), ("no member", s.count == 0)):
        left_out = [n for n, w in zip(s.names, which, strict=True) if w]
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
    c = int(s.kept.sum())
    if c >= 2 and not frame_exists(c, s.d):
        notes.append(
            f"no equiangular frame of {c} concepts fits into {s.d} dimensions (d ≥ {c - 1} needed): "
            "types I, II, III are undefined, the other values stand"
        )
    if c >= 2 and s.d == c - 1:
        notes.append(
            f"after LayerNorm only {s.d - 1} dimensions are left, too few for {c} mean-zero equiangular "
            f"directions (d ≥ {c} needed): type II cannot be reached there"
        )
    if s.rows > s.sample_size:
        notes.append(
            f"uniformity is a mean over the pairs of {s.sample_size} entities sampled by content hash"
        )
    return notes


def _classifier_notes(s: Seen, classifier: Classifier | None) -> list[str]:
    if classifier is None:
        return []
    notes = []
    without = np.setdiff1d(np.flatnonzero(s.kept), classifier.codes)
    if len(without):
        notes.append(f"{len(without)} concept(s) have no classifier row: {s.names[without[0]]} first")
    if len(classifier.rows) != classifier.n_concepts:
        notes.append("several classifier rows per concept: NC3 and NC4 use their means")
    return notes
