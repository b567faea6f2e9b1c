"""Theorem 1: with uniform words and symmetric latents, type-I collapse minimises the true risk (5) of h.

    H(t) = log(1 + X(η t)) + λ t,    η = n_c/(n_c - 1) · 1/√(n_w K L),    τ = argmin over t ≥ 0
    c = √(τ/n_w),   c' = √(τ/(K L)),   min risk = H(τ)

X sums over the other classes: `AssumptionA` gives the paper's H, `Spheres` that of a linear code (R4) or of
any latents with properties (i)-(iii). The scope is every d ≥ n_c - 1. For λ ≥ λ_max the minimiser is zero (τ
= 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from feature_collapse.errors import InputError, check_int, check_lambda, check_real
from feature_collapse.theory.distance_law import (
    AssumptionA,
    DistanceLaw,
    check_sizes,
    cross_entropy,
    log_slope,
)
from feature_collapse.theory.roots import exp, log_root


@dataclass(frozen=True)
class Theorem1:
    """The constants of theorem 1.

    Attributes:
        eta: η.
        tau: τ.
        c: ‖w_(α,β)‖.
        c_prime: ‖u_{k,ℓ}‖.
        risk: H(τ), the minimum of (5).
        cross_entropy: its part log(1 + X(η τ)).
        penalty: its part λ τ.
        lambda_max: for λ ≥ λ_max zero weights are the minimiser.
        singular_value: of W and of Û alike, n_c - 1 times; the others are 0.
    """

    eta: float
    tau: float
    c: float
    c_prime: float
    risk: float
    cross_entropy: float
    penalty: float
    lambda_max: float
    singular_value: float

    @property
    def trivial(self) -> bool:
        """Whether zero weights are the minimiser."""
        return self.tau == 0.0


@dataclass(frozen=True)
class Objective:
    """H(t): the risk (5) of type-I weights with c = √(t/n_w) and c' = √(t/(K L)), for any t ≥ 0 (lemma K).

    Attributes:
        n_c, n_w, L: concepts, words, sentence length.
        K: number of classes, any Python integer.
        lambda_: λ ≥ 0.
        law: distances between the latents; assumption A where None is given.

    Raises:
        InputError: sizes out of range, n_w no multiple of n_c, λ < 0.
    """

    n_c: int
    n_w: int
    L: int
    K: int
    lambda_: float
    law: DistanceLaw | None = None

    def __post_init__(self) -> None:
        """Check the sizes."""
        n_c, _, _ = check_sizes(self.n_c, self.L, self.K)
        n_w = check_int("n_w", self.n_w, n_c)
        if n_w % n_c:
            raise InputError(f"n_w = {n_w}, but must be a multiple of n_c = {n_c}")
        check_lambda(self.lambda_)

    @property
    def distances(self) -> DistanceLaw:
        """The law of the distances, assumption A where none was given."""
        return AssumptionA(self.n_c, self.L, self.K) if self.law is None else self.law

    @property
    def log_eta(self) -> float:
        """The logarithm of η."""
        sizes = math.log(self.n_w) + math.log(self.K) + math.log(self.L)
        return math.log(self.n_c / (self.n_c - 1)) - sizes / 2

    def __call__(self, t: float) -> float:
        """Return H(t).

        Raises:
            InputError: t < 0.
        """
        t = check_real("t", t, 0.0)
        return cross_entropy(self.distances, exp(self.log_eta) * t) + self.lambda_ * t

    def minimise(self) -> Theorem1:
        """Return the constants; see `constants`.

        Raises:
            InputError: λ = 0.
        """
        log_eta, law = self.log_eta, self.distances
        log_lambda = math.log(check_lambda(self.lambda_, positive=True))
        log_max = log_eta + log_slope(law, 0.0)
        log_s = -math.inf
        if log_lambda < log_max:
            log_s = log_root(lambda v: log_eta + log_slope(law, exp(v)) - log_lambda)
        log_tau, s = log_s - log_eta, exp(log_s)
        ce, penalty = cross_entropy(law, s), exp(log_tau + log_lambda)
        return Theorem1(
            eta=exp(log_eta),
            tau=exp(log_tau),
            c=exp((log_tau - math.log(self.n_w)) / 2),
            c_prime=exp((log_tau - math.log(self.K) - math.log(self.L)) / 2),
            risk=ce + penalty,
            cross_entropy=ce,
            penalty=penalty,
            lambda_max=exp(log_max),
            singular_value=exp((log_tau - math.log(self.n_c - 1)) / 2),
        )


def constants(n_c: int, n_w: int, L: int, K: int, lambda_: float, law: DistanceLaw | None = None) -> Theorem1:
    """Return the constants, for any sizes. O(1) with assumption A, O(L) with given spheres.

    The risk is accurate to about 1e-13 relative, the constants to 1e-15/(1 - λ/λ_max): near λ_max they fall
    to zero, and the last digit of λ moves them by that much.

    >>> found = constants(n_c=3, n_w=1200, L=15, K=1000, lambda_=1e-3)
    >>> round(found.c, 6), round(found.risk, 6)
    (1.422141, 2.956125)

    Args:
        n_c: number of concepts.
        n_w: number of words.
        L: sentence length.
        K: number of classes, any Python integer.
        lambda_: λ > 0.
        law: distances between the latents; assumption A where None.

    Raises:
        InputError: sizes out of range, n_w no multiple of n_c, λ ≤ 0.
    """
    return Objective(n_c, n_w, L, K, lambda_, law).minimise()
