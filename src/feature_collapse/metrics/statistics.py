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

from feature_collapse.blas import one_blas_thread, shared
from feature_collapse.errors import InputError, check_choice, check_int, check_real
from feature_collapse.metrics import arrays, dimension
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.assemble import Evidence, Seen, build
from feature_collapse.metrics.classifier import Classifier, check_classifier
from feature_collapse.metrics.data import chunks
from feature_collapse.metrics.frequency import FrequencySums
from feature_collapse.metrics.moments import BatchGroups, ConceptMoments, RowSums
from feature_collapse.metrics.neural_collapse import Centre
from feature_collapse.metrics.report import Report
from feature_collapse.metrics.sample import SAMPLE_ROWS, HashSample
from feature_collapse.metrics.values import Kind, Point, concept_values, spectrum_values
from feature_collapse.metrics.views import VIEWS, Lens, Rows, normalise


class FeatureStatistics:
    """Accumulates what the report needs of features (N, d) in C concepts, for all normalisers at once."""

    def __init__(
        self,
        n_concepts: int,
        d: int,
        *,
        eps: float = 0.0,
        sample_rows: int = SAMPLE_ROWS,
        views: Sequence[str] = VIEWS,
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
        c = self.n_concepts = check_int("n_concepts", n_concepts, 1)
        self.d = check_int("d", d, 1)
        self.eps = check_real("eps", eps, 0.0)
        self.lenses = {v: Lens.of(v, self.eps, self.d) for v in views}
        self.sample = HashSample(check_int("sample_rows", sample_rows, 2, 8192), d)
        self.frequencies = FrequencySums(c)
        self.count: Ints = np.zeros(c, dtype=np.int64)
        self.rows = self.zero_vectors = self.constant_vectors = 0
        spectra = {lens.rows for lens in self.lenses.values()}
        wanted = spectra | {lens.directions for lens in self.lenses.values()}
        self._sums = {r: RowSums(c, d, r.length(d), scatter=r in spectra) for r in sorted(wanted, key=str)}

    @one_blas_thread()
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
        parts = list(chunks(len(x), self.d))
        if len(parts) > 1:
            for rows in parts:
                arrays.finite_batch("features", x[rows], rows.start)
        for rows in parts:
            batch = arrays.finite_batch("features", x[rows], rows.start)
            self._add(batch, ids[rows], None if seen is None else seen[rows])
        return self

    def _add(self, x: Floats, ids: Ints, frequencies: Floats | None) -> None:
        groups = BatchGroups(ids)
        length = arrays.lengths_of(x)

        def add(kind: Rows) -> int:
            rows = kind.of(x)
            self._sums[kind].update(rows, groups)
            if kind != Rows("layernorm", self.eps):
                return 0
            return int(np.sum(~rows.any(axis=1) & (length > 0)))

        self.constant_vectors += sum(shared(add, self._sums, x.size * self.d))
        if frequencies is not None:
            self.frequencies.update(length, frequencies, ids)
        self.sample.update(x, ids)
        self.count[groups.ids] += groups.count
        self.rows += len(x)
        self.zero_vectors += int(np.sum(length == 0))

    def merge(self, other: FeatureStatistics) -> FeatureStatistics:
        """Add what another worker has accumulated (same n_concepts, d, eps, sample_rows and views).

        Raises:
            InputError: if the two were made with different settings.
        """
        for name, a, b in (
            ("n_concepts", self.n_concepts, other.n_concepts),
            ("d", self.d, other.d),
            ("eps", self.eps, other.eps),
            ("sample_rows", self.sample.size, other.sample.size),
            ("views", tuple(self.lenses), tuple(other.lenses)),
        ):
            if a != b:
                raise InputError(
                    f"cannot merge statistics with {name} = {a} and {name} = {b}: they must be equal"
                )
        if other is self:
            raise InputError("cannot merge statistics with themselves: every entity would count twice")
        for kind, sums in self._sums.items():
            sums.merge(other._sums[kind])
        self.frequencies.merge(other.frequencies)
        self.sample.merge(other.sample)
        self.count += other.count
        self.rows += other.rows
        self.zero_vectors += other.zero_vectors
        self.constant_vectors += other.constant_vectors
        return self

    def moments(self, view: str) -> ConceptMoments:
        """Return the moments of all concepts (also the empty ones) in one of the views."""
        lens = self.lenses[view]
        return self._sums[lens.rows].moments(self._sums[lens.directions]).scaled(lens.scale)

    @one_blas_thread()
    def points(self, classifier: Classifier | None = None, centre: Centre = "entities") -> dict[str, Point]:
        """Return the point values of each view, of the concepts with two members or more.

        Views whose rows are the same up to a scale are computed once. O(C²·d + C·d·min(C, d) + d³) time.
        """
        kept = self.count >= 2
        rows = None if classifier is None else classifier.of_concepts(kept).summed()
        base: dict[Rows, Point] = {}
        uniformity: dict[Rows, float] = {}
        for lens in self.lenses.values():
            if lens.rows not in base:
                m = self._sums[lens.rows].moments(self._sums[lens.directions])
                scatter = self._scatter(lens.rows)

                def within(axes: Floats, scatter: Floats = scatter) -> Floats:
                    return np.asarray(np.maximum(np.einsum("ij,ij->j", axes, scatter @ axes), 0.0))

                values = concept_values(m.keep(kept), within, Kind(lens.name != "none", rows, centre))
                if lens.directions not in uniformity:
                    units = normalise(lens.directions.of(self.sample.rows), "sphere")
                    uniformity[lens.directions] = dimension.uniformity_of(units)
                more = spectrum_values(*self._eigenvalues(m, scatter))
                more["uniformity"] = uniformity[lens.directions]
                base[lens.rows] = Point(m.keep(kept), values.joined(more))
        return {view: base[lens.rows].scaled(lens.scale) for view, lens in self.lenses.items()}

    def _scatter(self, rows: Rows) -> Floats:
        """Return the pooled within-concept scatter Σ (x − m)(x − m)ᵀ, (d, d)."""
        return self._sums[rows].features.scatter

    def _eigenvalues(self, m: ConceptMoments, within: Floats) -> tuple[Floats, Floats]:
        """Return the eigenvalues, largest first, of Σ (x − m)(x − m)ᵀ, m the global mean, and of Σ xxᵀ."""
        n = max(self.rows, 1)
        away = (m.mean - m.count @ m.mean / n) * np.sqrt(m.count)[:, None]
        means = m.mean * np.sqrt(m.count)[:, None]
        size = float(np.trace(within) + np.sum(means**2))
        rank = min(n, self.d)
        centred = dimension.clean_eigenvalues(np.linalg.eigvalsh(within + away.T @ away), rank)
        if centred.sum() <= 1e-26 * size:  # one point: what is left is rounding
            centred = np.zeros_like(centred)
        return centred, dimension.clean_eigenvalues(np.linalg.eigvalsh(within + means.T @ means), rank)

    def slopes(self) -> dict[str, float]:
        """Return length_slope and length_slope_within of the raw features; {} if no frequencies came."""
        return self.frequencies.slopes()

    def seen(self, names: Sequence[str]) -> Seen:
        """Return what the report says about the data themselves."""
        return Seen(
            tuple(names),
            self.count,
            self.d,
            self.zero_vectors,
            self.constant_vectors,
            self.frequencies.without_frequency,
            self.sample.size,
        )

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
        if self.rows == 0:
            raise InputError("no features were added: call update before finalize")
        names = [str(c) for c in (range(self.n_concepts) if concept_names is None else concept_names)]
        if len(names) != self.n_concepts:
            raise InputError(
                f"concept_names has {len(names)} names, but must have one for each of {self.n_concepts}"
            )
        check_choice("normaliser", normaliser, self.lenses)
        rows = check_classifier(classifier, names, self.d)
        evidence = {}
        for view, point in self.points(rows).items():
            evidence[view] = Evidence(point.joined(self._slopes_of(view)))
        return build(self.seen(names), evidence, normaliser, rows, {"resamples": 0, "shuffles": 0})

    def _slopes_of(self, view: str) -> dict[str, float]:
        """Return the slopes of a view, where one pass knows them: of the raw lengths, and of equal ones."""
        if self.lenses[view].rows.length(self.d) is not None:
            return dict.fromkeys(self.slopes(), 0.0)
        return self.slopes() if view == "none" else {}
