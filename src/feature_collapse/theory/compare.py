"""Weights against the theory: predicted, measured, relative error, collapse type, symmetry of the latents.

The theory is about the true risk with exact normalisation (ε = 0); what was trained on finite data, or with
ε > 0, agrees up to those differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_collapse.arrays import as_array
from feature_collapse.blas import one_blas_thread
from feature_collapse.errors import InputError, check_real, check_type
from feature_collapse.model.geometry import TOLERANCE
from feature_collapse.model.weights import Weights
from feature_collapse.task.assumption_b import AssumptionB
from feature_collapse.task.symmetry import Symmetry
from feature_collapse.task.task import Task
from feature_collapse.theory.classify import Verdict, classify
from feature_collapse.theory.design import MANY_CONCEPTS, Design
from feature_collapse.theory.predict import reference
from feature_collapse.theory.prediction import FIVE, TWO, Prediction, Value
from feature_collapse.theory.theorem2 import Norms

_AFFORDABLE = 1e12  # K² L² n_c: beyond it the symmetry is not measured


@dataclass(frozen=True)
class Agreement:
    """One quantity; the relative error is |measured - predicted|/|predicted|, of norms where it is a list."""

    quantity: str
    predicted: Value
    measured: Value
    relative_error: float

    def to_dict(self) -> dict[str, Any]:
        """Return the four entries, for JSON; an error that is no number (predicted 0) as None."""
        return {
            "quantity": self.quantity,
            "predicted": self.predicted,
            "measured": self.measured,
            "relative_error": self.relative_error if math.isfinite(self.relative_error) else None,
        }


@dataclass(frozen=True, eq=False)
class Comparison:
    """Weights against the theory.

    Attributes:
        prediction: the theorem that fits the setting.
        exact: whether it is exact for this setting: all hypotheses hold, ε = 0 among them.
        rows: the quantities that are both predicted and measured.
        verdict: the collapse type.
        symmetry: residuals of assumption A and lemma B; None where too costly (K² L² n_c > 10^12).
        assumption_b: likewise.
    """

    prediction: Prediction
    exact: bool
    rows: list[Agreement]
    verdict: Verdict
    symmetry: Symmetry | None
    assumption_b: AssumptionB | None

    @property
    def note(self) -> str:
        """One sentence on the hypotheses."""
        if self.prediction.exact and not self.exact:
            return f"exact only for ε = 0: {self.prediction.reason}"
        return self.prediction.reason

    def to_dict(self) -> dict[str, Any]:
        """Return everything, for JSON."""
        return {
            "theorem": self.prediction.theorem,
            "exact": self.exact,
            "note": self.note,
            "rows": [row.to_dict() for row in self.rows],
            **self.verdict.to_dict(),
            "symmetry": None if self.symmetry is None else _residuals(self.symmetry),
            "assumption_b": None if self.assumption_b is None else self.assumption_b.holds,
        }

    def __str__(self) -> str:
        """Return theorem, rows, verdict and symmetry, a line each."""
        rows = (
            f"  {row.quantity:18} predicted {_short(row.predicted)}, measured {_short(row.measured)}"
            for row in self.rows
        )
        return "\n".join(
            [f"{self.prediction.theorem} ({self.note})", *rows, str(self.verdict), self.symmetry_text()]
        )

    def symmetry_text(self) -> str:
        """Return the symmetry of the latents in one line."""
        found = self.symmetry
        if found is None:
            return "symmetry of the latents: not measured, too many classes"
        b = self.assumption_b
        decided = "not decided, too many concepts" if b is None else "holds" if b.holds else "fails"
        return (
            f"symmetry of the latents: assumption A off by {found.residual_a:.4f}; lemma B (i) "
            f"{found.residual_i:.4f}, (ii) {found.residual_ii:.4f}, (iii) {found.residual_iii:.4f}; "
            f"assumption B {decided}"
        )


@one_blas_thread()
def compare(
    weights: Weights,
    task: Task,
    lambda_: float,
    *,
    measured: Mapping[str, Any] | None = None,
    tolerance: float = TOLERANCE,
    decay: Norms | None = None,
) -> Comparison:
    """Compare weights with what the theory predicts for their task.

    Time O((n_w + K L) d² + K² L² n_c), memory O((n_w + K L) d) and 500 MB at most.

    >>> from feature_collapse.model.geometry import equiangular
    >>> from feature_collapse.task import make_task
    >>> from feature_collapse.theory import theorem1
    >>> from feature_collapse.theory.types import type_one
    >>> task = make_task(n_w=12, L=3, design="all")
    >>> best = theorem1.constants(3, 12, 3, 27, lambda_=1e-3)
    >>> weights = type_one(equiangular(3, 5), 4, task.latents, best.c, best.c_prime)
    >>> found = compare(weights, task, lambda_=1e-3)
    >>> found.prediction.theorem, found.verdict.type, found.exact
    ('theorem 1', 'I', True)

    Args:
        weights: of the task's sizes.
        task: latents and word law.
        lambda_: λ.
        measured: further measurements under the keys of a record's summary, such as `risk` and `train_ce`.
        tolerance: largest residual that counts as collapse.
        decay: (s_c,) a_β > 0 of the words of a concept; None for 1 each.

    Raises:
        InputError: sizes that do not fit, λ < 0, a tolerance outside 0 to 1.
    """
    check_type("weights", weights, Weights, "Weights")
    if measured is not None and not isinstance(measured, Mapping):
        raise InputError("measured must be a mapping from names of quantities to numbers")
    weights.check_task(task)
    affordable = float(task.K) ** 2 * task.L**2 * task.n_c <= _AFFORDABLE
    design = Design.of(task, measure=affordable)
    prediction = reference(design, lambda_, weights.d, weights.normaliser, mu=task.mu, decay=decay)
    found = {**_measure(weights, task.n_c - 1), **(measured or {})}
    rows = [
        Agreement(key, value, _like(value, found[key]), _relative_error(value, _like(value, found[key])))
        for key, value in prediction.values().items()
        if found.get(key) is not None
    ]
    verdict = classify(weights, task, tolerance)
    r = prediction.r
    if prediction.theorem in (TWO, FIVE) and r is not None and r.any():
        fit = verdict.fits["III"]
        error = float(np.linalg.norm(fit.r - r) / np.linalg.norm(r))
        rows.append(Agreement("r", r.tolist(), fit.r.tolist(), error))
    exact = prediction.exact and getattr(weights.normaliser, "eps", 0.0) == 0.0
    symmetry = task.symmetry if affordable else None
    b = task.assumption_b if affordable and task.n_c <= MANY_CONCEPTS else None
    return Comparison(prediction, exact, rows, verdict, symmetry, b)


def _measure(weights: Weights, count: int) -> dict[str, Value]:
    rows = weights.U.reshape(-1, weights.d).astype(np.float64)
    norms_W, norms_U = np.linalg.norm(weights.features(), axis=1), np.linalg.norm(rows, axis=1)
    spectrum = weights.spectrum(count)
    return {
        "norm_W_mean": float(norms_W.mean()),
        "norm_W_std": float(norms_W.std()),
        "norm_U_mean": float(norms_U.mean()),
        "norm_U_std": float(norms_U.std()),
        "singular_values_W": spectrum.features.tolist(),
        "singular_values_U": spectrum.linear.tolist(),
    }


def _like(predicted: Value, measured: Any) -> Value:
    """Return the measured value in the form of the prediction: as many singular values."""
    if isinstance(predicted, list):
        return [float(x) for x in as_array("measured", measured, 1)[: len(predicted)]]
    return check_real("measured", measured)


def _relative_error(predicted: Value, measured: Value) -> float:
    p, m = np.atleast_1d(predicted), np.atleast_1d(measured)
    size = min(len(p), len(m))
    scale = float(np.linalg.norm(p))
    return float(np.linalg.norm(m[:size] - p[:size])) / scale if scale else math.nan


def _residuals(found: Symmetry) -> dict[str, Any]:
    return {
        "distinct": found.distinct,
        "assumption_a": found.residual_a,
        "lemma_b_i": found.residual_i,
        "lemma_b_ii": found.residual_ii,
        "lemma_b_iii": found.residual_iii,
    }


def _short(value: Value) -> str:
    if isinstance(value, list):
        return ", ".join(f"{x:.5g}" for x in value[:3]) + (", …" if len(value) > 3 else "")
    return f"{value:.6g}"
