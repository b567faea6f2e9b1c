"""Theorem 2: with any word law and all latents, type-III collapse with the constants below is critical for (5).

    (λ/L) (r_β/μ_β) (n_c - 1 + exp(κ c r_β)) = c for every β,   Σ_β r_β² = L n_c^(L-1) c²,   κ = n_c/(n_c-1)
    (7)-(8) w_(α,β) = r_β f_α,   u_{k,ℓ} = c f_{z_{k,ℓ}},   K = n_c^L

A solution exists, and is unique, if and only if λ² < (L/n_c^(L+1)) Σ_β μ_β² (9). Ours (R1): it is a global
minimiser for every d ≥ n_c - 1, and where (9) fails zero weights are. Solved as one equation in G = κ L c²/λ:
with x_β = κ c r_β, (7) is x (n_c - 1 + e^x) = G μ_β, and (8) Σ_β μ_β² (1 + (e^x_β - 1)/n_c)^-2 = (λ/λ_max)²
Σ_β μ_β².
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import LARGEST, as_array
from feature_collapse.errors import InputError, check_real
from feature_collapse.task.frequencies import Law, given
from feature_collapse.theory.distance_law import check_sizes
from feature_collapse.theory.roots import exp, log_root


@dataclass(frozen=True)
class TypeThree:
    """The constants of a type-III configuration and its risk, from theorem 2 or from the mean-field prediction R5.

    Attributes:
        c: ‖u_{k,ℓ}‖.
        r: (s_c,) ‖w_(α,β)‖ for each word β of a concept.
        risk: cross-entropy plus penalty.
        cross_entropy: the risk without penalty.
        penalty: (λ/2)(‖W‖² + ‖U‖²).
        lambda_max: for λ ≥ λ_max zero weights are the minimiser.
        singular_value: of W and of Û alike, n_c - 1 times; the others are 0.
    """

    c: float
    r: Float[np.ndarray, " s_c"]
    risk: float
    cross_entropy: float
    penalty: float
    lambda_max: float
    singular_value: float

    @property
    def trivial(self) -> bool:
        """Whether zero weights are the solution."""
        return self.c == 0.0


def log_lambda_max(n_c: int, L: int, mu: Law) -> float:
    """The logarithm of the threshold in (9): log √((L/n_c^(L+1)) Σ μ_β²).

    Raises:
        InputError: sizes out of range, or frequencies that are not positive.
    """
    n_c, L, mu = *check_sizes(n_c, L, 1, fewest=1)[:2], given(mu)
    return (math.log(L) - (L + 1) * math.log(n_c) + math.log(float(mu @ mu))) / 2


def solve(n_c: int, L: int, mu: Law, lambda_: float) -> TypeThree:
    """The unique solution of (7)-(8) for K = n_c^L, or zero where (9) fails. Any sizes; O(s_c) times about 1000.

    The relative error is about 1e-13, and 1e-16/(1 - λ/λ_max) close to the threshold.

    Raises:
        InputError: sizes out of range, frequencies that are not positive, λ ≤ 0.
    """
    n_c, L, mu = *check_sizes(n_c, L, 1, fewest=1)[:2], given(mu)
    lambda_ = check_real("lambda", lambda_, 0.0, above=True)
    log_max = log_lambda_max(n_c, L, mu)
    excess = 2 * (log_max - math.log(lambda_))  # > 0 is condition (9)
    kappa, log_mu = n_c / (n_c - 1), np.log(mu)
    weights = mu**2 / (mu @ mu)
    if excess <= 0:
        zero = np.zeros_like(mu)
        ce = L * math.log(n_c)
        return TypeThree(0.0, zero, ce, ce, 0.0, exp(log_max), 0.0)

    def balance(log_G: float) -> float:
        log_factor = _log_factor(exponents(log_G + log_mu, n_c), n_c)
        lost = float(weights @ np.expm1(-2.0 * log_factor))
        log_sum = math.log1p(lost) if lost > -0.5 else _log_sum(np.log(weights) - 2.0 * log_factor)
        return log_sum + excess

    log_G = log_root(balance)
    x = exponents(log_G + log_mu, n_c)
    c = exp((math.log(lambda_) + log_G - math.log(kappa * L)) / 2)
    r = x / (kappa * c)
    ce = L * float(mu @ np.log1p((n_c - 1) * np.exp(-x)))
    penalty = lambda_ * n_c * float(r @ r)  # both halves of the penalty are equal, by (8)
    return TypeThree(c, r, ce + penalty, ce, penalty, exp(log_max), math.sqrt(kappa * float(r @ r)))


def residual(c: float, r: Float[np.ndarray, " s_c"], n_c: int, L: int, mu: Law, lambda_: float) -> float:
    """The largest relative violation of (7)-(8) by given constants, in logarithms: 0 if and only if they solve it.

    Raises:
        InputError: sizes out of range, or constants or frequencies that are not positive.
    """
    n_c, L, mu = *check_sizes(n_c, L, 1, fewest=1)[:2], given(mu)
    lambda_, c = check_real("lambda", lambda_, 0.0, above=True), check_real("c", c, 0.0, above=True)
    norms = as_array("r", r, 1)
    if norms.min() <= 0:
        raise InputError(f"r has a smallest entry of {norms.min():g}, but every r_β must be > 0")
    if len(norms) != len(mu):
        raise InputError(f"r has length {len(norms)}, but must have that of mu, {len(mu)}")
    x = n_c / (n_c - 1) * c * norms
    first = math.log(lambda_ / L) + np.log(norms / mu) + np.logaddexp(math.log(n_c - 1), x) - math.log(c)
    second = math.log(float(norms @ norms)) - math.log(L) - (L - 1) * math.log(n_c) - 2 * math.log(c)
    return float(max(np.abs(first).max(), abs(second)))


@dataclass(frozen=True)
class TypeThreeGradient:
    """Gradients of R_0 on type-III weights for K = n_c^L (proposition C), and the spectrum of ∇f(M) there (R1).

    Attributes:
        u: ∂R_0/∂u_{k,ℓ} is `u` times f_{z_{k,ℓ}}.
        w: (s_c,) ∂R_0/∂w_(α,β) is `w[β]` times f_α.
        operator_norm: each of the n_c - 1 non-zero singular values of ∇f(M); λ at theorem 2's constants.
    """

    u: float
    w: Float[np.ndarray, " s_c"]
    operator_norm: float


def gradient(c: float, r: Float[np.ndarray, " s_c"], n_c: int, L: int, mu: Law) -> TypeThreeGradient:
    """Proposition C and R1 in closed form, for any type-III weights, with q_β = 1/(e^{κ c r_β} + n_c - 1). O(s_c).

    Raises:
        InputError: sizes out of range, constants that are negative, frequencies that are not positive.
    """
    n_c, L, mu = *check_sizes(n_c, L, 1, fewest=1)[:2], given(mu)
    c = check_real("c", c, 0.0, LARGEST)
    r = as_array("r", r, 1)
    if r.min() < 0:
        raise InputError(f"r has a smallest entry of {r.min():g}, but every r_β must be ≥ 0")
    if len(r) != len(mu):
        raise InputError(f"r has length {len(r)}, but must have that of mu, {len(mu)}")
    log_q = -np.logaddexp(math.log(n_c - 1), n_c / (n_c - 1) * c * r)
    q = np.exp(log_q)
    norm = float(np.linalg.norm(mu * q)) * exp((math.log(L) - (L - 1) * math.log(n_c)) / 2)
    return TypeThreeGradient(-exp(-(L - 1) * math.log(n_c)) * float(mu @ (r * q)), -L * c * mu * q, norm)


def _log_factor(x: np.ndarray, n_c: int) -> np.ndarray:
    """log(1 + (e^x - 1)/n_c), without loss for small x and without overflow for large x."""
    small = np.log1p(np.expm1(np.minimum(x, 1.0)) / n_c)
    return np.asarray(np.where(x <= 1.0, small, np.logaddexp(math.log(n_c - 1), x) - math.log(n_c)))


def exponents(log_y: np.ndarray, n_c: int) -> np.ndarray:
    """The x > 0 with x (n_c - 1 + e^x) = y, elementwise: Newton's method in log x, from above, on a convex function."""
    v = np.minimum(log_y - math.log(n_c), np.log(np.maximum(np.logaddexp(0.0, log_y), 1e-300)))
    for _ in range(60):
        x = np.exp(v)
        log_rate = np.logaddexp(math.log(n_c - 1), x)
        step = (v + log_rate - log_y) / (1.0 + x * np.exp(x - log_rate))
        v = v - step
        if np.abs(step).max() < 1e-15 * max(1.0, float(np.abs(v).max())):
            break
    return np.asarray(np.exp(v))


def _log_sum(terms: np.ndarray) -> float:
    top = float(terms.max())
    return top + math.log(float(np.exp(terms - top).sum()))
