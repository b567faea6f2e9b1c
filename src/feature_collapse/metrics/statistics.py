"""Statistics of features over batches: one pass, float64 sums, mergeable across workers, never an N×N array.

    statistics = FeatureStatistics(n_concepts=10, d=768)
    for features, ids in batches:
        statistics.update(features, ids)
    report = statistics.finalize()

Memory: about 8·(7·C·d + 6·d²) bytes plus the sample, whatever N; time O(N·d²).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from feature_collapse.errors import InputError, check_choice, check_int, check_real
from feature_collapse.metrics import arrays, dimension
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.moments import BatchGroups, ConceptMoments, GroupMoments
from feature_collapse.metrics.normalisers import NORMALISERS, normalise
from feature_collapse.metrics.report import Report
from feature_collapse.metrics.sample import HashSample

CHUNK_VALUES = 2_000_000
"""Rows are converted to float64 in chunks of about this many numbers (16 MB)."""


class FeatureStatistics:
    """Accumulates what the report needs of features (N, d) in C concepts, for all normalisers at once."""

    def __init__(
        self,
        n_concepts: int,
        d: int,
        *,
        eps: float = 0.0,
        sample_rows: int = 2048,
        views: Sequence[str] = NORMALISERS,
    ) -> None:
        """Start empty.

        Args:
            n_concepts: number of concepts C; ids run from 0 to C − 1.
            d: dimension of the features.
            eps: ε of LayerNorm and RMSNorm.
            sample_rows: rows kept for the uniformity and for pictures; exact while N ≤ sample_rows.
            views: the normalisers to report on; fewer take less time.

        Raises:
            InputError: for a value out of range.
        """
        self.n_concepts = check_int("n_concepts", n_concepts, 1)
        self.d = check_int("d", d, 1)
        self.eps = check_real("eps", eps, 0.0)
        self.views = tuple(check_choice("view", v, NORMALISERS) for v in views)
        self.sample = HashSample(check_int("sample_rows", sample_rows, 2, 8192), d)
        c = n_concepts
        wanted = {*self.views, *(["sphere"] if "rmsnorm" in self.views and self.eps == 0 else [])}
        self._features = {v: GroupMoments(c, d, scatter=v in wanted) for v in self._tracked()}
        self._lengths = {v: GroupMoments(c, 1, scatter=False) for v in self._tracked()}
        # Σ‖x‖x is Σx up to a factor where all lengths are equal
        self._weighted = {
            v: np.zeros((c, d)) for v in self._tracked() if v == "none" or (eps > 0 and v in _WITH_EPS)
        }
        # the directions after LayerNorm need sums of their own only where ε makes the lengths differ
        self._directions = (
            GroupMoments(c, d, scatter=False) if eps > 0 and "layernorm" in self.views else None
        )
        self._pairs = GroupMoments(c, 2, scatter=False)
        self._cross = np.zeros(
            (c, 2)
        )  # per concept: centred Σ f², Σ f·r of f = log frequency, r = log length
        self.rows = 0
        self.zero_vectors = 0
        self.constant_vectors = 0
        self.without_frequency = 0

    def _tracked(self) -> tuple[str, ...]:
        """The views with sums of their own: the sphere holds the directions of 'none' and 'rmsnorm'."""
        with_eps = self.eps > 0 and "rmsnorm" in self.views
        layernorm = "layernorm" in self.views
        return ("none", "sphere", *(["layernorm"] * layernorm), *(["rmsnorm"] * with_eps))

    def update(self, features: Any, concept_ids: Any, frequencies: Any = None) -> FeatureStatistics:
        """Add a batch: features (n, d), integer concept_ids (n,), optional frequencies (n,).

        Nothing is kept of it but sums and the sample. On an error nothing of the batch is added.

        Raises:
            InputError: for wrong shapes, ids out of range, or values that are not finite.
        """
        x = arrays.feature_rows("features", features)
        if x.shape[1] != self.d:
            raise InputError(f"features has {x.shape[1]} columns, but must have d = {self.d}")
        ids = arrays.concept_ids(concept_ids, len(x), self.n_concepts)
        seen = None if frequencies is None else arrays.check_frequencies(frequencies, len(x))
        step = max(1, CHUNK_VALUES // self.d)
        chunks = [slice(s, s + step) for s in range(0, len(x), step)]
        if len(chunks) > 1:
            for rows in chunks:
                arrays.finite_batch("features", x[rows], rows.start)
        for rows in chunks:
            batch = arrays.finite_batch("features", x[rows], rows.start)
            self._add(batch, ids[rows], None if seen is None else seen[rows])
        return self

    def _add(self, x: Floats, ids: Ints, frequencies: Floats | None) -> None:
        groups = BatchGroups(ids)
        length = np.linalg.norm(x, axis=1)
        for view in self._tracked():
            y = normalise(x, view, self.eps)
            size = length if view == "none" else np.linalg.norm(y, axis=1)
            self._features[view].update(y, groups)
            self._lengths[view].update(size[:, None], groups)
            if view in self._weighted:
                self._weighted[view][groups.ids] += groups.sums(size[:, None] * y)
            if view == "layernorm":
                self.constant_vectors += int(np.sum((size == 0) & (length > 0)))
        if self._directions is not None:
            self._directions.update(normalise(x, "layernorm"), groups)
        if frequencies is not None:
            self._add_frequencies(length, frequencies, ids)
        self.sample.update(x, ids)
        self.rows += len(x)
        self.zero_vectors += int(np.sum(length == 0))

    def _add_frequencies(self, length: Floats, frequencies: Floats, ids: Ints) -> None:
        usable = (length > 0) & (frequencies > 0)
        self.without_frequency += int(np.sum(frequencies <= 0))
        if not usable.any():
            return
        groups = BatchGroups(ids[usable])
        pair = np.log(np.stack([frequencies[usable], length[usable]], axis=1))
        mean = groups.sums(pair) / groups.count[:, None]
        off = pair - mean[groups.inverse]
        cross = groups.sums(np.stack([off[:, 0] ** 2, off[:, 0] * off[:, 1]], axis=1))
        self._add_cross(groups.ids, groups.count, mean, cross)
        self._pairs.update(pair, groups)

    def _add_cross(self, ids: Ints, count: Ints, mean: Floats, cross: Floats) -> None:
        delta = mean - self._pairs.mean[ids]
        weight = (self._pairs.count[ids] * count / np.maximum(self._pairs.count[ids] + count, 1))[:, None]
        self._cross[ids] += cross + weight * delta[:, :1] * delta

    def merge(self, other: FeatureStatistics) -> FeatureStatistics:
        """Add what another worker has accumulated (same n_concepts, d, eps and sample_rows).

        Raises:
            InputError: if the two were made with different settings.
        """
        for name, a, b in (
            ("n_concepts", self.n_concepts, other.n_concepts),
            ("d", self.d, other.d),
            ("eps", self.eps, other.eps),
            ("sample_rows", self.sample.size, other.sample.size),
            ("views", self.views, other.views),
        ):
            if a != b:
                raise InputError(
                    f"cannot merge statistics with {name} = {a} and {name} = {b}: they must be equal"
                )
        if other is self:
            raise InputError("cannot merge statistics with themselves: every entity would count twice")
        ids = np.flatnonzero(other._pairs.count)
        self._add_cross(ids, other._pairs.count[ids], other._pairs.mean[ids], other._cross[ids])
        self._pairs.merge(other._pairs)
        for view in self._tracked():
            self._features[view].merge(other._features[view])
            self._lengths[view].merge(other._lengths[view])
            if view in self._weighted:
                self._weighted[view] += other._weighted[view]
        if self._directions is not None and other._directions is not None:
            self._directions.merge(other._directions)
        self.sample.merge(other.sample)
        self.rows += other.rows
        self.zero_vectors += other.zero_vectors
        self.constant_vectors += other.constant_vectors
        self.without_frequency += other.without_frequency
        return self

    @property
    def count(self) -> Ints:
        """Members per concept, (C,)."""
        return self._features["none"].count

    def moments(self, view: str) -> ConceptMoments:
        """Return the moments of all concepts (also the empty ones) after the normaliser `view`."""
        if view == "rmsnorm" and self.eps == 0:
            return self.moments("sphere").scaled(float(np.sqrt(self.d)))
        f, length = self._features[view], self._lengths[view]
        if view == "layernorm":
            u, s = (
                (f, float(np.sqrt(self.d)))
                if self._directions is None
                else (self._directions, float(np.sqrt(self.d)))
            )
        else:
            u, s = self._features["sphere"], 1.0
        weighted = self._weighted.get(view)
        if weighted is None:
            weighted = s * f.count[:, None] * f.mean
        return ConceptMoments(
            f.count, f.mean, f.m2, u.mean / s, u.m2 / s**2, length.mean[:, 0], length.m2, weighted
        )

    def scatter(self, view: str) -> Floats:
        """Return the pooled within-concept scatter Σ (x − m)(x − m)ᵀ, (d, d)."""
        if view == "rmsnorm" and self.eps == 0:
            return self.d * self.scatter("sphere")
        scatter = self._features[view].scatter
        assert scatter is not None
        return scatter

    def eigenvalues(self, view: str) -> tuple[Floats, Floats]:
        """Return the eigenvalues, largest first, of Σ (x − m)(x − m)ᵀ, m the global mean, and of Σ xxᵀ."""
        m = self.moments(view)
        n = max(self.rows, 1)
        away = (m.mean - m.count @ m.mean / n) * np.sqrt(m.count)[:, None]
        means = m.mean * np.sqrt(m.count)[:, None]
        within = self.scatter(view)
        size = float(np.trace(within) + np.sum(means**2))
        centred = dimension.clean_eigenvalues(
            np.asarray(np.linalg.eigvalsh(within + away.T @ away)), min(n, self.d)
        )
        if centred.sum() <= 1e-26 * size:  # one point: what is left is rounding
            centred = np.zeros_like(centred)
        return centred, dimension.clean_eigenvalues(
            np.asarray(np.linalg.eigvalsh(within + means.T @ means)), min(n, self.d)
        )

    def slopes(self) -> dict[str, float]:
        """Return length_slope and length_slope_within of the raw features; {} if no frequencies came."""
        count = self._pairs.count
        if count.sum() == 0:
            return {}
        mean = count @ self._pairs.mean / count.sum()
        off = self._pairs.mean - mean
        inside = self._cross.sum(axis=0)
        total = inside + (count[:, None] * off[:, :1] * off).sum(axis=0)
        floor = 1e-20 * count.sum()
        return {
            "length_slope": float(total[1] / total[0]) if total[0] > floor else float("nan"),
            "length_slope_within": float(inside[1] / inside[0]) if inside[0] > floor else float("nan"),
        }

    def finalize(
        self,
        concept_names: Sequence[str] | None = None,
        normaliser: str = "none",
        classifier: Any = None,
    ) -> Report:
        """Return the report of what one pass can tell: no intervals, no chance, no second-pass values (NC4).

        Args:
            concept_names: names of the C concepts; by default their ids.
            normaliser: the one that the model applies; its view gives the verdict.
            classifier: rows (C, d), or a pair (rows (R, d), concept id of each row (R,)).

        Raises:
            InputError: if nothing was added, or for a wrong argument.
        """
        from feature_collapse.metrics.assemble import point_report
        from feature_collapse.metrics.classifier import check_classifier

        if self.rows == 0:
            raise InputError("no features were added: call update before finalize")
        names = (
            [str(i) for i in range(self.n_concepts)]
            if concept_names is None
            else [str(c) for c in concept_names]
        )
        if len(names) != self.n_concepts:
            raise InputError(
                f"concept_names has {len(names)} names, but must have one for each of {self.n_concepts}"
            )
        rows = check_classifier(classifier, names, self.d)
        return point_report(self, names, normaliser, rows)


_WITH_EPS = ("layernorm", "rmsnorm")
__all__ = ["NORMALISERS", "FeatureStatistics"]
