"""Margins and the lower bound on R_0 (paper appendices C, D.1, E.1: theorem D, lemmas D, E, F, M).

    M(x, j) = score_k(x) - score_j(x) for x of class k                                 (definition A)
    equimargin: M(x, j) depends on dist(z_j, z_k) alone                                (definition B, 47)
    log(1 + Σ_r |S_r| e^{-M̄_r}) ≤ R_0,   M̄_r the mean of M over k, j ∈ S_r(k), x      (lemma D, 53)
    M̄_r = (1 - θ_r/|S_r|) (1/K) ⟨Û, W Q Ẑ⟩ where Σ_k U_k = 0                          (lemma E, 59)
    g(-(1/K) ⟨Û, W Q Ẑ⟩) ≤ R_0,   g(x) = log(1 + Σ_{r≥1} |S_r| e^{(1 - θ_r/|S_r|) x}) (theorem D, 49)
    ⟨Û, W Q Ẑ⟩ ≤ √(K L/n_w) τ where ‖W‖² + ‖U‖² = 2τ, uniform words                   (lemma F)
    ⟨Û, φ(W) Q Ẑ⟩ ≤ √(K L d) ‖U‖ where the columns of φ(W) have norm √d                (lemma M)

The network is seen through its features V = φ(W), which are W for the network h.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.errors import InputError, check_int, check_real
from feature_collapse.model.weights import Weights
from feature_collapse.task.frequencies import is_uniform
from feature_collapse.task.symmetry import distance_blocks
from feature_collapse.task.task import Task
from feature_collapse.theory.distance_law import Spheres


def bound(x: float, spheres: Spheres, n_c: int) -> float:
    """Return g(x) of theorem D (49), increasing in x. O(L).

    For latents with (i)-(iii), where 1 - θ_r/|S_r| = (r/L) n_c/(n_c-1).

    Raises:
        InputError: x not finite or n_c < 2.
    """
    rate = check_int("n_c", n_c, 2) / (n_c - 1) / spheres.L * check_real("x", x)
    terms = [math.log(size) + r * rate for r, size in enumerate(spheres.sizes) if r and size]
    return float(np.logaddexp.reduce([0.0, *terms]))


def mean_margin_product(weights: Weights, task: Task) -> float:
    """Return (1/K) ⟨Û, V Q Ẑ⟩: the mean over all sentences of the right class's score. O((K L + n_w) d).

    Raises:
        InputError: sizes that do not fit.
    """
    centres = concept_means(weights, task)
    return float((weights.U * centres[task.latents]).sum()) / task.K


def concept_means(weights: Weights, task: Task) -> Float[np.ndarray, "n_c d"]:
    """Return the rows of (V Q)ᵀ: Σ_β μ_β v_(α,β) for each concept.

    Raises:
        InputError: sizes that do not fit.
    """
    weights.check_task(task)
    words = weights.features().reshape(task.n_c, task.s_c, weights.d)
    return np.asarray(np.einsum("asd,s->ad", words, task.mu))


@dataclass(frozen=True, eq=False)
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
        """Return M̄_r for r = 0, 1, … (53): the mean over pairs at distance r; NaN where there is none."""
        counts = np.bincount(self.distances.ravel())
        with np.errstate(invalid="ignore"):
            return np.asarray(np.bincount(self.distances.ravel(), self.mean.ravel()) / counts)

    def equimargin_residual(self) -> float:
        """Return the largest spread of margins at one distance over the largest margin: 0 iff (47)."""
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


def margins(weights: Weights, task: Task) -> Margins:
    """Return the margins of every class against every other, exact over all sentences.

    Extremes add over positions. Time O(K² L s_c), memory O(K² + K L n_w).

    Raises:
        InputError: sizes that do not fit, or more than 20,000 classes.
    """
    weights.check_task(task)
    K, L, n_c, s_c, mu, latents = task.K, task.L, task.n_c, task.s_c, task.mu, task.latents
    if K > 20_000:
        raise InputError(f"K = {K}, but K×K margins are kept for at most 20000 classes")
    U = weights.U.reshape(K * L, -1).astype(np.float64)
    scores = (U @ weights.features().T).reshape(K, L, n_c, s_c)
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
    """Return log(1 + Σ_r |S_r| e^{-M̄_r}) ≤ R_0, with equality if and only if equimargin (54)-(55)."""
    averaged = found.averaged()
    terms = [math.log(size) - averaged[r] for r, size in enumerate(spheres.sizes) if r and size]
    return Inequality(
        float(np.logaddexp.reduce([0.0, *terms])), check_real("cross_entropy", cross_entropy, 0.0)
    )


def theorem_d(cross_entropy: float, product: float, spheres: Spheres, n_c: int) -> Inequality:
    """Return g(-(1/K)⟨Û, V Q Ẑ⟩) ≤ R_0, for latents with (i)-(iii) and weights with Σ_k U_k = 0 (50)-(51).

    Args:
        cross_entropy: R_0.
        product: `mean_margin_product`.
        spheres: |S_r|.
        n_c: number of concepts.
    """
    return Inequality(
        bound(-check_real("product", product), spheres, n_c), check_real("cross_entropy", cross_entropy, 0.0)
    )


def lemma_f(weights: Weights, task: Task) -> Inequality:
    """Return ⟨Û, W Q Ẑ⟩ ≤ √(K L/n_w) (‖W‖² + ‖U‖²)/2, for uniform words and latents with (ii).

    Raises:
        InputError: sizes that do not fit, words that are not uniform, or weights under a normaliser.
    """
    if weights.radius is not None or not is_uniform(task.mu):
        raise InputError("lemma F is about uniform words and a network without a normaliser (see lemma M)")
    left = mean_margin_product(weights, task) * task.K
    return Inequality(left, float(np.sqrt(task.latents.size / task.n_w)) * weights.penalty(1.0))


def lemma_m(weights: Weights, task: Task) -> Inequality:
    """Return ⟨Û, φ(W) Q Ẑ⟩ ≤ √(K L) ρ ‖U‖, for latents with (ii).

    ρ is the largest norm of the features, √d for LayerNorm.

    Raises:
        InputError: sizes that do not fit.
    """
    left = mean_margin_product(weights, task) * task.K
    radius = float(np.linalg.norm(weights.features(), axis=1).max())
    U = weights.U.astype(np.float64)
    return Inequality(left, float(np.sqrt(task.latents.size)) * radius * float(np.linalg.norm(U)))
