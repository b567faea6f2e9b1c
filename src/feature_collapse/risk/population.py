"""The true risks (5) and (10): expectations over all sentences of each class, and their gradients.

    R_0 = (1/K) Σ_k E_{x~D_{z_k}} ℓ(h(x), k)
    (5)  R_0 + (λ/2)(Σ_j a_j‖w_j‖² + ‖U‖²),  a_j = 1 in the paper        (10) R_0 + (λ/2) ‖U‖²

The network is seen through its features V = φ(W) (V = W for h): score_j(x) = Σ_ℓ ⟨u_{j,ℓ}, v_{x_ℓ}⟩. Three
ways: `enumerate_risk` over all K s_c^L sentences, `collapsed_cross_entropy` on collapsed weights,
`sample_risk` by Monte Carlo with a standard error. Gradients are those with respect to M = U Vᵀ,
(K, L, n_w), from which lemma S gives the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import LARGEST as LARGEST_NUMBER
from feature_collapse.arrays import as_array
from feature_collapse.errors import InputError, check_int, check_lambda, check_real, check_type
from feature_collapse.model.weights import Embeddings, LinearWeights, Weights
from feature_collapse.task.sentences import sample
from feature_collapse.task.symmetry import distance_blocks
from feature_collapse.task.task import Task

LARGEST = 10**8  # scores computed by enumeration at most
_CHUNK = 2**20  # scores held at once


@dataclass(frozen=True, eq=False)
class PopulationRisk:
    """A true risk and its gradients.

    Attributes:
        cross_entropy: R_0.
        penalty: (λ/2)(Σ_j a_j‖w_j‖² + ‖U‖²), W only where nothing normalises it.
        gradient_M: (K, L, n_w) ∇ of R_0 with respect to the scores' matrix M = U Vᵀ.
        gradient_V: (n_w, d) with respect to the features (equal to W for h), penalty included.
        gradient_U: (K, L, d) with respect to U, penalty included.
        standard_error: of the cross-entropy; 0 where it is exact.
    """

    cross_entropy: float
    penalty: float
    gradient_M: Float[np.ndarray, "K L n_w"]
    gradient_V: Embeddings
    gradient_U: LinearWeights
    standard_error: float = 0.0

    @property
    def risk(self) -> float:
        """Cross-entropy plus penalty."""
        return self.cross_entropy + self.penalty

    def to_dict(self) -> dict[str, float]:
        """Return the numbers without the gradients, for JSON."""
        return {
            "risk": self.risk,
            "cross_entropy": self.cross_entropy,
            "penalty": self.penalty,
            "standard_error": self.standard_error,
        }

    def __str__(self) -> str:
        """Return the risk in one line, with its standard error where it is an estimate."""
        error = f" ± {self.standard_error:.2g}" if self.standard_error else ""
        parts = f"cross-entropy {self.cross_entropy:.8g} + penalty {self.penalty:.8g}"
        return f"true risk {self.risk:.8g}{error} = {parts}"


def enumerate_risk(
    weights: Weights, task: Task, lambda_: float = 0.0, decay: Float[np.ndarray, " n_w"] | None = None
) -> PopulationRisk:
    """Return the true risk and its gradients by enumeration of all K s_c^L sentences.

    (5) for the plain network, (10) under a normaliser. Time O(K² s_c^L L), memory O(K L n_w) and about 50 MB.

    Args:
        weights: of the task's sizes.
        task: latents and word law.
        lambda_: λ ≥ 0.
        decay: (n_w,) a_j ≥ 0 of the words; None for 1 each.

    Raises:
        InputError: sizes that do not fit, λ < 0, or more than 10^8 scores K² s_c^L.
    """
    weights.check_task(task)
    K, L, s_c = task.K, task.L, task.s_c
    if K * K * s_c**L > LARGEST:
        raise InputError(
            f"K² s_c^L = {K}²·{s_c}^{L} scores, but enumeration allows {LARGEST:.0e}; use Monte Carlo"
        )
    sums = _Sums(weights)
    for k in range(K):
        for words, log_p in _sentences(task.latents[k], task.mu, K):
            sums.add(words, np.full(len(words), k), np.exp(log_p) / K)
    return sums.finish(lambda_, decay)


def sample_risk(
    weights: Weights,
    task: Task,
    lambda_: float = 0.0,
    decay: Float[np.ndarray, " n_w"] | None = None,
    *,
    n: int = 10_000,
    rng: np.random.Generator,
) -> PopulationRisk:
    """Return an unbiased estimate of the true risk and its gradients from n sentences of random classes.

    Time O(n K L), memory O(K L n_w) and about 50 MB; the standard error is that of the cross-entropy. `decay`
    as in `enumerate_risk`.

    >>> from feature_collapse.task import make_task
    >>> task = make_task(n_w=6, L=2, K=4, seed=0)
    >>> zero = Weights(np.zeros((6, 2)), np.zeros((4, 2, 2)))
    >>> print(sample_risk(zero, task, n=100, rng=np.random.default_rng(0)))
    true risk 1.3862944 = cross-entropy 1.3862944 + penalty 0

    Raises:
        InputError: sizes that do not fit, λ < 0, or n < 2.
    """
    check_type("weights", weights, Weights, "Weights")
    weights.check_task(task)
    check_type("rng", rng, np.random.Generator, "a NumPy random generator (np.random.default_rng makes one)")
    n = check_int("n", n, 2, 10**12)
    sums = _Sums(weights)
    for words, labels in _draw(task, n, rng):
        sums.add(words, labels, np.full(len(labels), 1.0 / n))
    variance = max(sums.second - (sums.first - (sums.origin or 0.0)) ** 2, 0.0)
    return replace(sums.finish(lambda_, decay), standard_error=float(np.sqrt(variance / (n - 1))))


def sample_losses(
    weights: Weights, task: Task, *, n: int = 10_000, rng: np.random.Generator
) -> Float[np.ndarray, " n"]:
    """Return the cross-entropies of n fresh sentences of uniformly random classes; their mean estimates R_0.

    As `sample_risk` without the gradients, and the same sentences for the same generator. Time O(n K L),
    memory O(K L n_w) and about 50 MB.

    Raises:
        InputError: sizes that do not fit, or n < 2.
    """
    weights.check_task(task)
    sums = _Sums(weights)
    found = [sums.losses(words, labels)[1] for words, labels in _draw(task, check_int("n", n, 2, 10**9), rng)]
    return np.concatenate(found)


def collapsed_cross_entropy(task: Task, r: Float[np.ndarray, " s_c"], c: float) -> float:
    """Return R_0 of weights v_(α,β) = r_β f_α, u_{k,ℓ} = c f_{z_{k,ℓ}}, f equiangular, without building them.

    Where all r_β are equal (types I and II) the margins depend on the distance alone and the sum over the
    other classes needs the sphere sizes only: O(K² L), any s_c. Where the latents are all n_c^L, each once,
    the risk factorises: L Σ_β μ_β log(1 + (n_c - 1) exp(-κ c r_β)).

    Raises:
        InputError: r of the wrong length or negative, c < 0, or neither of the two cases.
    """
    r, c = as_array("r", r, 1), check_real("c", c, 0.0, LARGEST_NUMBER)
    if len(r) != task.s_c or r.min() < 0:
        raise InputError(
            f"r must be s_c = {task.s_c} numbers ≥ 0, but has {len(r)}, the smallest {r.min():g}"
        )
    n_c, K, L = task.n_c, task.K, task.L
    kappa = n_c / (n_c - 1)
    if np.ptp(r) <= 1e-12 * r.max():
        total = 0.0
        for block, distances in distance_blocks(task.latents, n_c):
            others = np.exp(-kappa * c * r[0] * distances)
            others[np.arange(len(others)), np.arange(block.start, block.stop)] = 0.0  # the class itself
            total += float(np.log1p(others.sum(axis=1)).sum())
        return total / K
    if K == n_c**L and len(np.unique(task.latents, axis=0)) == K:
        return L * float(task.mu @ np.log1p((n_c - 1) * np.exp(-kappa * c * r)))
    raise InputError(
        "r has unequal entries and the latents are not all n_c^L, each once: no closed form; enumerate"
    )


class _Sums:
    """Weighted sums of losses and of p - e_k over sentences."""

    def __init__(self, weights: Weights) -> None:
        self.weights, self.V, self.U = weights, weights.features(), weights.U.astype(np.float64)
        self.scores = np.ascontiguousarray(np.einsum("kld,wd->lwk", self.U, self.V))  # (L, n_w, K)
        self.gradient = np.zeros_like(self.scores)
        # weighted sums of the losses, and of their squares about one of them: differences of large squares
        # would leave nothing of a small variance
        self.first = self.second = 0.0
        self.origin: float | None = None

    def losses(self, words: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the softmax outputs (n, K) and cross-entropies (n,) of sentences (n, L)."""
        n, L = words.shape
        scores = self.scores[0][words[:, 0]].copy()
        for position in range(1, L):
            scores += self.scores[position][words[:, position]]
        top = scores.max(axis=1, keepdims=True)
        p = np.exp(scores - top)
        total = p.sum(axis=1, keepdims=True)
        row = np.arange(n)
        losses = np.log(total[:, 0]) + top[:, 0] - scores[row, labels]
        small = losses < 1e-3  # log(1 + Σ e^{-margin}) without the loss of digits of a difference
        if small.any():
            others = scores[small] - scores[row[small], labels[small]][:, None]
            others[np.arange(len(others)), labels[small]] = -np.inf
            losses[small] = np.log1p(np.exp(others).sum(axis=1))
        p /= total
        return p, losses

    def add(self, words: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> None:
        """Add sentences: words (n, L), their classes (n,) and their weights (n,)."""
        n, L = words.shape
        p, losses = self.losses(words, labels)
        row = np.arange(n)
        self.first += float(weights @ losses)
        self.origin = float(losses[0]) if self.origin is None else self.origin
        self.second += float(weights @ (losses - self.origin) ** 2)
        p[row, labels] = 0.0
        p[row, labels] = -p.sum(axis=1)
        p *= weights[:, None]
        for position in range(L):
            used, where = np.unique(words[:, position], return_inverse=True)
            hot = np.zeros((len(used), n))
            hot[where.ravel(), row] = 1.0
            self.gradient[position][used] += hot @ p

    def finish(self, lambda_: float, decay: Float[np.ndarray, " n_w"] | None) -> PopulationRisk:
        """Return the risk from the sums."""
        lambda_ = check_lambda(lambda_)
        gradient_M = self.gradient.transpose(2, 0, 1)
        a = np.ones(len(self.V)) if decay is None else np.asarray(decay)
        rate = lambda_ * a[:, None] if self.weights.radius is None else 0.0
        return PopulationRisk(
            self.first,
            self.weights.penalty(lambda_, decay),
            gradient_M,
            np.einsum("klw,kld->wd", gradient_M, self.U) + rate * self.V,
            np.einsum("klw,wd->kld", gradient_M, self.V) + lambda_ * self.U,
        )


def _draw(task: Task, n: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Draw n sentences of uniformly random classes, in chunks: words (·, L) and classes."""
    chunk = max(1, _CHUNK // task.K)
    for start in range(0, n, chunk):
        labels = rng.integers(task.K, size=min(chunk, n - start))
        yield sample(task.latents[labels], task.mu, 1, rng).words.astype(np.int64), labels


def _sentences(z: np.ndarray, mu: np.ndarray, K: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Return all sentences of latent z in chunks: words (n, L) and log-probabilities (n,)."""
    L, s_c = len(z), len(mu)
    log_mu, chunk = np.log(mu), max(1, _CHUNK // K)
    for start in range(0, s_c**L, chunk):
        number = np.arange(start, min(start + chunk, s_c**L))
        beta = number[:, None] // s_c ** np.arange(L - 1, -1, -1) % s_c
        yield z * s_c + beta, log_mu[beta].sum(axis=1)
