"""Theorem 3: under LayerNorm type-II collapse minimises the true risk (10) of h*, for any word law.

    H*(t) = log(1 + X(η* t)) + (λ/2) t²,    η* = n_c/(n_c - 1) · √(d/(K L)),    τ = argmin over t ≥ 0
    φ(w_(α,β)) = √d f_α,   u_{k,ℓ} = c f_{z_{k,ℓ}},   c = τ/√(K L),   min risk = H*(τ)

X as in theorem 1. The frame is mean-zero, so d ≥ n_c. Zero is never the minimiser: H* falls at 0 for every λ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from feature_collapse.errors import InputError, check_int, check_lambda, check_real
from feature_collapse.model.normalisers import LayerNorm, Normaliser
from feature_collapse.theory.distance_law import (
    AssumptionA,
    DistanceLaw,
    check_sizes,
    cross_entropy,
    log_slope,
)
from feature_collapse.theory.roots import exp, log_root


@dataclass(frozen=True)
class Theorem3:
    """The constants of theorem 3.

    Attributes:
        eta: η*.
        tau: τ = ‖U‖.
        c: ‖u_{k,ℓ}‖.
        risk: H*(τ), the minimum of (10).
        cross_entropy: its part log(1 + X(η* τ)).
        penalty: its part (λ/2) τ².
        singular_value_U: of Û, n_c - 1 times; the others are 0.
    """

    eta: float
    tau: float
    c: float
    risk: float
    cross_entropy: float
    penalty: float
    singular_value_U: float


@dataclass(frozen=True)
class Objective:
    """H*(t): the risk (10) of type-II weights with c = t/√(K L), for any t ≥ 0 (lemma R).

    Attributes:
        n_c, L: concepts, sentence length.
        K: number of classes, any Python integer.
        d: embedding dimension, ≥ n_c where the normaliser centres, else ≥ n_c - 1.
        lambda_: λ ≥ 0.
        law: distances between the latents; assumption A where None is given.
        normaliser: φ, of a fixed norm.

    Raises:
        InputError: sizes out of range, λ < 0, or a normaliser that fixes no norm.
    """

    n_c: int
    L: int
    K: int
    d: int
    lambda_: float
    law: DistanceLaw | None = None
    normaliser: Normaliser = field(default_factory=LayerNorm)

    def __post_init__(self) -> None:
        """Check the sizes."""
        n_c, _, _ = check_sizes(self.n_c, self.L, self.K)
        check_int("d", self.d, n_c if self.normaliser.centred else n_c - 1, 10**15)
        check_lambda(self.lambda_)
        if self.normaliser.radius(self.d) is None:
            raise InputError(
                f"normaliser {self.normaliser.name!r} fixes no norm, but theorem 3 needs a fixed one"
            )

    @property
    def distances(self) -> DistanceLaw:
        """The law of the distances, assumption A where none was given."""
        return AssumptionA(self.n_c, self.L, self.K) if self.law is None else self.law

    @property
    def log_eta(self) -> float:
        """The logarithm of η*, with ‖φ(v)‖ for √d."""
        radius = self.normaliser.radius(self.d)
        assert radius is not None
        return (
            math.log(self.n_c / (self.n_c - 1)) + math.log(radius) - (math.log(self.K) + math.log(self.L)) / 2
        )

    def __call__(self, t: float) -> float:
        """Return H*(t).

        Raises:
            InputError: t < 0.
        """
        t = check_real("t", t, 0.0)
        return cross_entropy(self.distances, exp(self.log_eta) * t) + self.lambda_ / 2 * t * t

    def minimise(self) -> Theorem3:
        """Return the constants; see `constants`.

        Raises:
            InputError: λ = 0.
        """
        log_eta, law = self.log_eta, self.distances
        log_lambda = math.log(check_lambda(self.lambda_, positive=True))
        log_s = log_root(lambda v: 2 * log_eta + log_slope(law, exp(v)) - log_lambda - v, lowest=-1e6)
        log_tau = log_s - log_eta
        ce, penalty = cross_entropy(law, exp(log_s)), exp(log_lambda + 2 * log_tau) / 2
        return Theorem3(
            eta=exp(log_eta),
            tau=exp(log_tau),
            c=exp(log_tau - (math.log(self.K) + math.log(self.L)) / 2),
            risk=ce + penalty,
            cross_entropy=ce,
            penalty=penalty,
            singular_value_U=exp(log_tau - math.log(self.n_c - 1) / 2),
        )


def constants(n_c: int, L: int, K: int, d: int, lambda_: float, law: DistanceLaw | None = None) -> Theorem3:
    """Return the constants under LayerNorm, to about 1e-13 relative for any sizes; `Objective` takes others.

    >>> round(constants(n_c=3, L=15, K=1000, d=100, lambda_=1e-3).risk, 7)
    0.0920594

    Args:
        n_c: number of concepts.
        L: sentence length.
        K: number of classes, any Python integer.
        d: embedding dimension, ≥ n_c.
        lambda_: λ > 0.
        law: distances between the latents; assumption A where None.

    Raises:
        InputError: sizes out of range, λ ≤ 0.
    """
    return Objective(n_c, L, K, d, lambda_, law).minimise()
