"""Margins and the lower bound on the risk without penalty (paper appendices C, D.1, E.1: theorem D, lemmas D, E, F, M).

    M(x, j) = score_k(x) - score_j(x) for x of class k                                            (definition
    A) equimargin: M(x, j) depends on dist(z_j, z_k) alone
    (definition B, 47) log(1 + Σ_r |S_r| e^{-M̄_r}) ≤ R_0,   M̄_r the mean of M over k, j ∈ S_r(k), x
           (lemma D, 53) M̄_r = (1 - θ_r/|S_r|) (1/K) ⟨Û, W Q Ẑ⟩ where Σ_k U_k = 0
                   (lemma E, 59)
    g(-(1/K) ⟨Û, W Q Ẑ⟩) ≤ R_0,   g(x) = log(1 + Σ_{r≥1} |S_r| e^{(1 - θ_r/|S_r|) x})            (theorem D,
    49) ⟨Û, W Q Ẑ⟩ ≤ √(K L/n_w) τ where ‖W‖² + ‖U‖² = 2τ, uniform words                              (lemma F)
    ⟨Û, φ(W) Q Ẑ⟩ ≤ √(K L d) ‖U‖ where the columns of φ(W) have norm √d                           (lemma M)

W is given by rows, (n_w, d), U as (K, L, d).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import as_array
from feature_collapse.errors import InputError, check_int, check_real
from feature_collapse.model.weights import Embeddings, LinearWeights, check_law, check_weights
from feature_collapse.task.frequencies import Law
from feature_collapse.task.latents import Latents
from feature_collapse.task.symmetry import distance_blocks
from feature_collapse.theory.distance_law import Spheres


def bound(x: float, spheres: Spheres, n_c: int) -> float:
    """g(x) of theorem D (49), where (i)-(iii) hold and so 1 - θ_r/|S_r| = (r/L) n_c/(n_c-1); increasing in x. O(L).

    Raises:
        InputError: x not finite or n_c < 2.
    """
    rate = check_int("n_c", n_c, 2) / (n_c - 1) / spheres.L * check_real("x", x)
    terms = [np.log(size) + r * rate for r, size in enumerate(spheres.sizes) if r and size]
    return float(np.logaddexp.reduce([0.0, *terms]))


def mean_margin_product(
    V: Embeddings, U: LinearWeights, latents: Latents, n_c: int, mu: Law | None = None
) -> float:
    """(1/K) ⟨Û, V Q Ẑ⟩: the mean over classes and sentences of the score of the right class. O((K L + n_w) d).

    Raises:
        InputError: shapes that do not fit, or entries that are not finite.
    """
    V, U, latents = check_weights(V, U, latents, n_c)
    centres = concept_means(V, n_c, mu)
    return float((U * centres[latents]).sum()) / len(latents)


def concept_means(V: Embeddings, n_c: int, mu: Law | None = None) -> Float[np.ndarray, "n_c d"]:
    """The rows of (V Q)ᵀ: Σ_β μ_β v_(α,β) for each concept.

    Raises:
        InputError: no array (n_w, d) of finite numbers with n_w a multiple of n_c, or a word law of another
            length.
    """
    V, n_c = as_array("V", V, 2), check_int("n_c", n_c, 2)
    if len(V) % n_c:
        raise InputError(f"V has n_w = {len(V)} rows, but must have a multiple of n_c = {n_c}")
    words = V.reshape(n_c, -1, V.shape[1])
    return np.asarray(np.einsum("asd,s->ad", words, check_law(mu, words.shape[1])))


@dataclass(frozen=True)
class Margins:
    """Margins between every two classes, over all sentences.

    Attributes:
        low, high, mean: (K, K) smallest, largest and mean of M(x, j) over x ~ D_{z_k}; row k, column j.
        distances: (K, K) Hamming distances.
    """

    low: Float[np.ndarray, "K K"]
    high: Float[np.ndarray, "K K"]
    mean: Float[np.ndarray, "K K"]
    distances: Float[np.ndarray, "K K"]

    def averaged(self) -> Float[np.ndarray, " L_1"]:
        """M̄_r for r = 0, 1, … (53): the mean over all pairs at distance r; NaN where there is none."""
        counts = np.bincount(self.distances.ravel())
        with np.errstate(invalid="ignore"):
            return np.asarray(np.bincount(self.distances.ravel(), self.mean.ravel()) / counts)

    def equimargin_residual(self) -> float:
        """The largest spread of margins at one distance, relative to the largest margin: 0 iff equimargin (47)."""
        spread = (
            max(
                float(self.high[at].max() - self.low[at].min())
                for at in (self.distances == r for r in range(1, self.distances.max() + 1))
                if at.any()
            )
            if self.distances.any()
            else 0.0
        )
        largest = max(float(np.abs(self.high).max()), float(np.abs(self.low).max()))
        return spread / largest if largest else 0.0


def margins(V: Embeddings, U: LinearWeights, latents: Latents, n_c: int, mu: Law | None = None) -> Margins:
    """Margins of every class against every other, exact over all sentences: extremes add over positions.

    Time O(K² L s_c), memory O(K² + K L n_w).

    Raises:
        InputError: shapes that do not fit, entries that are not finite, or more than 20,000 classes.
    """
    V, U, latents = check_weights(V, U, latents, n_c)
    K, L = latents.shape
    if K > 20_000:
        raise InputError(f"K = {K}, but K×K margins are kept for at most 20000 classes")
    s_c = len(V) // n_c
    mu = check_law(mu, s_c)
    scores = (U.reshape(K * L, -1) @ V.T).reshape(K, L, n_c, s_c)
    low, high, mean = np.zeros((K, K)), np.zeros((K, K)), np.zeros((K, K))
    for position in range(L):
        table = scores[:, position]  # (K, n_c, s_c)
        for k in range(K):
            concept = latents[k, position]
            part = table[k, concept] - table[:, concept]  # (K, s_c)
            low[k] += part.min(axis=1)
            high[k] += part.max(axis=1)
            mean[k] += part @ mu
    distances = np.vstack([block for _, block in distance_blocks(latents, n_c)])
    return Margins(low, high, mean, distances)


@dataclass(frozen=True)
class Inequality:
    """Both sides of `left ≤ right`."""

    left: float
    right: float

    @property
    def slack(self) -> float:
        """The difference right - left, ≥ 0 where the inequality holds."""
        return self.right - self.left


def lemma_d(cross_entropy: float, found: Margins, spheres: Spheres) -> Inequality:
    """log(1 + Σ_r |S_r| e^{-M̄_r}) ≤ R_0, with equality if and only if equimargin (54)-(55)."""
    averaged = found.averaged()
    terms = [np.log(size) - averaged[r] for r, size in enumerate(spheres.sizes) if r and size]
    return Inequality(
        float(np.logaddexp.reduce([0.0, *terms])), check_real("cross_entropy", cross_entropy, 0.0)
    )


def theorem_d(cross_entropy: float, product: float, spheres: Spheres, n_c: int) -> Inequality:
    """g(-(1/K)⟨Û, V Q Ẑ⟩) ≤ R_0, for latents with (i)-(iii) and weights with Σ_k U_k = 0 (50)-(51).

    Args:
        cross_entropy: R_0.
        product: `mean_margin_product`.
        spheres: |S_r|.
        n_c: number of concepts.
    """
    return Inequality(
        bound(-check_real("product", product), spheres, n_c), check_real("cross_entropy", cross_entropy, 0.0)
    )


def lemma_f(V: Embeddings, U: LinearWeights, latents: Latents, n_c: int) -> Inequality:
    """⟨Û, W Q Ẑ⟩ ≤ √(K L/n_w) (‖W‖² + ‖U‖²)/2, for uniform words and latents with (ii)."""
    V, U, latents = check_weights(V, U, latents, n_c)
    left = mean_margin_product(V, U, latents, n_c) * len(latents)
    tau = (float((V**2).sum()) + float((U**2).sum())) / 2
    return Inequality(left, float(np.sqrt(latents.size / len(V))) * tau)


def lemma_m(V: Embeddings, U: LinearWeights, latents: Latents, n_c: int, mu: Law | None = None) -> Inequality:
    """⟨Û, φ(W) Q Ẑ⟩ ≤ √(K L) ρ ‖U‖ with ρ the largest norm of the features (√d for LayerNorm), latents with (ii)."""
    V, U, latents = check_weights(V, U, latents, n_c)
    left = mean_margin_product(V, U, latents, n_c, mu) * len(latents)
    radius = float(np.linalg.norm(V, axis=1).max())
    return Inequality(left, float(np.sqrt(latents.size)) * radius * float(np.linalg.norm(U)))
