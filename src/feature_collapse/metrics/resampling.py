"""Bootstrap and shuffled labels, for all values at once, at the cost of a few sparse products a replicate.

Policy (also in every report's `policy`):
- bootstrap: entities are drawn with replacement inside each concept, so that every concept keeps its size;
  classifier rows are kept;
- the spectrum under a resample is taken to first order, λ_k ≈ Σ_i w_i⟨x_i, v_k⟩², exact for the derivative of
  any symmetric function of the eigenvalues; NC1 too where there is much data (the product of what the weights
  change in Σ_W and in Σ_B);
- chance: the labels are shuffled over all entities (and over the classifier's rows); for length against
  frequency the frequencies are shuffled instead, inside concepts for the slope inside concepts;
- nearest centres under shuffled labels are looked up for at most `LOOKED_UP` entities, the centres being
  those of all: the share is the same in the mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from feature_collapse.blas import shared
from feature_collapse.metrics import dimension
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.blocks import BlockMoments, Blocks, Key
from feature_collapse.metrics.data import Data
from feature_collapse.metrics.frames import ClassifierRows
from feature_collapse.metrics.frequency import (
    ShuffledFrequencies,
    length_against_frequency,
    shuffled_frequencies,
)
from feature_collapse.metrics.nearest_centre import NearestCentre
from feature_collapse.metrics.neural_collapse import Centre, Quadratic
from feature_collapse.metrics.progress import followed
from feature_collapse.metrics.sample import SAMPLE_ROWS
from feature_collapse.metrics.values import Kind, Point, Values, concept_values, spectrum_values
from feature_collapse.metrics.views import Lens, Rows, normalise

SPECTRUM = 1_000_000
"""Numbers (entities × dimension) that give the intervals of the spectrum's values."""
PAIRS = 1024
"""Entities whose pairs give the uniformity's interval."""
LOOKED_UP = 1000
"""Entities whose nearest centre is looked up under each shuffle."""
EXACT = 20_000_000
"""Operations up to which NC1 is resampled exactly."""


@dataclass(frozen=True)
class _Sample:
    """Entities (k,) that the spectrum's intervals come from, and by how much these are to be narrowed."""

    chosen: Ints
    order: Ints
    factor: float
    behind_pairs: int

    @staticmethod
    def of(m: int, size: int, generator: np.random.Generator) -> _Sample:
        """Choose `size` of m entities at random."""
        chosen = np.sort(generator.permutation(m)[:size])
        k = len(chosen)
        return _Sample(chosen, generator.permutation(k), float(np.sqrt(k / m)), min(m, SAMPLE_ROWS))


class _Spectrum:
    """The dimension values of one view under weights, from a sample of its rows (k, d)."""

    def __init__(self, rows: Floats, sample: _Sample) -> None:
        self.sample, x = sample, rows[sample.chosen]
        self.centred = x - x.mean(axis=0)
        self.axes = np.linalg.eigh(self.centred.T @ self.centred)[1]
        self.projected_centred = (self.centred @ self.axes) ** 2
        self.projected = (x @ np.linalg.eigh(x.T @ x)[1]) ** 2
        first = np.sort(sample.order[:PAIRS])
        self.pairs, self.kernel = first, dimension.pair_kernel(normalise(x[first], "sphere"))
        self.pair_factor = float(np.sqrt(len(first) / sample.behind_pairs))
        self.own = self._values(np.ones(len(x)))
        self.own_pairs = dimension.uniformity(self.kernel)

    def values(self, weights: Floats) -> dict[str, float]:
        """Return the values, their distance from the sample's own narrowed to that of all entities."""
        w = weights[self.sample.chosen]
        new = self._values(w)
        out = {k: self.own[k] + self.sample.factor * (new[k] - self.own[k]) for k in new}
        pairs = dimension.uniformity(self.kernel, w[self.pairs])
        return {**out, "uniformity": self.own_pairs + self.pair_factor * (pairs - self.own_pairs)}

    def _values(self, w: Floats) -> dict[str, float]:
        rank = min(self.centred.shape)
        w = w * (len(w) / max(w.sum(), 1.0))
        # what the resample's own mean takes away from the centred eigenvalues
        drift = ((w @ self.centred) @ self.axes) ** 2 / len(w)
        return spectrum_values(
            dimension.clean_eigenvalues(w @ self.projected_centred - drift, rank),
            dimension.clean_eigenvalues(w @ self.projected, rank),
        )


@dataclass(frozen=True)
class _Within:
    """What NC1 needs of one view to be resampled: its pooled scatter, and each entity's share of NC1."""

    scatter: Floats
    shares: Floats


@dataclass(frozen=True)
class _Shuffle:
    """One shuffle of the entities' concepts, the classifier's rows and frequencies; and who is looked up."""

    codes: Ints
    classifier: ClassifierRows | None
    frequencies: ShuffledFrequencies | None
    looked: Ints

    @staticmethod
    def of(data: Data, generator: np.random.Generator) -> _Shuffle:
        """Draw one."""
        codes, classifier, frequencies = generator.permutation(data.codes), None, None
        if data.classifier is not None:
            classifier = data.classifier.summed(generator.permutation(data.classifier.codes))
        if data.frequencies is not None:
            frequencies = shuffled_frequencies(data.frequencies, data.codes, generator)
        looked, m = np.arange(len(codes)), len(codes)
        if m > LOOKED_UP:
            looked = np.sort(generator.choice(m, LOOKED_UP, replace=False))
        return _Shuffle(codes, classifier, frequencies, looked)


def replicate_cost(data: Data, lenses: Sequence[Lens]) -> float:
    """Return the operations of one replicate, roughly: sparse products, eigenvalues, pairs of means."""
    c, d = len(data.names), data.x.shape[1]
    kinds, r = {lens.rows for lens in lenses}, min(c, d)
    blocks = len(kinds | {lens.directions for lens in lenses}) + sum(k.length(d) is None for k in kinds)
    return float(8 * blocks * len(data.codes) * d + len(kinds) * (12 * c * d * r + 60 * r**3))


class Resampler:
    """Replicates of every value of each view, on data sorted by concept, each with ≥ 2 members."""

    def __init__(self, data: Data, lenses: Sequence[Lens], centre: Centre = "entities") -> None:
        """Prepare; O(m·d²) time for m entities; views that differ by a scale alone are resampled once."""
        self.data, self.m, self.centre = data, len(data.codes), centre
        self.lenses = {lens.rows: lens for lens in lenses}
        self._operations = replicate_cost(data, list(self.lenses.values()))
        c, d = len(data.count), data.x.shape[1]
        self._numbers = 10.0 * (self.m + len(self.lenses) * c * d)  # of one replicate
        self.own_rows = None if data.classifier is None else data.classifier.summed()
        self._starts = np.concatenate([[0], np.cumsum(data.count)[:-1]])
        self._blocks = Blocks(data.rows(slice(None)), data.codes, data.count, list(self.lenses.values()))

    def observed(self) -> dict[Rows, Point]:
        """Return moments and values of the data themselves, without those of a second pass."""
        drawn = self._blocks.draw(self.data.codes, np.ones(self.m))
        out = {}
        for rows, lens in self.lenses.items():
            m = self._blocks.concept_moments(lens, drawn)
            out[rows] = Point(
                m, concept_values(m, self._exactly(rows, np.ones(self.m), drawn), self._kind(rows))
            )
        return out

    def _kind(self, rows: Rows, classifier: ClassifierRows | None = None) -> Kind:
        own = self.own_rows if classifier is None else classifier
        return Kind(rows.normaliser != "none", own, self.centre)

    def concentration(self) -> dict[Rows, float]:
        """Return, by view, (Σq)²/(N Σq²) of q = ‖x − m‖²: near 0 where a few entities hold the variance."""
        out = {}
        for rows in self.lenses:
            q = self._blocks.blocks["rows", rows].squares
            out[rows] = float(q.sum() ** 2 / (len(q) * np.sum(q**2))) if q.any() else 1.0
        return out

    def bootstrap(self, times: int, generator: np.random.Generator) -> dict[Rows, list[Values]]:
        """Return the values of `times` resamples of each view.

        The entities drawn depend on the generator's state and the concepts' sizes alone, not on the features.
        """
        sample = _Sample.of(
            self.m, max(PAIRS, SPECTRUM // self.data.x.shape[1]), np.random.default_rng(self.m)
        )
        views, codes, f = list(self.lenses), self.data.codes, self.data.frequencies
        spectra = dict(zip(views, self._spectra(sample), strict=True)) if times else {}
        size = 2.0 * self.data.x.size
        within = dict(zip(views, shared(self._within, views, self._operations, size), strict=True))

        def drawn_entities() -> Iterator[Ints]:
            for _ in followed("resamples", range(times), times):
                shares = (generator.random(self.m) * self.data.count[codes]).astype(np.int64)
                yield self._starts[codes] + shares

        def replicate(entities: Ints) -> list[Values]:
            w = np.bincount(entities, minlength=self.m).astype(np.float64)
            drawn = self._blocks.draw(codes, w)
            found = []
            for rows, lens in self.lenses.items():
                m, product = self._blocks.concept_moments(lens, drawn), within[rows]
                quadratic = self._exactly(rows, w, drawn) if product is None else _product(product, w)
                more = spectra[rows].values(w)
                if f is not None:
                    lengths = self._blocks.lengths[rows]
                    more.update(length_against_frequency(lengths[entities], f[entities], codes[entities]))
                found.append(concept_values(m, quadratic, self._kind(rows)).joined(more))
            return found

        return self._by_view(shared(replicate, drawn_entities(), self._operations, self._numbers))

    def _spectra(self, sample: _Sample) -> list[_Spectrum]:
        x = self.data.rows(slice(None))
        return shared(lambda rows: _Spectrum(rows.of(x), sample), self.lenses, self._operations, 2.0 * x.size)

    def _exactly(self, rows: Rows, w: Floats, drawn: dict[Key, BlockMoments]) -> Quadratic:
        block, shift, count = self._blocks.blocks["rows", rows], drawn["rows", rows].shift, self.data.count

        def within(axes: Floats) -> Floats:
            total = w @ (block.values @ axes).astype(np.float64) ** 2
            return np.asarray(np.maximum(total - count @ (shift @ axes) ** 2, 0.0))

        return within

    def _within(self, rows: Rows) -> _Within | None:
        """Return what makes NC1 cheap, or None where the exact way is."""
        block = self._blocks.blocks["rows", rows]
        c, d = block.reference.shape
        if self.m * d * min(c, d) <= EXACT:
            return None
        means = block.reference - self.data.count @ block.reference / self.m
        _, s, vt = np.linalg.svd(means, full_matrices=False)
        keep = s > 1e-6 * s[0]
        scaled = (block.values @ (vt[keep].T / s[keep]).astype(block.values.dtype)).astype(np.float64)
        scatter = (block.values.T @ block.values).astype(np.float64)
        return _Within(scatter, np.einsum("ij,ij->i", scaled, scaled))

    def shuffle(self, times: int, generator: np.random.Generator) -> dict[Rows, list[Values]]:
        """Return the values under `times` shuffles of the labels (and of the frequencies, for the slopes).

        The last that is asked of a resampler: its blocks are used up.
        """
        data, blocks = self.data, self._blocks.shuffled()
        views = list(self.lenses)
        totals = shared(lambda rows: _scatter(blocks, rows), views, self._operations)
        total = dict(zip(views, totals, strict=True))

        def shuffles() -> Iterator[_Shuffle]:
            for _ in followed("shuffles", range(times), times):
                yield _Shuffle.of(data, generator)

        def replicate(mixed: _Shuffle) -> list[Values]:
            drawn, x = blocks.draw(mixed.codes, np.ones(self.m)), data.rows(mixed.looked)
            found = []
            for rows, lens in self.lenses.items():
                m = blocks.concept_moments(lens, drawn)
                quadratic = _less_means(total[rows], drawn["rows", rows].shift, data.count)
                values = concept_values(m, quadratic, self._kind(rows, mixed.classifier))
                own = None if mixed.classifier is None else mixed.classifier.mean
                centre = NearestCentre(m.mean, m.count, own)
                centre.update(rows.of(x), mixed.codes[mixed.looked])
                more = {"nearest_centre": centre.own_share}
                if own is not None:
                    more["nc4"] = centre.agreement
                if mixed.frequencies is not None:
                    more.update(mixed.frequencies.against(blocks.lengths[rows], data.codes))
                found.append(values.joined(more))
            return found

        return self._by_view(shared(replicate, shuffles(), self._operations, self._numbers))

    def _by_view(self, replicates: list[list[Values]]) -> dict[Rows, list[Values]]:
        return {rows: [values[i] for values in replicates] for i, rows in enumerate(self.lenses)}


def _product(found: _Within, w: Floats) -> Quadratic:
    """Σ_W's directions stay, its size follows the weights: NC1 to first order."""
    size = float(w @ found.shares / max(found.shares.sum(), 1e-300))

    def within(axes: Floats) -> Floats:
        return np.asarray(size * np.einsum("ij,ij->j", axes, found.scatter @ axes))

    return within


def _scatter(blocks: Blocks, rows: Rows) -> Floats:
    values = blocks.blocks["rows", rows].values
    return np.asarray((values.T @ values).astype(np.float64))


def _less_means(total: Floats, shift: Floats, count: Ints) -> Quadratic:
    """Return the scatter inside shuffled concepts: that of all entities, less that of the concepts' means."""

    def within(axes: Floats) -> Floats:
        inside = np.einsum("ij,ij->j", axes, total @ axes) - count @ (shift @ axes) ** 2
        return np.asarray(np.maximum(inside, 0.0))

    return within
