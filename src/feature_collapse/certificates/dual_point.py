"""What a certificate needs to know of given weights, and the entropies that it adds up.

What is small where the outputs are nearly the labels is kept as such: q_i = 1 - p_{y_i} is a sum over the
other classes, and rounding is relative to it. So the bounds hold their digits for λ far below the rounding
of 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.array_kinds import Array

UNIT = 2.0**-53  # rounding of float64
SENTENCES = 2**15  # that are added up at once; the sums of these are added exactly


def weighted_sum(omega: Float[np.ndarray, " N"], x: Float[np.ndarray, " N"]) -> float:
    """Return Σ_i ω_i x_i, with the rounding of `SENTENCES` terms at most. O(N)."""
    starts = range(0, len(omega), SENTENCES)
    return math.fsum(float(omega[at : at + SENTENCES] @ x[at : at + SENTENCES]) for at in starts)


@dataclass(frozen=True, eq=False)
class DualPoint:
    """What a certificate needs to know of the weights.

    Attributes:
        data_term: Σ_i ω_i ℓ(s_i, y_i).
        other: (N,) -Σ_{k≠y} p_k log p_k for each sentence.
        off_label: (N,) q = 1 - p_y for each sentence.
        omega: (N,) weights of the sentences.
        gram: (n_w, n_w) GᵀG, of G Diag(a)^{-1/2} where the words' decay a is given.
        gram_error: bound on the operator norm of the error of `gram`.
        unit: relative rounding of an entropy, for each unit of score.
        largest: bound on the scores' differences, plus log K.
        underflow: bound on what an entropy loses where its terms are below the normal numbers.
        occurs: (n_w,) whether a word occurs at all; where not, its row and column of `gram` are zero. These
            two may be torch's, on any device.
    """

    data_term: float
    other: Float[np.ndarray, " N"]
    off_label: Float[np.ndarray, " N"]
    omega: Float[np.ndarray, " N"]
    gram: Float[Array, "n_w n_w"]
    gram_error: float
    unit: float
    largest: float
    underflow: float
    occurs: Float[Array, " n_w"]

    @property
    def mass(self) -> float:
        """Σ_i ω_i q_i."""
        return weighted_sum(self.omega, self.off_label)

    @property
    def data_rounding(self) -> float:
        """A bound on the rounding error of `data_term`, scores included: |score|·u in the main."""
        return self.unit * ((1.0 + self.largest) * self.mass + self.data_term)

    def entropy(self, theta: float = 1.0) -> float:
        """Return Σ_i ω_i Ent((1-θ) e_{y_i} + θ p_i) less its rounding error: a lower bound. O(N)."""
        if theta == 0.0:
            return 0.0

        q, t = self.off_label, theta * self.off_label
        rest = np.maximum(1.0 - t, 0.0)  # p_y, of which 0 log 0 = 0
        own = rest * np.log1p(-np.where(rest > 0.0, t, 0.0))
        found = weighted_sum(self.omega, theta * (self.other - q * math.log(theta)) - own)
        size = 1.0 + self.largest - math.log(theta)
        return found - 2.0 * self.unit * size * theta * self.mass - self.underflow
