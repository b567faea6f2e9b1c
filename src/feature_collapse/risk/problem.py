"""The problem that the certified solver solves: data, λ, and whether the word vectors are free or on a sphere.

    plain network:       min over W, U of f(W, U) + (λ/2)(‖W‖² + ‖U‖²)                    risk (2)
    normalised network:  min over U and all v_j with ‖v_j‖ = ρ of f(V, U) + (λ/2)‖U‖²     risk (3)

ρ = √d for LayerNorm and RMSNorm, 1 on the unit sphere. LayerNorm's vectors lie in the mean-zero hyperplane of
R^d, which is a Euclidean space of dimension d-1: the solver works with vectors of few coordinates and lifts
them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch

from feature_collapse.certificates.bound import check_omega, check_sentences
from feature_collapse.errors import InputError, check_int, check_real
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, Normaliser


@dataclass(frozen=True)
class Problem:
    """An empirical risk to minimise.

    Attributes:
        words: (N, L) word indices.
        labels: (N,) classes; a class may have no sentence.
        n_w: number of words; a word may never occur.
        K: number of classes.
        lambda_: λ > 0.
        normaliser: φ with ε = 0; NoNormaliser for the plain network.
        d: dimension. Plain: the largest rank allowed (the bound holds for every d). Normalised: it sets the
            radius.
        weights: (N,) weights ω ≥ 0 of the sentences, of sum 1; None for 1/N each.
        device: of the computation.
    """

    words: np.ndarray
    labels: np.ndarray
    n_w: int
    K: int
    lambda_: float
    normaliser: Normaliser = field(default_factory=NoNormaliser)
    d: int = 100
    weights: np.ndarray | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Check every field.

        Raises:
            InputError: naming the field, its value and what is allowed.
        """
        check_int("n_w", self.n_w, 1)
        check_int("K", self.K, 1)
        if isinstance(self.lambda_, int | float) and self.lambda_ == 0:
            raise InputError(
                "lambda = 0, but must be > 0: without a penalty the risk of separable data has no minimiser, "
                "only weights that grow for ever"
            )
        check_real("lambda", self.lambda_, 0.0, 1e30, above=True)
        check_sentences(self.words, self.labels, self.n_w, self.K)
        eps = getattr(self.normaliser, "eps", 0.0)
        if eps > 0:
            raise InputError(
                f"eps = {eps:g}, but the certified solver needs eps = 0 (for eps > 0 the risk has the same infimum "
                "and does not reach it: longer W are always better)"
            )
        check_int("d", self.d, 2 if isinstance(self.normaliser, LayerNorm) else 1)
        if self.weights is not None:
            object.__setattr__(self, "weights", check_omega(self.weights, len(self.labels)))
        try:
            known = torch.device(self.device)
        except RuntimeError:
            raise InputError(f"device = {self.device!r}, but must be cpu or cuda") from None
        if known.type not in ("cpu", "cuda"):
            raise InputError(f"device = {self.device!r}, but must be cpu or cuda")
        if known.type == "cuda" and not torch.cuda.is_available():
            raise InputError(f"device = {self.device!r}, but this machine has no CUDA device; use cpu")

    @property
    def L(self) -> int:
        """Sentence length."""
        return int(self.words.shape[1])

    @property
    def radius(self) -> float | None:
        """The norm ρ of the word vectors, None where they are free."""
        return self.normaliser.radius(self.d)

    @property
    def largest_rank(self) -> int:
        """The largest number of coordinates worth using: that of the space, and no more than M's sizes."""
        space = self.d - 1 if isinstance(self.normaliser, LayerNorm) else self.d
        return min(space, self.n_w, self.K * self.L) if self.radius is None else min(space, self.n_w)

    def first_of_each_class(self, count: int) -> Problem:
        """The same problem on the first `count` sentences of each class. O(N log N)."""
        order = np.argsort(self.labels, kind="stable")
        starts = np.searchsorted(self.labels[order], np.arange(self.K))
        place = np.arange(len(order)) - starts[self.labels[order]]
        return self._rows(np.sort(order[place < count]))

    def sample(self, count: int, seed: int = 0) -> Problem:
        """The same problem on `count` random sentences, or all if there are no more."""
        if count >= len(self.labels):
            return self
        return self._rows(
            np.sort(np.random.default_rng(seed).choice(len(self.labels), size=count, replace=False))
        )

    def _rows(self, rows: np.ndarray) -> Problem:
        weights = None
        if self.weights is not None:
            weights = self.weights[rows]
            if weights.sum() <= 0:
                return self
            weights = weights / weights.sum()
        return replace(self, words=self.words[rows], labels=self.labels[rows], weights=weights)

    def word_counts(self) -> np.ndarray:
        """(n_w,) Σ_i ω_i · (occurrences of the word in sentence i); of sum L."""
        N, L = self.words.shape
        omega = np.full(N, 1.0 / N) if self.weights is None else self.weights
        return np.bincount(self.words.reshape(-1), weights=np.repeat(omega, L), minlength=self.n_w)
