"""The one prediction engine: which theorems apply to a setting and why (not), constants, and minimal risks.

`predict` answers with every theorem, `reference` with the one that fits the setting. The words may have
decays a_β of their own, (λ/2)(Σ a_β ‖w_(α,β)‖² + ‖U‖²): theorem 2 and R5 take any a > 0, theorem 1 holds for
uniform words and a = 1, and for every word law where a_β = s_c μ_β (R8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from feature_collapse.errors import InputError, RunStopped, check_int, check_real
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, Normaliser
from feature_collapse.task.frequencies import Law, given, is_uniform
from feature_collapse.task.task import Task
from feature_collapse.theory import mean_field, theorem1, theorem2, theorem3
from feature_collapse.theory.design import Design
from feature_collapse.theory.distance_law import log_share
from feature_collapse.theory.theorem2 import Norms, TypeThree, check_decay

NAMES = ("theorem1", "theorem2", "theorem3", "mean_field")
ONE, TWO, THREE, FIVE = "theorem 1", "theorem 2", "theorem 3", "R5 (mean field)"

Value = float | list[float]


@dataclass(frozen=True)
class Prediction:
    """What one theorem says of a setting.

    Attributes:
        applies: whether every hypothesis of the theorem (of the approximation R5) holds.
        reason: why (not), in one sentence.
        constants: empty where the theorem says nothing; an approximation where it does not quite apply.
        risk: the minimal true risk, or None.
        converse: whether every minimiser has this form; None where it is not known.
        exact: whether the risk is the minimum and the constants are those of a minimiser, by proof.
        theorem: `theorem 1`, `theorem 2`, `theorem 3`, `R5 (mean field)`, or `none`.
        r: (s_c,) predicted norm of the features of each word of a concept, or None.

    >>> import feature_collapse as fc
    >>> print(fc.predict(fc.make_task(n_w=6, L=2, design="all"), lambda_=1e-3, d=10)["theorem1"].theorem)
    theorem 1
    """

    applies: bool
    reason: str
    constants: dict[str, Any] = field(default_factory=dict)
    risk: float | None = None
    converse: bool | None = None
    exact: bool = False
    theorem: str = "none"
    r: Norms | None = None

    def values(self) -> dict[str, Value]:
        """Return the predictions under the keys of a record's summary; empty where there are none."""
        if self.risk is None or self.r is None:
            return {}
        return {
            "risk": self.risk,
            "train_ce": self.constants["cross_entropy"],
            "penalty": self.constants["penalty"],
            "norm_W_mean": float(self.r.mean()),
            "norm_W_std": float(self.r.std()) if np.ptp(self.r) > 0 else 0.0,
            "norm_U_mean": self.constants["linear_norm"],
            "norm_U_std": 0.0,
            "singular_values_W": self.constants["singular_values_W"],
            "singular_values_U": self.constants["singular_values_U"],
        }

    def summary(self) -> dict[str, Any]:
        """Return the name of the theorem and its `values`: what a record stores as its prediction."""
        return {"theorem": self.theorem, **self.values()}

    def to_dict(self) -> dict[str, Any]:
        """Return the answer of one theorem, for JSON."""
        return {
            "applies": self.applies,
            "exact": self.exact,
            "reason": self.reason,
            "converse": self.converse,
            "constants": self.constants,
            "risk": self.risk,
        }

    def __str__(self) -> str:
        """Return the answer in one line."""
        risk = "" if self.risk is None else f": minimal risk {self.risk:.8g}"
        return f"{self.theorem} {'applies' if self.applies else 'does not apply'}{risk} ({self.reason})"


@dataclass(frozen=True, eq=False)
class _Setting:
    """What the theorems need to know; made once for each question."""

    design: Design
    mu: Law
    lambda_: float
    d: int
    decay: Norms | None

    @property
    def uniform(self) -> bool:
        """Whether theorem 1 is about these words: uniform, or with decay in proportion to frequency."""
        if self.decay is None:
            return is_uniform(self.mu)
        return is_proportional(self.decay, self.mu)


def predict(
    source: Task | Design,
    lambda_: float = 1e-3,
    d: int = 100,
    *,
    mu: Law | None = None,
    decay: Norms | None = None,
) -> dict[str, Prediction]:
    """Return the predictions of theorems 1, 2, 3 (under LayerNorm) and of the mean field (R5), keys `NAMES`.

    Well under 1 s for a design; the symmetry of a task's latents is measured, O(K² L² n_c).

    >>> from feature_collapse.task import make_task
    >>> found = predict(make_task(n_w=12, L=3, design="all"))["theorem1"]
    >>> found.applies, round(found.risk, 8), round(found.constants["c"], 6)
    (True, 0.13846353, 3.130583)

    Args:
        source: a task, or facts about latents.
        lambda_: λ > 0.
        d: embedding dimension.
        mu: (s_c,) word law beside a design; a task has its own.
        decay: (s_c,) a_β > 0; None for 1 each, the paper's. Without a meaning under a normaliser.

    Raises:
        InputError: λ ≤ 0, d < 1, decays that are not positive, frequencies that are missing, not positive, or
            given beside a task.
    """
    check_real("lambda", lambda_, 0.0, above=True)
    at = _setting(source, lambda_, d, mu, decay, measure=True)
    if at.design.K < 2:
        alone = Prediction(
            False, f"K = {at.design.K}: with one class the risk is 0 for zero weights", {}, 0.0
        )
        return dict.fromkeys(NAMES, alone)
    return {
        "theorem1": _theorem1(at),
        "theorem2": _theorem2(at),
        "theorem3": _theorem3(at, LayerNorm()),
        "mean_field": _mean_field(at),
    }


def reference(
    source: Task | Design,
    lambda_: float,
    d: int,
    normaliser: Normaliser | None = None,
    *,
    mu: Law | None = None,
    decay: Norms | None = None,
) -> Prediction:
    """Return the prediction that fits a setting: theorem 1, 2 or 3, or the mean field for long-tailed words.

    Theorem `none` where there is none: λ = 0, one class, d too small, or repeated latents with words that are
    not uniform. The symmetry of a task's latents is not measured: give `Design.of(task)` to know whether the
    prediction is exact, and for the constants of a code (R4). Well under 1 s.

    Args:
        source: a task, or facts about latents.
        lambda_: λ ≥ 0.
        d: embedding dimension.
        normaliser: none for the network h.
        mu: (s_c,) word law beside a design; a task has its own.
        decay: (s_c,) a_β > 0; None for 1 each.

    Raises:
        InputError: as `predict`.
    """
    normaliser = NoNormaliser() if normaliser is None else normaliser
    check_real("lambda", lambda_, 0.0)
    at = _setting(source, lambda_, d, mu, decay, measure=False)
    if lambda_ == 0.0 or at.design.K < 2:
        return Prediction(False, "there is no minimiser without a penalty (λ = 0), or with one class")
    if reason := _room(at, normaliser):
        return Prediction(False, reason)
    if normaliser.radius(d) is not None:
        found = _theorem3(at, normaliser)
    elif at.uniform:
        found = _theorem1(at)
    elif at.design.complete:
        found = _theorem2(at)
    else:
        found = _mean_field(at)
    return found if found.constants else Prediction(False, found.reason)


def is_proportional(decay: Norms, mu: Law) -> bool:
    """Return whether a_β = s_c μ_β to rounding (1e-9 relative): the decay of R8."""
    return bool(np.abs(decay / (len(mu) * mu) - 1).max() <= 1e-9)


def _setting(
    source: Task | Design, lambda_: float, d: int, mu: Law | None, decay: Norms | None, *, measure: bool
) -> _Setting:
    """Return the checked setting of a task, or of a design and its word law."""
    check_int("d", d, 1, 10**15)
    if isinstance(source, Task):
        if mu is not None:
            raise InputError("frequencies are given beside a task, which has its own")
        design, mu = Design.of(source, measure), source.mu
    elif mu is None:
        raise InputError("frequencies must be given beside a design")
    else:
        design, mu = source, given(mu)
    return _Setting(design, mu, lambda_, d, check_decay(decay, len(mu)))


def _theorem1(at: _Setting) -> Prediction:
    design, mu = at.design, at.mu
    if not at.uniform:
        reason = "the words are not uniform: no type-I configuration is critical (see theorem2, mean_field)"
        if at.decay is not None:
            reason = "the decay is not in proportion to frequency: no type-I configuration is critical"
        return Prediction(False, reason, theorem=ONE)
    found = theorem1.constants(design.n_c, design.n_c * len(mu), design.L, design.K, at.lambda_, design.law)
    r = np.full(len(mu), found.c)
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
    room = "" if found.trivial else _room(at)
    if reason := _why_not(design, room):
        return Prediction(False, reason, constants, found.risk, theorem=ONE, r=r)
    if found.trivial:
        reason = f"λ ≥ lambda_max = {found.lambda_max:.6g}, zero weights are the global minimiser"
        return Prediction(True, reason, constants, found.risk, True, True, ONE, r)
    words = "uniform words" if at.decay is None else "decay in proportion to frequency (R8)"
    reason = f"{words}, {_symmetry(design)}, d ≥ n_c - 1: type-I collapse is a global minimiser"
    return Prediction(True, reason, constants, found.risk, design.assumption_b, True, ONE, r)


def _theorem2(at: _Setting) -> Prediction:
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
    if reason := _room(at):
        return Prediction(False, reason, constants, found.risk, theorem=TWO, r=found.r)
    reason = "all latents and condition (9): type-III collapse is critical, and a global minimiser (R1)"
    return Prediction(True, reason, constants, found.risk, exact=True, theorem=TWO, r=found.r)


def _theorem3(at: _Setting, normaliser: Normaliser) -> Prediction:
    design, radius, s_c = at.design, normaliser.radius(at.d), len(at.mu)
    assert radius is not None
    if reason := _room(at, normaliser):
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
    room = "n_c" if normaliser.centred else "n_c - 1"
    reason = f"{_symmetry(design)}, d ≥ {room}: type-II collapse is a global minimiser under {name} (ε = 0)"
    return Prediction(True, reason, constants, found.risk, design.assumption_b, True, THREE, r)


def _mean_field(at: _Setting) -> Prediction:
    design = at.design
    n_c, L, K = design.n_c, design.L, design.K
    if reason := _room(at):
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


def _room(at: _Setting, normaliser: Normaliser | None = None) -> str:
    """Return why d is too small for the frame, empty where it is not."""
    centred = normaliser is not None and normaliser.centred
    smallest = at.design.n_c if centred else at.design.n_c - 1
    kind = "mean-zero equiangular" if centred else "equiangular"
    return "" if at.d >= smallest else f"d = {at.d}, but {kind} vectors need d ≥ {smallest}"


def _why_not(design: Design, room: str) -> str:
    """Return why theorems 1 and 3 are not exact here, and whose constants are given; empty where they are."""
    if reason := design.why_not_symmetric():
        return f"{reason}; the constants are those of assumption A"
    return f"{room}; the constants are those of larger d" if room else ""


def _symmetry(design: Design) -> str:
    return "all n_c^L latents" if design.complete else "properties (i)-(iii) of lemma B hold exactly (R4)"


def _count(K: int) -> str:
    return str(K) if K < 10**12 else f"10^{math.log10(K):.5g}"
