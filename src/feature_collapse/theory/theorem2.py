"""Theorem 2: with any word law and all latents, type-III collapse with these constants is critical for (5).

    (7') (λ/L) a_β (r_β/μ_β) (n_c - 1 + exp(κ c r_β)) = c for every β        κ = n_c/(n_c-1)
    (8') Σ_β a_β r_β² = L n_c^(L-1) c²
         w_(α,β) = r_β f_α,   u_{k,ℓ} = c f_{z_{k,ℓ}},   K = n_c^L

A solution exists, and is unique, if and only if (9') λ² < (L/n_c^(L+1)) Σ_β μ_β²/a_β. The paper has a_β = 1
for every word. Ours (R1, R8): for the penalty (λ/2)(Σ a_β ‖w_(α,β)‖² + ‖U‖²), a > 0, it is a global minimiser
for every d ≥ n_c - 1, and where (9') fails zero weights are. Solved as one equation in G = κ L c²/λ: with
x_β = κ c r_β, (7') is x (n_c - 1 + e^x) = G μ_β/a_β, and (8') is
Σ_β (μ_β²/a_β) (1 + (e^x_β - 1)/n_c)^-2 = (λ/λ_max)² Σ_β μ_β²/a_β.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import LARGEST, as_array
from feature_collapse.errors import InputError, check_lambda, check_real
from feature_collapse.task.frequencies import Law, given
from feature_collapse.theory.distance_law import check_sizes
from feature_collapse.theory.roots import exp, log_root

Norms = Float[np.ndarray, " s_c"]


@dataclass(frozen=True, eq=False)
class TypeThree:
    """The constants of a type-III configuration and its risk, from theorem 2 or from the mean field R5.

    Attributes:
        c: ‖u_{k,ℓ}‖.
        r: (s_c,) ‖w_(α,β)‖ for each word β of a concept.
        risk: cross-entropy plus penalty.
        cross_entropy: the risk without penalty.
        penalty: (λ/2)(Σ a‖w‖² + ‖U‖²).
        lambda_max: for λ ≥ λ_max zero weights are the minimiser.
        singular_value_W: of W, n_c - 1 times; the others are 0.
        singular_value_U: of Û, n_c - 1 times; that of W where every a is 1.
    """

    c: float
    r: Norms
    risk: float
    cross_entropy: float
    penalty: float
    lambda_max: float
    singular_value_W: float
    singular_value_U: float

    @property
    def trivial(self) -> bool:
        """Whether zero weights are the solution."""
        return self.c == 0.0


@dataclass(frozen=True, eq=False)
class Equations:
    """Equations (7')-(8') for one setting; `constants` makes one and solves it.

    Attributes:
        n_c, L: concepts, sentence length; K = n_c^L.
        mu: (s_c,) word law.
        lambda_: λ > 0.
        decay: (s_c,) a_β > 0; None for 1 each, the paper's.

    Raises:
        InputError: sizes out of range, frequencies or decays that are not positive, λ ≤ 0.
    """

    n_c: int
    L: int
    mu: Law
    lambda_: float
    decay: Norms | None = None

    def __post_init__(self) -> None:
        """Check the setting."""
        check_sizes(self.n_c, self.L, 1, fewest=1)
        check_lambda(self.lambda_, positive=True)
        object.__setattr__(self, "mu", given(self.mu))
        object.__setattr__(self, "decay", check_decay(self.decay, len(self.mu)))

    @property
    def a(self) -> Norms:
        """(s_c,) a_β."""
        return np.ones_like(self.mu) if self.decay is None else self.decay

    @property
    def log_lambda_max(self) -> float:
        """The logarithm of the threshold in (9')."""
        return log_lambda_max(self.n_c, self.L, self.mu, self.decay)

    def solve(self) -> TypeThree:
        """Return the unique solution of (7')-(8'), or zero where (9') fails."""
        n_c, L, mu, a = self.n_c, self.L, self.mu, self.a
        log_max = self.log_lambda_max
        excess = 2 * (log_max - math.log(self.lambda_))  # > 0 is condition (9')
        kappa, log_rate = n_c / (n_c - 1), np.log(mu / a)
        if excess <= 0:
            zero, ce = np.zeros_like(mu), L * math.log(n_c)
            return TypeThree(0.0, zero, ce, ce, 0.0, exp(log_max), 0.0, 0.0)
        weights = mu**2 / a / float(mu @ (mu / a))

        def balance(log_G: float) -> float:
            log_factor = _log_factor(exponents(log_G + log_rate, n_c), n_c)
            lost = float(weights @ np.expm1(-2.0 * log_factor))
            log_sum = math.log1p(lost) if lost > -0.5 else _log_sum(np.log(weights) - 2.0 * log_factor)
            return log_sum + excess

        log_G = log_root(balance)
        x = exponents(log_G + log_rate, n_c)
        c = exp((math.log(self.lambda_) + log_G - math.log(kappa * L)) / 2)
        r = x / (kappa * c)
        ce = L * float(mu @ np.log1p((n_c - 1) * np.exp(-x)))
        square = float((a * r) @ r)
        penalty = self.lambda_ * n_c * square  # both halves of the penalty are equal, by (8')
        values = math.sqrt(kappa * float(r @ r)), math.sqrt(kappa * square)
        return TypeThree(c, r, ce + penalty, ce, penalty, exp(log_max), *values)

    def residual(self, c: float, r: Norms) -> float:
        """Return the largest relative violation of (7')-(8') by given constants, in logarithms: 0 iff solved.

        Raises:
            InputError: constants that are not positive, or r of another length than mu.
        """
        c, r = check_real("c", c, 0.0, above=True), _check_norms(r, len(self.mu))
        if r.min() <= 0:
            raise InputError(f"r has a smallest entry of {r.min():g}, but every r_β must be > 0")
        n_c, L = self.n_c, self.L
        x = n_c / (n_c - 1) * c * r
        log_first = math.log(self.lambda_ / L) + np.log(self.a * r / self.mu) - math.log(c)
        first = log_first + np.logaddexp(math.log(n_c - 1), x)
        second = math.log(float((self.a * r) @ r)) - math.log(L) - (L - 1) * math.log(n_c) - 2 * math.log(c)
        return float(max(np.abs(first).max(), abs(second)))


def constants(n_c: int, L: int, mu: Law, lambda_: float, decay: Norms | None = None) -> TypeThree:
    """Return the unique solution of (7')-(8') for K = n_c^L, or zero where (9') fails.

    Any sizes; O(s_c) times about 1000. The equations hold to 1e-12 in logarithms, the risk to about 1e-13
    relative; the constants to 1e-15/(1 - λ/λ_max), since near λ_max they fall to zero and the last digit of λ
    moves them by that much.

    >>> constants(n_c=3, L=3, mu=[1, 1/2, 1/3, 1/4], lambda_=1e-3).r.round(7)
    array([3.467497 , 3.134504 , 2.9416022, 2.8056148])

    Args:
        n_c: number of concepts.
        L: sentence length.
        mu: (s_c,) word law.
        lambda_: λ > 0.
        decay: (s_c,) a_β > 0; None for 1 each.

    Raises:
        InputError: sizes out of range, frequencies or decays that are not positive, λ ≤ 0.
    """
    return Equations(n_c, L, mu, lambda_, decay).solve()


def log_lambda_max(n_c: int, L: int, mu: Law, decay: Norms | None = None) -> float:
    """Return the logarithm of the threshold in (9'): log √((L/n_c^(L+1)) Σ μ_β²/a_β).

    Raises:
        InputError: sizes out of range, or frequencies or decays that are not positive.
    """
    n_c, L, mu = *check_sizes(n_c, L, 1, fewest=1)[:2], given(mu)
    decay = check_decay(decay, len(mu))
    square = mu @ mu if decay is None else mu @ (mu / decay)
    return (math.log(L) - (L + 1) * math.log(n_c) + math.log(float(square))) / 2


@dataclass(frozen=True, eq=False)
class TypeThreeGradient:
    """Gradients of R_0 on type-III weights for K = n_c^L (proposition C), and the spectrum of ∇f(M) (R1).

    Attributes:
        u: ∂R_0/∂u_{k,ℓ} is `u` times f_{z_{k,ℓ}}.
        w: (s_c,) ∂R_0/∂w_(α,β) is `w[β]` times f_α.
        operator_norm: each of the n_c - 1 non-zero singular values of ∇f(M) Diag(a)^{-1/2}; λ at theorem 2's
            constants.
    """

    u: float
    w: Norms
    operator_norm: float


def gradient(c: float, r: Norms, n_c: int, L: int, mu: Law, decay: Norms | None = None) -> TypeThreeGradient:
    """Return proposition C and R1 in closed form, for any type-III weights. O(s_c).

    With q_β = 1/(e^{κ c r_β} + n_c - 1).

    Raises:
        InputError: sizes out of range, constants that are negative, frequencies or decays that are not
            positive.
    """
    n_c, L, mu = *check_sizes(n_c, L, 1, fewest=1)[:2], given(mu)
    c, r = check_real("c", c, 0.0, LARGEST), _check_norms(r, len(mu))
    decay = check_decay(decay, len(mu))
    q = np.exp(-np.logaddexp(math.log(n_c - 1), n_c / (n_c - 1) * c * r))
    scaled = mu * q if decay is None else mu * q / np.sqrt(decay)
    norm = float(np.linalg.norm(scaled)) * exp((math.log(L) - (L - 1) * math.log(n_c)) / 2)
    return TypeThreeGradient(-exp(-(L - 1) * math.log(n_c)) * float(mu @ (r * q)), -L * c * mu * q, norm)


def check_decay(decay: Norms | None, s_c: int) -> Norms | None:
    """Return the decays a_β of the words of a concept as float64, None as it is.

    Raises:
        InputError: they are not s_c positive numbers.
    """
    if decay is None:
        return None
    found = as_array("decay", decay, 1)
    if len(found) != s_c or found.min() <= 0:
        raise InputError(f"decay must be s_c = {s_c} numbers > 0, one for each word of a concept")
    return found


def exponents(log_y: np.ndarray, n_c: int) -> np.ndarray:
    """Return the x > 0 with x (n_c - 1 + e^x) = y, elementwise.

    Newton's method in log x, from above, on a convex function.
    """
    v = np.minimum(log_y - math.log(n_c), np.log(np.maximum(np.logaddexp(0.0, log_y), 1e-300)))
    for _ in range(60):
        x = np.exp(v)
        log_rate = np.logaddexp(math.log(n_c - 1), x)
        step = (v + log_rate - log_y) / (1.0 + x * np.exp(x - log_rate))
        v = v - step
        if np.abs(step).max() < 1e-15 * max(1.0, float(np.abs(v).max())):
            break
    return np.asarray(np.exp(v))


def _check_norms(r: Norms, s_c: int) -> Norms:
    found = as_array("r", r, 1)
    if len(found) != s_c:
        raise InputError(f"r has length {len(found)}, but must have that of mu, {s_c}")
    if found.min() < 0:
        raise InputError(f"r has a smallest entry of {found.min():g}, but every r_β must be ≥ 0")
    return found


def _log_factor(x: np.ndarray, n_c: int) -> np.ndarray:
    """Return log(1 + (e^x - 1)/n_c), without loss for small x and without overflow for large x."""
    small = np.log1p(np.expm1(np.minimum(x, 1.0)) / n_c)
    return np.asarray(np.where(x <= 1.0, small, np.logaddexp(math.log(n_c - 1), x) - math.log(n_c)))


def _log_sum(terms: np.ndarray) -> float:
    top = float(terms.max())
    return top + math.log(float(np.exp(terms - top).sum()))
