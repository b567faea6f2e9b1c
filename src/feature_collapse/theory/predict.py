"""The one prediction engine: which theorems apply to a setting and why (not), constants, and minimal risks.

`predict` answers with every theorem, `reference` with the one that fits the setting. The words may have
decays a_β of their own, (λ/2)(Σ a_β ‖w_(α,β)‖² + ‖U‖²): theorem 2 and R5 take any a > 0, theorem 1 holds for
uniform words and a = 1, and for every word law where a_β ∝ μ_β (R8).
"""

from __future__ import annotations

from feature_collapse.errors import InputError, check_int, check_lambda, check_type
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, Normaliser
from feature_collapse.task.frequencies import Law, given
from feature_collapse.task.task import Task
from feature_collapse.theory.answers import (
    Setting,
    by_mean_field,
    by_theorem1,
    by_theorem2,
    by_theorem3,
    room,
)
from feature_collapse.theory.design import Design
from feature_collapse.theory.prediction import Prediction
from feature_collapse.theory.theorem2 import Norms, check_decay

NAMES = ("theorem1", "theorem2", "theorem3", "mean_field")


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
    check_lambda(lambda_, positive=True)
    at = _setting(source, lambda_, d, mu, decay, measure=True)
    if at.design.K < 2:
        alone = Prediction(
            False, f"K = {at.design.K}: with one class the risk is 0 for zero weights", {}, 0.0
        )
        return dict.fromkeys(NAMES, alone)
    return {
        "theorem1": by_theorem1(at),
        "theorem2": by_theorem2(at),
        "theorem3": by_theorem3(at, LayerNorm()),
        "mean_field": by_mean_field(at),
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
    check_lambda(lambda_)
    at = _setting(source, lambda_, d, mu, decay, measure=False)
    if lambda_ == 0.0 or at.design.K < 2:
        return Prediction(False, "there is no minimiser without a penalty (λ = 0), or with one class")
    if (radius := normaliser.radius(d)) is None and not isinstance(normaliser, NoNormaliser):
        return Prediction(False, f"nothing is known of the normaliser {normaliser.name!r}: it has no radius")
    if reason := room(at, normaliser):
        return Prediction(False, reason)
    if radius is not None:
        found = by_theorem3(at, normaliser)
    elif at.proportion is not None:
        found = by_theorem1(at)
    elif at.design.complete:
        found = by_theorem2(at)
    else:
        found = by_mean_field(at)
    return found if found.constants else Prediction(False, found.reason)


def _setting(
    source: Task | Design, lambda_: float, d: int, mu: Law | None, decay: Norms | None, *, measure: bool
) -> Setting:
    """Return the checked setting of a task, or of a design and its word law."""
    check_type("source", source, (Task, Design), "a Task or a Design (design_of makes one)")
    check_int("d", d, 1, 10**15)
    if isinstance(source, Task):
        if mu is not None:
            raise InputError("frequencies are given beside a task, which has its own")
        design, mu = Design.of(source, measure), source.mu
    elif mu is None:
        raise InputError("frequencies must be given beside a design")
    else:
        design, mu = source, given(mu)
    return Setting(design, mu, lambda_, d, check_decay(decay, len(mu)))
