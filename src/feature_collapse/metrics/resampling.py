"""Bootstrap and shuffled labels, for all values at once, at the cost of one sparse product per replicate.

Policy (also in every report's `policy`):
- bootstrap: entities are drawn with replacement inside each concept, so that every concept keeps its size;
  classifier rows are kept. The interval is the 2.5 to 97.5% range of the replicates, moved so that their
  median lies on the value (resampling small concepts is biased: a pair is drawn twice half of the time);
- the spectrum under a resample is taken to first order, λ_k ≈ Σ_i w_i⟨x_i, v_k⟩², which is exact for the
  derivative of any symmetric function of the eigenvalues;
- chance: the labels are shuffled over all entities (and over the classifier's rows); for length against
  frequency the frequencies are shuffled instead;
- above `LIMIT` numbers, both work on a random part of the entities (stratified by concept), and the
  interval is narrowed by √(part/whole).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from feature_collapse.metrics import dimension
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.classifier import Classifier
from feature_collapse.metrics.frequency import length_against_frequency
from feature_collapse.metrics.moments import ConceptMoments
from feature_collapse.metrics.nearest_centre import NearestCentre
from feature_collapse.metrics.normalisers import normalise
from feature_collapse.metrics.values import concept_values, spectrum_values

LIMIT = 1_000_000
"""Numbers (entities × dimension) that the resampling works on at most."""
PAIRS = 1024
"""Entities whose pairs give the uniformity's interval."""

Values = dict[str, float]


def choose_part(codes: Ints, d: int, generator: np.random.Generator) -> Ints:
    """Return sorted indices of the entities to resample: all, or about LIMIT/d, ≥ 2 per concept kept.

    With many small concepts, whole concepts are left out at random rather than thinned below four members.
    """
    n, limit = len(codes), max(64, LIMIT // d)
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


@dataclass(frozen=True)
class _Part:
    """Vectors (m, k) relative to references, and their squares: one sparse product gives moments."""

    values: Floats
    squares: Floats
    reference: Floats

    @staticmethod
    def of(x: Floats, codes: Ints | None, count: Ints) -> _Part:
        """Refer to the concept means (codes given) or to the global mean (None)."""
        if codes is None:
            reference = np.broadcast_to(x.mean(axis=0), (len(count), x.shape[1]))
            y = x - reference[0]
        else:
            one = csr_matrix((np.ones(len(x)), (codes, np.arange(len(x)))), shape=(len(count), len(x)))
            reference = (one @ x) / count[:, None]
            y = x - reference[codes]
        return _Part(y, np.einsum("ij,ij->i", y, y), reference)

    def moments(self, weights: csr_matrix, count: Ints) -> tuple[Floats, Floats, Floats]:
        """Return mean (C, k), m2 (C,) and the mean's offset from the reference (C, k)."""
        shift = (weights @ self.values) / count[:, None]
        m2 = weights @ self.squares - count * np.einsum("ij,ij->i", shift, shift)
        return self.reference + shift, np.maximum(m2, 0.0), shift


class _ViewData:
    """One view of the part: everything that the replicates need, prepared once."""

    def __init__(self, x: Floats, name: str, codes: Ints, count: Ints) -> None:
        self.x, self.name = x, name
        self.length = np.linalg.norm(x, axis=1)
        unit = normalise(x, "sphere")
        self.unit = None if name == "sphere" else unit
        weighted = self.length[:, None] * x
        self.inside = self._parts(x, unit, weighted, codes, count)
        self.shuffled = self._parts(x, unit, weighted, None, count)
        self.total = self.shuffled[0].values.T @ self.shuffled[0].values
        centred, self.axes_centred = np.linalg.eigh(self.total)
        self.projected_centred = (self.shuffled[0].values @ self.axes_centred) ** 2
        uncentred = self.total + len(x) * np.outer(x.mean(axis=0), x.mean(axis=0))
        del centred
        self.projected = (x @ np.linalg.eigh(uncentred)[1]) ** 2

    @staticmethod
    def _parts(
        x: Floats, unit: Floats, weighted: Floats, codes: Ints | None, count: Ints
    ) -> tuple[_Part, ...]:
        length = np.linalg.norm(x, axis=1)[:, None]
        return tuple(_Part.of(v, codes, count) for v in (x, unit, weighted, length))

    def moments(self, weights: csr_matrix, count: Ints, shuffled: bool) -> tuple[ConceptMoments, Floats]:
        """Return the concept moments under weights (C, m), and the offset of the means."""
        x, unit, weighted, length = self.shuffled if shuffled else self.inside
        mean, m2, shift = x.moments(weights, count)
        unit_mean, unit_m2, _ = unit.moments(weights, count)
        length_mean, length_m2, _ = length.moments(weights, count)
        total = (weighted.reference + (weights @ weighted.values) / count[:, None]) * count[:, None]
        return ConceptMoments(count, mean, m2, unit_mean, unit_m2, length_mean[:, 0], length_m2, total), shift


class Resampler:
    """Replicates of every value, on entities x (m, d) of concepts codes (m,) with two members or more."""

    def __init__(
        self,
        x: Floats,
        codes: Ints,
        n_concepts: int,
        views: Mapping[str, float],
        frequencies: Floats | None,
        classifier: Classifier | None,
        kept: NDArray[np.bool_],
    ) -> None:
        """`views` maps normalisers to their ε; `kept` (all concepts,) marks the codes' concepts."""
        order = np.argsort(codes, kind="stable")
        x, self.codes = x[order], codes[order]
        self.frequencies = None if frequencies is None else frequencies[order]
        self.count = np.bincount(self.codes, minlength=n_concepts)
        self.c, self.m, self.d = n_concepts, len(x), x.shape[1]
        self.classifier, self.kept = classifier, kept
        self._own_rows = None if classifier is None else classifier.summed(kept)
        self.views = {v: _ViewData(normalise(x, v, e), v, self.codes, self.count) for v, e in views.items()}
        self._starts = np.concatenate([[0], np.cumsum(self.count)[:-1]])

    def cost(self) -> float:
        """Floating point operations of one replicate, roughly."""
        r = min(self.c, self.d)
        each = self.m * self.d * (8 + 2 * r) + 6 * self.c**2 * self.d + 12 * self.c * self.d * r
        return float(len(self.views) * each)

    def observed(self) -> dict[str, Values]:
        """Return the values of the part itself, by view."""
        ones = np.ones(self.m)
        return {v: self._values(v, self.codes, ones, self.frequencies, False)[0] for v in self.views}

    def bootstrap(
        self, times: int, generator: np.random.Generator
    ) -> tuple[dict[str, list[Values]], dict[str, list[dict[str, Floats]]]]:
        """Return, by view, the values of `times` resamples and their values per concept."""
        out: dict[str, list[Values]] = {v: [] for v in self.views}
        each: dict[str, list[dict[str, Floats]]] = {v: [] for v in self.views}
        right = {v: self._who_is_right(v) for v in self.views}
        kernels = self._kernels(generator)
        for _ in range(times):
            drawn = self._starts[self.codes] + (generator.random(self.m) * self.count[self.codes]).astype(
                np.int64
            )
            w = np.bincount(drawn, minlength=self.m).astype(np.float64)
            for v, data in self.views.items():
                values, per_concept = self._values(v, self.codes, w, None, False)
                values.update(
                    spectrum_values(
                        dimension.clean_eigenvalues(
                            w @ data.projected_centred - self._drift(w, data), min(self.m, self.d)
                        ),
                        dimension.clean_eigenvalues(w @ data.projected, min(self.m, self.d)),
                    )
                )
                for key, flags in right[v].items():
                    values[key] = float(w @ flags / self.m)
                chosen, kernel = kernels[v]
                values["uniformity"] = dimension.uniformity(kernel, w[chosen])
                if self.frequencies is not None:
                    values.update(
                        length_against_frequency(
                            data.length[drawn], self.frequencies[drawn], self.codes[drawn]
                        )
                    )
                out[v].append(values)
                each[v].append(per_concept)
        return out, each

    def shuffle(
        self, times: int, generator: np.random.Generator
    ) -> tuple[dict[str, list[Values]], dict[str, list[dict[str, Floats]]]]:
        """Return, by view, the values under `times` shuffles of the labels, also per concept."""
        out: dict[str, list[Values]] = {v: [] for v in self.views}
        each: dict[str, list[dict[str, Floats]]] = {v: [] for v in self.views}
        ones = np.ones(self.m)
        for _ in range(times):
            codes = generator.permutation(self.codes)
            f = None if self.frequencies is None else generator.permutation(self.frequencies)
            rows = None if self.classifier is None else generator.permutation(self.classifier.codes)
            for v in self.views:
                values, per_concept = self._values(v, codes, ones, f, True, rows)
                out[v].append(values)
                each[v].append(per_concept)
        return out, each

    def _values(
        self,
        view: str,
        codes: Ints,
        w: Floats,
        frequencies: Floats | None,
        shuffled: bool,
        rows: Ints | None = None,
    ) -> tuple[Values, dict[str, Floats]]:
        data = self.views[view]
        weights = csr_matrix((w, (codes, np.arange(self.m))), shape=(self.c, self.m))
        m, shift = data.moments(weights, self.count, shuffled)
        classifier = self._own_rows
        if self.classifier is not None and rows is not None:
            classifier = self.classifier.summed(self.kept, rows)
        values, each = concept_values(
            m, self._quadratic(data, w, shift, shuffled), view != "none", classifier
        )
        exact = bool(np.all(w == 1))
        if exact:
            centre = NearestCentre(m.mean, self.count, None if classifier is None else classifier.mean)
            centre.update(data.x, codes)
            values["nearest_centre"] = centre.own_share
            if classifier is not None:
                values["nc4"] = centre.agreement
            if frequencies is not None:
                values.update(length_against_frequency(data.length, frequencies, codes))
        return values, each

    def _quadratic(
        self, data: _ViewData, w: Floats, shift: Floats, shuffled: bool
    ) -> Callable[[Floats], Floats]:
        def within(axes: Floats) -> Floats:
            if shuffled:
                total = np.einsum("ij,ij->j", axes, data.total @ axes)
            else:
                total = w @ (data.inside[0].values @ axes) ** 2
            return np.asarray(np.maximum(total - self.count @ (shift @ axes) ** 2, 0.0))

        return within

    def _drift(self, w: Floats, data: _ViewData) -> Floats:
        """What the resample's own mean takes away from the centred eigenvalues."""
        return np.asarray(((w @ data.shuffled[0].values) @ data.axes_centred) ** 2 / self.m)

    def _who_is_right(self, view: str) -> dict[str, Floats]:
        data = self.views[view]
        mean = data.inside[0].reference
        rows = None if self._own_rows is None else self._own_rows.mean
        own, agree = NearestCentre(mean, self.count, rows).update(data.x, self.codes)
        out = {"nearest_centre": own.astype(np.float64)}
        if agree is not None:
            out["nc4"] = agree.astype(np.float64)
        return out

    def _kernels(self, generator: np.random.Generator) -> dict[str, tuple[Ints, Floats]]:
        chosen = np.sort(generator.permutation(self.m)[:PAIRS])
        return {
            v: (chosen, dimension.pair_kernel((d.x if d.unit is None else d.unit)[chosen]))
            for v, d in self.views.items()
        }
