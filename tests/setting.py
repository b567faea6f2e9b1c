"""Small data sets, the package's nouns from arrays, and slow references that share no code with it."""

from __future__ import annotations

import itertools

import numpy as np
from scipy.optimize import minimize, minimize_scalar
from scipy.special import logsumexp

from feature_collapse.certificates.bound import Bound
from feature_collapse.certificates.certify import certificate
from feature_collapse.model.normalisers import NoNormaliser, Normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.task import Sentences


def problem_of(
    words,
    labels,
    n_w: int,
    K: int,
    lambda_: float,
    normaliser: Normaliser | None = None,
    d: int = 100,
    **options,
) -> Problem:
    """The problem of words and labels as arrays."""
    return Problem(Sentences(words, labels), n_w, K, lambda_, normaliser or NoNormaliser(), d, **options)


def bound_at(
    W, U, words, labels, lambda_: float, normaliser: Normaliser | None = None, *, omega=None, **options
) -> Bound:
    """The certificate at weights and sentences as arrays."""
    weights, sentences = Weights(W, U, normaliser or NoNormaliser()), Sentences(words, labels)
    if omega is None:
        return certificate(weights, sentences, lambda_, **options)
    n_w, K = len(weights.W), len(weights.U)
    problem = Problem(sentences, n_w, K, lambda_, weights.normaliser, weights.d, omega=omega)
    return certificate(weights, problem, **options)


def random_data(
    seed: int, n_w: int = 12, L: int = 4, K: int = 6, N: int = 30
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(n_w, size=(N, L)).astype(np.int16), rng.integers(K, size=N).astype(np.int32)


def random_weights(seed: int, n_w: int = 12, L: int = 4, K: int = 6, d: int = 5, scale: float = 1.0):
    rng = np.random.default_rng([seed, 1])
    return scale * rng.standard_normal((n_w, d)), scale * rng.standard_normal((K, L, d))


def enumerate_sentences(latents: np.ndarray, mu: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every sentence of every class, and its probability: the empirical risk on it is the true risk."""
    s_c, (K, L) = len(mu), latents.shape
    words, labels, weights = [], [], []
    for k, z in enumerate(latents):
        for beta in itertools.product(range(s_c), repeat=L):
            words.append([a * s_c + b for a, b in zip(z, beta, strict=True)])
            labels.append(k)
            weights.append(np.prod(mu[list(beta)]) / K)
    return np.array(words), np.array(labels), np.array(weights)


def all_latents(n_c: int, L: int) -> np.ndarray:
    return np.array(list(itertools.product(range(n_c), repeat=L)))


def parity_code(n_c: int, L: int) -> np.ndarray:
    return np.array([z for z in all_latents(n_c, L) if sum(z) % n_c == 0])


def spheres(latents: np.ndarray) -> np.ndarray:
    """|S_r| around the first latent, r = 0..L."""
    return np.bincount((latents != latents[0]).sum(1), minlength=latents.shape[1] + 1)


def theorem_one_minimum(latents: np.ndarray, n_c: int, n_w: int, lambda_: float) -> float:
    """min over t of H(t) (theorem 1, R4), from the formula in the theory."""
    K, L = latents.shape
    S, r = spheres(latents), np.arange(L + 1)
    eta = n_c / (n_c - 1) / np.sqrt(n_w * K * L)
    H = lambda t: np.log(np.sum(S * np.exp(-eta * r * t))) + lambda_ * t  # noqa: E731
    return float(minimize_scalar(H, bounds=(0, 1e4), method="bounded", options={"xatol": 1e-10}).fun)


def theorem_three_minimum(latents: np.ndarray, n_c: int, d: int, lambda_: float) -> float:
    """min over t of H*(t) (theorem 3 and its extension to codes)."""
    K, L = latents.shape
    S, r = spheres(latents), np.arange(L + 1)
    eta = n_c / (n_c - 1) * np.sqrt(d / (K * L))
    H = lambda t: np.log(np.sum(S * np.exp(-eta * r * t))) + lambda_ / 2 * t * t  # noqa: E731
    return float(minimize_scalar(H, bounds=(0, 1e4), method="bounded", options={"xatol": 1e-10}).fun)


def theorem_two_risk(n_c: int, L: int, mu: np.ndarray, lambda_: float) -> float:
    """The least risk of type-III weights for all latents: minimised directly over (c, r)."""

    def risk(x: np.ndarray) -> float:
        c, r = x[0], x[1:]
        margin = np.logaddexp(0.0, np.log(n_c - 1) - n_c / (n_c - 1) * c * r)
        return float(L * mu @ margin + lambda_ / 2 * (n_c * (r @ r) + n_c**L * L * c * c))

    found = minimize(risk, np.ones(1 + len(mu)), method="BFGS", options={"gtol": 1e-12})
    return float(found.fun)


def slow_gradient(V, U, words, labels) -> tuple[np.ndarray, np.ndarray, float]:
    """Softmax outputs, the dense (K L)×n_w gradient, and the cross-entropy, one sentence at a time."""
    (n_w, _), (K, L, _) = V.shape, U.shape
    N = len(words)
    G, P, ce = np.zeros((K, L, n_w)), np.zeros((N, K)), 0.0
    for i in range(N):
        s = np.einsum("kld,ld->k", U, V[words[i]])
        P[i] = np.exp(s - logsumexp(s))
        ce -= (s[labels[i]] - logsumexp(s)) / N
        error = P[i].copy()
        error[labels[i]] -= 1.0
        for place in range(L):
            G[:, place, words[i, place]] += error / N
    return P, G.reshape(K * L, n_w), float(ce)


def entropy(P: np.ndarray) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(-np.nansum(np.where(P > 0, P * np.log(P), 0.0), axis=1).mean())


def slow_plain_bound(V, U, words, labels, lambda_: float) -> float:
    """R2 by dense singular values, θ = min(1, λ/‖G‖)."""
    P, G, _ = slow_gradient(V, U, words, labels)
    theta = min(1.0, lambda_ / np.linalg.svd(G, compute_uv=False)[0])
    return entropy((1 - theta) * np.eye(P.shape[1])[labels] + theta * P)


def slow_least_nu(A: np.ndarray) -> float:
    """min Σν subject to Diag(ν) ⪰ A, by its dual: max ⟨A, X⟩, diag X = 1, X = RᵀR, from several starts.

    At full dimension every local maximum over R is global.
    """
    n, best = len(A), -np.inf
    for seed in range(3):

        def value(x: np.ndarray) -> tuple[float, np.ndarray]:
            R = x.reshape(n, n)
            length = np.linalg.norm(R, axis=1, keepdims=True)
            Q = R / length
            g = 2 * A @ Q
            g = (g - Q * (g * Q).sum(1, keepdims=True)) / length
            return -float(np.sum((A @ Q) * Q)), -g.ravel()

        start = np.random.default_rng(seed).standard_normal(n * n)
        best = max(
            best,
            -minimize(
                value,
                start,
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": 5000, "ftol": 1e-15, "gtol": 1e-14},
            ).fun,
        )
    return best
