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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from feature_collapse.metrics import dimension
from feature_collapse.metrics.arrays import Floats, Ints
from feature_collapse.metrics.data import Data
from feature_collapse.metrics.frames import ClassifierRows
from feature_collapse.metrics.frequency import length_against_frequency, shuffled_frequencies
from feature_collapse.metrics.moments import ConceptMoments
from feature_collapse.metrics.nearest_centre import NearestCentre
from feature_collapse.metrics.neural_collapse import Quadratic
from feature_collapse.metrics.values import Values, concept_values, spectrum_values
from feature_collapse.metrics.views import Rows, normalise

LIMIT = 1_000_000
"""Numbers (entities × dimension) that the resampling works on at most."""
PAIRS = 1024
"""Entities whose pairs give the uniformity's interval."""


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


@dataclass(frozen=True)
class _Drawn:
    """One replicate of the entities: concept of each (m,), weight of each (m,), classifier rows summed."""

    codes: Ints
    weights: Floats
    classifier: ClassifierRows | None
    shuffled: bool


class _RowsData:
    """One kind of rows of the part: everything that the replicates need, prepared once."""

    def __init__(self, kind: Rows, data: Data) -> None:
        self.normalised = kind.normaliser != "none"
        self.x = kind.of(data.x)
        self.count = data.count
        self.length = np.linalg.norm(self.x, axis=1)
        self.unit = normalise(self.x, "sphere")
        kinds = (self.x, self.unit, self.length[:, None] * self.x, self.length[:, None])
        self.inside = tuple(_Part.of(v, data.codes, data.count) for v in kinds)
        self.across = tuple(_Part.of(v, None, data.count) for v in kinds)
        centred = self.across[0].values
        mean = self.x.mean(axis=0)
        self.total = centred.T @ centred
        self.axes = np.linalg.eigh(self.total)[1]
        self.projected_centred = (centred @ self.axes) ** 2
        self.projected = (self.x @ np.linalg.eigh(self.total + len(self.x) * np.outer(mean, mean))[1]) ** 2

    def values(self, drawn: _Drawn) -> tuple[ConceptMoments, Values]:
        """Return the moments of a replicate and the values that come from them."""
        w = csr_matrix(
            (drawn.weights, (drawn.codes, np.arange(len(self.x)))), shape=(len(self.count), len(self.x))
        )
        x, unit, weighted, length = self.across if drawn.shuffled else self.inside
        mean, m2, shift = x.moments(w, self.count)
        unit_mean, unit_m2, _ = unit.moments(w, self.count)
        length_mean, length_m2, _ = length.moments(w, self.count)
        total = weighted.moments(w, self.count)[0] * self.count[:, None]
        m = ConceptMoments(self.count, mean, m2, unit_mean, unit_m2, length_mean[:, 0], length_m2, total)
        within = self._quadratic(drawn, shift)
        return m, concept_values(m, within, self.normalised, drawn.classifier)

    def _quadratic(self, drawn: _Drawn, shift: Floats) -> Quadratic:
        def within(axes: Floats) -> Floats:
            if drawn.shuffled:
                total = np.einsum("ij,ij->j", axes, self.total @ axes)
            else:
                total = drawn.weights @ (self.inside[0].values @ axes) ** 2
            return np.asarray(np.maximum(total - self.count @ (shift @ axes) ** 2, 0.0))

        return within

    def spectrum(self, w: Floats) -> dict[str, float]:
        """Return the dimension values under weights w (m,), eigenvalues to first order."""
        rank = min(self.x.shape)
        # what the resample's own mean takes away from the centred eigenvalues
        drift = ((w @ self.across[0].values) @ self.axes) ** 2 / len(self.x)
        return spectrum_values(
            dimension.clean_eigenvalues(w @ self.projected_centred - drift, rank),
            dimension.clean_eigenvalues(w @ self.projected, rank),
        )


class Resampler:
    """Replicates of every value of each kind of rows, on data sorted by concept, each with ≥ 2 members."""

    def __init__(self, data: Data, kinds: Sequence[Rows]) -> None:
        """Prepare; O(m·d²) time for m entities, and memory for about ten copies of them per kind."""
        self.data = data
        self.m = len(data.codes)
        self.own_rows = None if data.classifier is None else data.classifier.summed()
        self.kinds = {kind: _RowsData(kind, data) for kind in kinds}
        self._starts = np.concatenate([[0], np.cumsum(data.count)[:-1]])

    def cost(self) -> float:
        """Return the floating point operations of one replicate, roughly."""
        c, d = len(self.data.names), self.data.x.shape[1]
        r = min(c, d)
        return float(len(self.kinds) * (self.m * d * (8 + 2 * r) + 6 * c**2 * d + 12 * c * d * r))

    def observed(self) -> dict[Rows, Values]:
        """Return the values of the part itself."""
        drawn = _Drawn(self.data.codes, np.ones(self.m), self.own_rows, False)
        return {kind: self._whole(kind, drawn, self.data.frequencies) for kind in self.kinds}

    def bootstrap(self, times: int, generator: np.random.Generator) -> dict[Rows, list[Values]]:
        """Return the values of `times` resamples of each kind of rows."""
        out: dict[Rows, list[Values]] = {kind: [] for kind in self.kinds}
        right = {kind: self._who_is_right(rows) for kind, rows in self.kinds.items()}
        chosen = np.sort(generator.permutation(self.m)[:PAIRS])
        kernels = {kind: dimension.pair_kernel(rows.unit[chosen]) for kind, rows in self.kinds.items()}
        codes, f = self.data.codes, self.data.frequencies
        for _ in range(times):
            drawn = self._starts[codes] + (generator.random(self.m) * self.data.count[codes]).astype(np.int64)
            w = np.bincount(drawn, minlength=self.m).astype(np.float64)
            for kind, rows in self.kinds.items():
                values = rows.values(_Drawn(codes, w, self.own_rows, False))[1].joined(rows.spectrum(w))
                more = {key: float(w @ flags / self.m) for key, flags in right[kind].items()}
                more["uniformity"] = dimension.uniformity(kernels[kind], w[chosen])
                if f is not None:
                    more.update(length_against_frequency(rows.length[drawn], f[drawn], codes[drawn]))
                out[kind].append(values.joined(more))
        return out

    def shuffle(self, times: int, generator: np.random.Generator) -> dict[Rows, list[Values]]:
        """Return the values under `times` shuffles of the labels (and of the frequencies, for the slopes)."""
        out: dict[Rows, list[Values]] = {kind: [] for kind in self.kinds}
        classifier = self.data.classifier
        for _ in range(times):
            codes = generator.permutation(self.data.codes)
            rows = None if classifier is None else classifier.summed(generator.permutation(classifier.codes))
            drawn = _Drawn(codes, np.ones(self.m), rows, True)
            f = self.data.frequencies
            mixed = None if f is None else shuffled_frequencies(f, self.data.codes, generator)
            for kind in self.kinds:
                values = self._whole(kind, drawn, None)
                if mixed is not None:
                    values = values.joined(mixed.against(self.kinds[kind].length, self.data.codes))
                out[kind].append(values)
        return out

    def _whole(self, kind: Rows, drawn: _Drawn, frequencies: Floats | None) -> Values:
        """The values of a relabelling of all entities, those of the second pass among them."""
        rows = self.kinds[kind]
        m, values = rows.values(drawn)
        centre = NearestCentre(m.mean, m.count, None if drawn.classifier is None else drawn.classifier.mean)
        centre.update(rows.x, drawn.codes)
        more = {"nearest_centre": centre.own_share}
        if drawn.classifier is not None:
            more["nc4"] = centre.agreement
        if frequencies is not None:
            more.update(length_against_frequency(rows.length, frequencies, drawn.codes))
        return values.joined(more)

    def _who_is_right(self, rows: _RowsData) -> dict[str, Floats]:
        classifier = None if self.own_rows is None else self.own_rows.mean
        centre = NearestCentre(rows.inside[0].reference, self.data.count, classifier)
        own, agree = centre.update(rows.x, self.data.codes)
        out = {"nearest_centre": own.astype(np.float64)}
        return out if agree is None else {**out, "nc4": agree.astype(np.float64)}
