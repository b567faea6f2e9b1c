"""NC4: does the nearest concept mean decide as the classifier does, or give the entity its own concept back?

Without a classifier each entity is left out of its own concept's mean: ‖x − m₋ᵢ‖² = (n/(n−1))²‖x − m‖².
Otherwise noise in many dimensions would look perfectly sorted, since every mean contains its members.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics.arrays import Floats, Ints

BLOCK_CELLS = 4_000_000


@dataclass(frozen=True)
class Looked:
    """Of a batch: who is right (n,), who agrees with the classifier (n,) or None, and the misses.

    counted_in: how many are right where their own concept's mean has them in it.
    """

    own: NDArray[np.bool_]
    agree: NDArray[np.bool_] | None
    missed: list[Ints]
    counted_in: int = 0


@dataclass(frozen=True)
class ShareErrors:
    """What an interval of the share of nearest centres needs to know.

    inside: the part of the variance of being right that lies inside concepts. bias: what the share lacks of
    that at the model's own centres. An entity left out is too far from its concept's mean, and one counted in
    too near, by about the same: the truth is between the two shares.
    """

    inside: float = 1.0
    bias: float = 0.0


class NearestCentre:
    """A second pass over batches: whose nearest centre is right; `wrong` counts (own, nearest). Mergeable.

    means (C, d) and count (C,) from the first pass; classifier (C, d) rows, or None. Time O(n·C·d) per
    batch, memory O(C·d) and 32 MB of distances.
    """

    def __init__(self, means: Floats, count: Ints, classifier: Floats | None = None) -> None:
        """Keep the centres; nothing is counted yet."""
        self._means, self._count, self._classifier = means, count, classifier
        self._squares = np.einsum("ij,ij->i", means, means)
        self._minus_twice = -2.0 * means.T
        self.own = self.agree = self.seen = self.counted_in = 0
        self._missed: list[Ints] = []  # own·C + nearest of each entity in the wrong place

    def update(self, x: Floats, codes: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
        """Count rows x (n, d) of concepts codes (n,); return who is right, and who agrees (or None), (n,)."""
        looked = self.look(x, codes)
        self.add(looked)
        return looked.own, looked.agree

    def add(self, looked: Looked) -> None:
        """Count a batch that was looked at."""
        self._missed += looked.missed
        self.own += int(looked.own.sum())
        self.counted_in += looked.counted_in
        self.agree += int(looked.agree.sum()) if looked.agree is not None else 0
        self.seen += len(looked.own)

    def look(self, x: Floats, codes: Ints) -> Looked:
        """Look at rows x (n, d) of concepts codes (n,), and count nothing: threads may share the batches."""
        missed: list[Ints] = []
        counted_in = 0
        own = np.zeros(len(x), dtype=bool)
        agree = np.zeros(len(x), dtype=bool) if self._classifier is not None else None
        step = max(1, BLOCK_CELLS // len(self._means))
        for start in range(0, len(x), step):
            rows = slice(start, start + step)
            block, labels = x[rows], codes[rows]
            distance = block @ self._minus_twice
            distance += self._squares
            squares = np.einsum("ij,ij->i", block, block)
            if agree is not None and self._classifier is not None:
                agree[rows] = self._decide_alike(block, distance, squares)
            n = self._count[labels]
            every = np.arange(len(labels))
            own_squares = distance[every, labels] + squares
            mine = own_squares * (n / np.maximum(n - 1, 1)) ** 2
            distance[every, labels] = np.inf
            # a tie is no decision for the own concept; rounding errors must not make one of it
            slack = 1e-12 * (squares + self._squares[labels])
            nearest = distance.argmin(axis=1)
            others = distance[every, nearest] + squares
            own[rows] = mine + slack < others
            counted_in += int((own_squares + slack < others).sum())
            wrong = np.flatnonzero(~own[rows])
            missed.append(labels[wrong] * len(self._means) + nearest[wrong])
        return Looked(own, agree, missed, counted_in)

    def _decide_alike(self, x: Floats, distance: Floats, squares: Floats) -> NDArray[np.bool_]:
        """Whether a nearest centre is the classifier's choice; in ties (up to rounding) both may choose."""
        assert self._classifier is not None
        scores = x @ self._classifier.T
        slack = 1e-12 * (squares + self._squares.max())
        nearest = distance <= (distance.min(axis=1) + slack)[:, None]
        top = scores.max(axis=1)
        chosen = scores >= (top - 1e-12 * np.abs(scores).max(axis=1))[:, None]
        return np.asarray(np.any(nearest & chosen, axis=1))

    def merge(self, other: NearestCentre) -> None:
        """Add another worker's counts."""
        self._missed += other._missed
        self.own, self.agree = self.own + other.own, self.agree + other.agree
        self.seen, self.counted_in = self.seen + other.seen, self.counted_in + other.counted_in

    @property
    def wrong(self) -> dict[tuple[int, int], int]:
        """How many entities of a concept are nearest to the centre of which other one."""
        pairs, times = np.unique(np.concatenate([*self._missed, np.zeros(0, np.int64)]), return_counts=True)
        c = len(self._means)
        return {(int(p) // c, int(p) % c): int(t) for p, t in zip(pairs, times, strict=True)}

    def errors(self, looked: Ints) -> ShareErrors:
        """Return what an interval needs; `looked` (n,) are the concepts of the entities looked at."""
        own = np.concatenate([*self._missed, np.zeros(0, np.int64)]) // len(self._means)
        missed = np.bincount(own, minlength=len(self._means))
        n = np.maximum(np.bincount(looked, minlength=len(missed)), 1)
        within = float(np.sum(missed * (n - missed) / np.maximum(n - 1, 1)))
        total = missed.sum() * (1.0 - missed.sum() / n.sum())
        inside = min(1.0, within / total) if total > 0 and within > 0 else 1.0
        return ShareErrors(inside, (self.counted_in - self.own) / (2 * max(self.seen, 1)))

    @property
    def own_share(self) -> float:
        """Share of entities nearest to their own concept, leave-one-out."""
        return self.own / self.seen if self.seen else float("nan")

    @property
    def agreement(self) -> float:
        """Share of entities where classifier and nearest centre decide alike."""
        return self.agree / self.seen if self.seen and self._classifier is not None else float("nan")
