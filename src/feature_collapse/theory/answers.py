"""What each theorem says of a setting: the reasons, constants and risks that `predict` collects."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_collapse.errors import InputError, RunStopped
from feature_collapse.model.normalisers import Normaliser
from feature_collapse.task.frequencies import Law, is_uniform
from feature_collapse.theory import mean_field, theorem1, theorem2, theorem3
from feature_collapse.theory.design import Design
from feature_collapse.theory.distance_law import log_share
from feature_collapse.theory.prediction import FIVE, ONE, THREE, TWO, Prediction
from feature_collapse.theory.theorem2 import Norms, TypeThree


@dataclass(frozen=True, eq=False)
class Setting:
    """What the theorems need to know; made once for each question.

    Attributes:
        design: facts about the latents.
        mu: (s_c,) word law.
        lambda_: λ > 0.
        d: embedding dimension.
        decay: (s_c,) a_β > 0; None for 1 each.
    """

    design: Design
    mu: Law
    lambda_: float
    d: int
    decay: Norms | None

    @property
    def proportion(self) -> float | None:
        """A/s_c where theorem 1 is about these words (1 for uniform words without a decay); else None."""
        if self.decay is None:
            return 1.0 if is_uniform(self.mu) else None
        return proportion(self.decay, self.mu)


def proportion(decay: Norms, mu: Law) -> float | None:
    """Return A/s_c, A = Σ a_β, where a_β ∝ μ_β to rounding (1e-9 relative), the decay of R8; else None."""
    rate = decay / mu
    if np.ptp(rate) > 1e-9 * rate.max():
        return None
    found = float(decay.sum()) / len(mu)
    return 1.0 if abs(found - 1.0) <= 1e-9 else found


def by_theorem1(at: Setting) -> Prediction:
    """Return theorem 1's answer, R8's where the decay is in proportion to frequency."""
    design, mu = at.design, at.mu
    if at.proportion is None:
        reason = "the words are not uniform: no type-I configuration is critical (see theorem2, mean_field)"
        if at.decay is not None:
            reason = "the decay is not in proportion to frequency: no type-I configuration is critical"
        return Prediction(False, reason, theorem=ONE)
    # R8: with a = (A/s_c) s_c μ the words times (A/s_c)^(1/4), and U over it, have plain decay λ √(A/s_c)
    rate, scale = math.sqrt(at.proportion), at.proportion**0.25
    lambda_ = at.lambda_ * rate
    found = theorem1.constants(design.n_c, design.n_c * len(mu), design.L, design.K, lambda_, design.law)
    r = np.full(len(mu), found.c / scale)
    constants = {
        "eta": found.eta,
        "tau": found.tau,
        "c": found.c / scale,
        "c_prime": found.c_prime * scale,
        "cross_entropy": found.cross_entropy,
        "penalty": found.penalty,
        "lambda_max": found.lambda_max / rate,
        "trivial": found.trivial,
        "embedding_norm": found.c / scale,
        "linear_norm": found.c_prime * scale,
        "singular_values_W": _repeat(found.singular_value / scale, design.n_c),
        "singular_values_U": _repeat(found.singular_value * scale, design.n_c),
    }
    small = "" if found.trivial else room(at)
    if reason := _why_not(design, small):
        return Prediction(False, reason, constants, found.risk, theorem=ONE, r=r)
    if found.trivial:
        reason = f"λ ≥ lambda_max = {found.lambda_max / rate:.6g}, zero weights are the global minimiser"
        return Prediction(True, reason, constants, found.risk, True, True, ONE, r)
    words = "uniform words" if at.decay is None else "decay in proportion to frequency (R8)"
    reason = f"{words}, {_symmetry(design)}, d ≥ n_c - 1: type-I collapse is a global minimiser"
    return Prediction(True, reason, constants, found.risk, design.assumption_b, True, ONE, r)


def by_theorem2(at: Setting) -> Prediction:
    """Return theorem 2's answer, with R1."""
    design = at.design
    if not design.complete:
        reason = f"K = {_count(design.K)}, but theorem 2 needs all n_c^L latents, each once (see mean_field)"
        return Prediction(False, reason, theorem=TWO)
    found = theorem2.constants(design.n_c, design.L, at.mu, at.lambda_, at.decay)
    constants = _type_three(found, design.n_c)
    if found.trivial:
        reason = (
            f"condition (9) fails: λ ≥ lambda_max = {found.lambda_max:.6g}; zero is a global minimiser (R1)"
        )
        return Prediction(False, reason, constants, found.risk, exact=True, theorem=TWO, r=found.r)
    if reason := room(at):
        return Prediction(False, reason, constants, found.risk, theorem=TWO, r=found.r)
    reason = "all latents and condition (9): type-III collapse is critical, and a global minimiser (R1)"
    return Prediction(True, reason, constants, found.risk, exact=True, theorem=TWO, r=found.r)


def by_theorem3(at: Setting, normaliser: Normaliser) -> Prediction:
    """Return theorem 3's answer under a normaliser of fixed norm."""
    design, radius, s_c = at.design, normaliser.radius(at.d), len(at.mu)
    assert radius is not None
    if reason := room(at, normaliser):
        return Prediction(False, reason, theorem=THREE)
    H = theorem3.Objective(design.n_c, design.L, design.K, at.d, at.lambda_, design.law, normaliser)
    found, n_w, r = H.minimise(), design.n_c * s_c, np.full(s_c, radius)
    constants = {
        "eta": found.eta,
        "tau": found.tau,
        "c": found.c,
        "cross_entropy": found.cross_entropy,
        "penalty": found.penalty,
        "feature_norm": radius,
        "linear_norm": found.c,
        "singular_values_W": _repeat(radius * math.sqrt(n_w / (design.n_c - 1)), design.n_c),
        "singular_values_U": _repeat(found.singular_value_U, design.n_c),
    }
    if reason := _why_not(design, ""):
        return Prediction(False, reason, constants, found.risk, theorem=THREE, r=r)
    name = "LayerNorm" if normaliser.name == "layernorm" else normaliser.name
    least = "n_c" if normaliser.centred else "n_c - 1"
    reason = f"{_symmetry(design)}, d ≥ {least}: type-II collapse is a global minimiser under {name} (ε = 0)"
    return Prediction(True, reason, constants, found.risk, design.assumption_b, True, THREE, r)


def by_mean_field(at: Setting) -> Prediction:
    """Return R5's answer."""
    design = at.design
    n_c, L, K = design.n_c, design.L, design.K
    if reason := room(at):
        return Prediction(False, reason, theorem=FIVE)
    if log_share(n_c, L, K) > 0:
        reason = f"K = {_count(K)} exceeds n_c^L = {n_c}^{L}, so latents repeat"
        return Prediction(False, reason, theorem=FIVE)
    if design.name not in ("random", "distinct", "given") and not design.complete:
        return Prediction(False, "the latents are a code, not random", theorem=FIVE)
    try:
        field_ = mean_field.MeanField(n_c, L, K, at.mu, at.lambda_, at.decay, design.name == "distinct")
        found = field_.solve()
    except (InputError, RunStopped) as error:  # beyond its range of sizes, or of precision
        return Prediction(False, str(error), theorem=FIVE)
    reason = (
        "all latents: equal to theorem 2"
        if design.complete
        else "an approximation for random latents on type-III weights"
    )
    constants = _type_three(found, n_c)
    return Prediction(True, reason, constants, found.risk, exact=design.complete, theorem=FIVE, r=found.r)


def _type_three(found: TypeThree, n_c: int) -> dict[str, Any]:
    return {
        "c": found.c,
        "r": found.r.tolist(),
        "cross_entropy": found.cross_entropy,
        "penalty": found.penalty,
        "lambda_max": found.lambda_max,
        "trivial": found.trivial,
        "embedding_norm": float(found.r.mean()),
        "linear_norm": found.c,
        "singular_values_W": _repeat(found.singular_value_W, n_c),
        "singular_values_U": _repeat(found.singular_value_U, n_c),
    }


def _repeat(value: float, n_c: int) -> list[float]:
    return [value] * (n_c - 1)


def room(at: Setting, normaliser: Normaliser | None = None) -> str:
    """Return why d is too small for the frame, empty where it is not."""
    centred = normaliser is not None and normaliser.centred
    smallest = at.design.n_c if centred else at.design.n_c - 1
    kind = "mean-zero equiangular" if centred else "equiangular"
    return "" if at.d >= smallest else f"d = {at.d}, but {kind} vectors need d ≥ {smallest}"


def _why_not(design: Design, small: str) -> str:
    """Return why theorems 1 and 3 are not exact here, and whose constants are given; empty where they are."""
    if reason := design.why_not_symmetric():
        return f"{reason}; the constants are those of assumption A"
    return f"{small}; the constants are those of larger d" if small else ""


def _symmetry(design: Design) -> str:
    return "all n_c^L latents" if design.complete else "properties (i)-(iii) of lemma B hold exactly (R4)"


def _count(K: int) -> str:
    return str(K) if K < 10**12 else f"10^{math.log10(K):.5g}"
