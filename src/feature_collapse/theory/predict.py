"""All predictions for one setting: which theorems apply and why (not), their constants, and the risk they give."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from feature_collapse.errors import InputError, RunStopped, check_int, check_real
from feature_collapse.task.frequencies import Law, given, is_uniform
from feature_collapse.theory import mean_field, theorem1, theorem2, theorem3
from feature_collapse.theory.design import Design
from feature_collapse.theory.distance_law import log_share
from feature_collapse.theory.theorem2 import TypeThree

NAMES = ("theorem1", "theorem2", "theorem3", "mean_field")


@dataclass(frozen=True)
class Prediction:
    """What one theorem says.

    Attributes:
        applies: whether every hypothesis holds, so that the constants are exact.
        reason: why (not), in one sentence.
        constants: empty where the theorem says nothing; an approximation where it does not quite apply.
        risk: the minimal true risk, or None.
        converse: whether every minimiser has this form; None where it is not known.
    """

    applies: bool
    reason: str
    constants: dict[str, Any] = field(default_factory=dict)
    risk: float | None = None
    converse: bool | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "applies": self.applies,
            "reason": self.reason,
            "converse": self.converse,
            "constants": self.constants,
            "risk": self.risk,
        }


def predict(design: Design, n_w: int, mu: Law, lambda_: float, d: int) -> dict[str, Prediction]:
    """The predictions of theorems 1, 2, 3 and of the mean field (R5), keys `NAMES`.

    Args:
        design: facts about the latents.
        n_w: number of words.
        mu: (n_w/n_c,) word law.
        lambda_: λ > 0.
        d: embedding dimension.

    Raises:
        InputError: n_w no multiple of n_c, frequencies of the wrong length, λ ≤ 0, d < 1.
    """
    n_c = design.n_c
    check_int("n_w", n_w, n_c, 10**15)
    if n_w % n_c:
        raise InputError(f"n_w = {n_w}, but must be a multiple of n_c = {n_c}")
    mu = given(mu, n_w // n_c)
    check_real("lambda", lambda_, 0.0, above=True)
    check_int("d", d, 1, 10**15)
    if design.K < 2:
        alone = Prediction(False, f"K = {design.K}: with one class the risk is 0 for zero weights", {}, 0.0)
        return dict.fromkeys(NAMES, alone)
    return {
        "theorem1": _theorem1(design, n_w, is_uniform(mu), lambda_, d),
        "theorem2": _theorem2(design, mu, lambda_, d),
        "theorem3": _theorem3(design, n_w, lambda_, d),
        "mean_field": _mean_field(design, mu, lambda_, d),
    }


def _theorem1(design: Design, n_w: int, uniform: bool, lambda_: float, d: int) -> Prediction:
    if not uniform:
        return Prediction(
            False, "the words are not uniform: no type-I configuration is critical (see theorem2, mean_field)"
        )
    found = theorem1.solve(design.n_c, n_w, design.L, design.K, lambda_, design.law)
    constants = {
        "eta": found.eta,
        "tau": found.tau,
        "c": found.c,
        "c_prime": found.c_prime,
        "cross_entropy": found.cross_entropy,
        "penalty": found.penalty,
        "lambda_max": found.lambda_max,
        "trivial": found.trivial,
        "embedding_norm": found.c,
        "linear_norm": found.c_prime,
        "singular_values_W": _repeat(found.singular_value, design.n_c),
        "singular_values_U": _repeat(found.singular_value, design.n_c),
    }
    reason = _room(design.n_c - 1, d, "equiangular") if not found.trivial else ""
    reason = reason or design.why_not_symmetric()
    if reason:
        return Prediction(False, reason + "; the constants are those of assumption A", constants, found.risk)
    form = (
        "type-I collapse"
        if not found.trivial
        else f"λ ≥ lambda_max = {found.lambda_max:.6g}, zero weights are the global minimiser"
    )
    if found.trivial:
        return Prediction(True, form, constants, found.risk, True)
    return Prediction(
        True,
        f"uniform words, {_symmetry(design)}, d ≥ n_c - 1: {form} is a global minimiser",
        constants,
        found.risk,
        design.assumption_b,
    )


def _theorem2(design: Design, mu: Law, lambda_: float, d: int) -> Prediction:
    if not design.complete:
        return Prediction(
            False,
            f"K = {_count(design.K)}, but theorem 2 needs all n_c^L latents, each once (see mean_field)",
        )
    found = theorem2.solve(design.n_c, design.L, mu, lambda_)
    if found.trivial:
        reason = (
            f"condition (9) fails: λ ≥ lambda_max = {found.lambda_max:.6g}; zero is a global minimiser (R1)"
        )
        return Prediction(False, reason, _type_three(found, design.n_c), found.risk)
    if reason := _room(design.n_c - 1, d, "equiangular"):
        return Prediction(False, reason, _type_three(found, design.n_c), found.risk)
    return Prediction(
        True,
        "all latents and condition (9): type-III collapse is critical, and a global minimiser (R1)",
        _type_three(found, design.n_c),
        found.risk,
    )


def _theorem3(design: Design, n_w: int, lambda_: float, d: int) -> Prediction:
    if reason := _room(design.n_c, d, "mean-zero equiangular"):
        return Prediction(False, reason)
    found = theorem3.solve(design.n_c, design.L, design.K, d, lambda_, design.law)
    constants = {
        "eta": found.eta,
        "tau": found.tau,
        "c": found.c,
        "cross_entropy": found.cross_entropy,
        "penalty": found.penalty,
        "feature_norm": math.sqrt(d),
        "linear_norm": found.c,
        "singular_values_W": _repeat(math.sqrt(d * n_w / (design.n_c - 1)), design.n_c),
        "singular_values_U": _repeat(found.singular_value_U, design.n_c),
    }
    if reason := design.why_not_symmetric():
        return Prediction(False, reason + "; the constants are those of assumption A", constants, found.risk)
    return Prediction(
        True,
        f"{_symmetry(design)}, d ≥ n_c: type-II collapse is a global minimiser under LayerNorm (ε = 0)",
        constants,
        found.risk,
        design.assumption_b,
    )


def _mean_field(design: Design, mu: Law, lambda_: float, d: int) -> Prediction:
    n_c, L, K = design.n_c, design.L, design.K
    if reason := _room(n_c - 1, d, "equiangular"):
        return Prediction(False, reason)
    if log_share(n_c, L, K) > 0:
        return Prediction(False, f"K = {_count(K)} exceeds n_c^L = {n_c}^{L}, so latents repeat")
    if design.name not in ("random", "distinct", "given") and not design.complete:
        return Prediction(False, "the latents are a code, not random")
    try:
        found = mean_field.solve(n_c, L, K, mu, lambda_)
    except (InputError, RunStopped) as error:  # beyond its range of sizes, or of precision
        return Prediction(False, str(error))
    exact = design.complete
    reason = (
        "all latents: equal to theorem 2"
        if exact
        else "an approximation for random latents on type-III weights"
    )
    return Prediction(True, reason, _type_three(found, n_c), found.risk)


def _type_three(found: TypeThree, n_c: int) -> dict[str, Any]:
    values = _repeat(found.singular_value, n_c)
    return {
        "c": found.c,
        "r": found.r.tolist(),
        "cross_entropy": found.cross_entropy,
        "penalty": found.penalty,
        "lambda_max": found.lambda_max,
        "trivial": found.trivial,
        "embedding_norm": float(found.r.mean()),
        "linear_norm": found.c,
        "singular_values_W": values,
        "singular_values_U": values,
    }


def _repeat(value: float, n_c: int) -> list[float]:
    return [value] * (n_c - 1)


def _room(smallest: int, d: int, kind: str) -> str:
    return "" if d >= smallest else f"d = {d}, but {kind} vectors need d ≥ {smallest}"


def _symmetry(design: Design) -> str:
    return "all n_c^L latents" if design.complete else "properties (i)-(iii) of lemma B hold exactly (R4)"


def _count(K: int) -> str:
    return str(K) if K < 10**12 else f"10^{math.log10(K):.5g}"
