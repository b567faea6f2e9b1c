"""Theorem 3: under LayerNorm type-II collapse minimises the true risk (10) of the network h*, for any word law.

    H*(t) = log(1 + X(η* t)) + (λ/2) t²,    η* = n_c/(n_c - 1) · √(d/(K L)),    τ = argmin over t ≥ 0
    φ(w_(α,β)) = √d f_α,   u_{k,ℓ} = c f_{z_{k,ℓ}},   c = τ/√(K L),   min risk = H*(τ)

X as in theorem 1. The frame is mean-zero, so d ≥ n_c. Zero is never the minimiser: H* falls at 0 for every λ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from feature_collapse.errors import check_int, check_real
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


def solve(
    n_c: int,
    L: int,
    K: int,
    d: int,
    lambda_: float,
    law: DistanceLaw | None = None,
    radius: float | None = None,
) -> Theorem3:
    """The constants, to about 1e-13 relative for any sizes.

    Args:
        n_c: number of concepts.
        L: sentence length.
        K: number of classes, any Python integer.
        d: embedding dimension, ≥ n_c.
        lambda_: λ > 0.
        law: distances between the latents; assumption A where None.
        radius: ‖φ(v)‖ where it is not LayerNorm's √d (then d ≥ n_c - 1 is enough).

    Raises:
        InputError: sizes out of range, λ ≤ 0, radius ≤ 0.
    """
    log_eta, law = _checked(n_c, L, K, d, law, radius)
    log_lambda = math.log(check_real("lambda", lambda_, 0.0, above=True))
    log_s = log_root(lambda v: 2 * log_eta + log_slope(law, exp(v)) - log_lambda - v, lowest=-1e6)
    log_tau = log_s - log_eta
    ce, penalty = cross_entropy(law, exp(log_s)), exp(log_lambda + 2 * log_tau) / 2
    return Theorem3(
        eta=exp(log_eta),
        tau=exp(log_tau),
        c=exp(log_tau - (math.log(K) + math.log(L)) / 2),
        risk=ce + penalty,
        cross_entropy=ce,
        penalty=penalty,
        singular_value_U=exp(log_tau - math.log(n_c - 1) / 2),
    )


def objective(
    t: float,
    n_c: int,
    L: int,
    K: int,
    d: int,
    lambda_: float,
    law: DistanceLaw | None = None,
    radius: float | None = None,
) -> float:
    """H*(t): the risk (10) of type-II weights with c = t/√(K L), for any t ≥ 0 (lemma R).

    Raises:
        InputError: sizes out of range, t < 0 or λ < 0.
    """
    log_eta, law = _checked(n_c, L, K, d, law, radius)
    t = check_real("t", t, 0.0)
    return cross_entropy(law, exp(log_eta) * t) + check_real("lambda", lambda_, 0.0) / 2 * t * t


def _checked(
    n_c: int, L: int, K: int, d: int, law: DistanceLaw | None, radius: float | None
) -> tuple[float, DistanceLaw]:
    n_c, L, K = check_sizes(n_c, L, K)
    d = check_int("d", d, n_c if radius is None else n_c - 1, 10**15)
    log_radius = (
        math.log(d) / 2 if radius is None else math.log(check_real("radius", radius, 0.0, above=True))
    )
    log_eta = math.log(n_c / (n_c - 1)) + log_radius - (math.log(K) + math.log(L)) / 2
    return log_eta, AssumptionA(n_c, L, K) if law is None else law
