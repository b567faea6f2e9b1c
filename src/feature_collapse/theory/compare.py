"""Weights against the theory: predicted, measured, relative error, the collapse type, and the symmetry of the latents.

Works on plain arrays from any source. The theory is about the true risk with exact normalisation (ε = 0);
what was trained on finite data with ε > 0 agrees up to those differences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from feature_collapse.arrays import LARGEST, as_array
from feature_collapse.errors import InputError, check_choice, check_int, check_real
from feature_collapse.model.weights import Embeddings, LinearWeights, check_law, check_weights
from feature_collapse.task.assumption_b import AssumptionB, assumption_b
from feature_collapse.task.frequencies import Law, is_uniform
from feature_collapse.task.frequencies import given as given_law
from feature_collapse.task.latents import Latents, given
from feature_collapse.task.symmetry import Symmetry, measure_symmetry
from feature_collapse.theory import mean_field, theorem1, theorem2, theorem3
from feature_collapse.theory.distance_law import DistanceLaw, Spheres, log_share
from feature_collapse.theory.types import TOLERANCE, Verdict, classify

NORMALISERS = ("none", "layernorm", "rmsnorm", "sphere")
_AFFORDABLE = 1e12  # K² L² n_c: beyond it the symmetry is not measured

Value = float | list[float]


@dataclass(frozen=True)
class Reference:
    """What the theory predicts for a setting.

    Attributes:
        theorem: `theorem 1`, `theorem 2`, `theorem 3`, `R5 (mean field)` or `none`.
        exact: whether all hypotheses hold.
        note: one sentence on the hypotheses.
        values: predictions under the keys of a record's summary: `risk`, `train_ce`, `penalty`,
            `norm_W_mean`, `norm_W_std`, `norm_U_mean`, `norm_U_std`, `singular_values_W`,
            `singular_values_U`.
        r: (s_c,) predicted norm of each word of a concept, or None.
    """

    theorem: str
    exact: bool
    note: str
    values: dict[str, Value]
    r: np.ndarray | None = None


@dataclass(frozen=True)
class Row:
    """One quantity; the relative error is |measured - predicted|/|predicted|, of norms where it is a list."""

    quantity: str
    predicted: Value
    measured: Value
    relative_error: float


@dataclass(frozen=True)
class Comparison:
    """Weights against the theory.

    Attributes:
        reference: the prediction.
        rows: the quantities that are both predicted and measured.
        verdict: the collapse type.
        symmetry: residuals of assumption A and lemma B; None where too costly (K² L² n_c > 10^12).
        assumption_b: likewise.
    """

    reference: Reference
    rows: list[Row]
    verdict: Verdict
    symmetry: Symmetry | None
    assumption_b: AssumptionB | None


def refer(
    latents: Latents,
    n_c: int,
    mu: Law,
    lambda_: float,
    d: int,
    normaliser: str = "none",
    symmetry: Symmetry | None = None,
) -> Reference:
    """The prediction that fits a setting: theorem 1, 2 or 3, or the mean field for long-tailed words. Well under 1 s.

    Args:
        latents: (K, L) concepts.
        n_c: number of concepts.
        mu: (s_c,) word law.
        lambda_: λ ≥ 0; there is no prediction for 0.
        d: embedding dimension.
        normaliser: `none`, `layernorm`, `rmsnorm` or `sphere`.
        symmetry: of the latents, where measured: decides whether the prediction is exact.

    Raises:
        InputError: latents, frequencies or sizes out of range, or an unknown normaliser.
    """
    n_c, d = check_int("n_c", n_c, 2), check_int("d", d, 1, 10**15)
    latents, mu = given(latents, n_c), given_law(mu)
    check_choice("normaliser", normaliser, NORMALISERS)
    K, L = latents.shape
    if check_real("lambda", lambda_, 0.0) == 0.0 or K < 2:
        return Reference(
            "none", False, "there is no minimiser without a penalty (λ = 0), or with one class", {}
        )
    smallest = n_c if normaliser == "layernorm" else n_c - 1
    if d < smallest:
        return Reference("none", False, f"d = {d}, but the theory needs d ≥ {smallest}", {})
    symmetric = symmetry is not None and symmetry.lemma_b and symmetry.distinct
    law: DistanceLaw | None = Spheres(symmetry.sizes) if symmetry is not None and symmetric else None
    note = (
        "properties (i)-(iii) hold exactly" if symmetric else "the latents are symmetric only approximately"
    )
    if normaliser != "none":
        radius = {"layernorm": math.sqrt(d), "rmsnorm": math.sqrt(d), "sphere": 1.0}[normaliser]
        three = theorem3.solve(n_c, L, K, d, lambda_, law, radius=radius)
        values = _values(
            three.risk,
            three.cross_entropy,
            three.penalty,
            np.full(len(mu), radius),
            three.c,
            n_c,
            radius * math.sqrt(n_c * len(mu) / (n_c - 1)),
            three.singular_value_U,
        )
        return Reference("theorem 3", symmetric, note, values, np.full(len(mu), radius))
    if is_uniform(mu):
        one = theorem1.solve(n_c, n_c * len(mu), L, K, lambda_, law)
        r = np.full(len(mu), one.c)
        values = _values(
            one.risk,
            one.cross_entropy,
            one.penalty,
            r,
            one.c_prime,
            n_c,
            one.singular_value,
            one.singular_value,
        )
        return Reference("theorem 1", symmetric, note, values, r)
    if log_share(n_c, L, K) > 0:
        return Reference("none", False, f"K = {K} exceeds n_c^L = {n_c}^{L}, so latents repeat", {})
    complete = log_share(n_c, L, K) == 0 and len(np.unique(latents, axis=0)) == K
    three_found = (
        theorem2.solve(n_c, L, mu, lambda_) if complete else mean_field.solve(n_c, L, K, mu, lambda_)
    )
    values = _values(
        three_found.risk,
        three_found.cross_entropy,
        three_found.penalty,
        three_found.r,
        three_found.c,
        n_c,
        three_found.singular_value,
        three_found.singular_value,
    )
    if complete:
        return Reference("theorem 2", True, "all n_c^L latents, each once", values, three_found.r)
    return Reference("R5 (mean field)", False, "an approximation for random latents", values, three_found.r)


def _values(
    risk: float, ce: float, penalty: float, r: np.ndarray, c: float, n_c: int, value_W: float, value_U: float
) -> dict[str, Value]:
    return {
        "risk": risk,
        "train_ce": ce,
        "penalty": penalty,
        "norm_W_mean": float(r.mean()),
        "norm_W_std": float(r.std()) if np.ptp(r) > 0 else 0.0,
        "norm_U_mean": c,
        "norm_U_std": 0.0,
        "singular_values_W": [value_W] * (n_c - 1),
        "singular_values_U": [value_U] * (n_c - 1),
    }


def compare(
    W: Embeddings,
    U: LinearWeights,
    latents: Latents,
    mu: Law,
    n_c: int,
    lambda_: float,
    *,
    normaliser: str = "none",
    eps: float = 0.0,
    measured: Mapping[str, Any] | None = None,
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Compare weights with what the theory predicts for their setting.

    Time O((n_w + K L) d² + K² L² n_c), memory O((n_w + K L) d) and 500 MB at most.

    Args:
        W: (n_w, d) embeddings before normalisation.
        U: (K, L, d) linear weights.
        latents: (K, L) concepts.
        mu: (s_c,) word law.
        n_c: number of concepts.
        lambda_: λ.
        normaliser: `none`, `layernorm`, `rmsnorm` or `sphere`.
        eps: of the normaliser.
        measured: further measurements under the keys of a record's summary, such as `risk` and `train_ce`.
        tolerance: largest residual that counts as collapse.

    Raises:
        InputError: shapes that do not fit, entries that are not finite, values out of range.
    """
    if measured is not None and not isinstance(measured, Mapping):
        raise InputError("measured must be a mapping from names of quantities to numbers")
    W, U, latents = check_weights(W, U, latents, n_c)
    mu = check_law(mu, len(W) // n_c)
    check_choice("normaliser", normaliser, NORMALISERS)
    K, L = latents.shape
    d = W.shape[1]
    affordable = float(K) ** 2 * L * L * n_c <= _AFFORDABLE
    symmetry = measure_symmetry(latents, n_c) if affordable else None
    b = assumption_b(latents, n_c) if affordable else None
    reference = refer(latents, n_c, mu, lambda_, d, normaliser, symmetry)
    features = word_features(W, normaliser, eps)
    found = {**_measure(features, U, n_c), **(measured or {})}
    rows = [
        Row(key, value, _like(value, found[key]), _relative_error(value, _like(value, found[key])))
        for key, value in reference.values.items()
        if found.get(key) is not None
    ]
    radius = 1.0 if normaliser == "sphere" else None
    verdict = classify(
        features,
        U,
        latents,
        n_c,
        normalised=normaliser != "none",
        tolerance=tolerance,
        radius=radius,
        mean_zero=normaliser == "layernorm",
    )
    fit = verdict.fits["II" if normaliser != "none" else "III"]
    if (
        reference.theorem in ("theorem 2", "R5 (mean field)")
        and reference.r is not None
        and reference.r.any()
    ):
        error = float(np.linalg.norm(fit.r - reference.r) / np.linalg.norm(reference.r))
        rows.append(Row("r", reference.r.tolist(), fit.r.tolist(), error))
    return Comparison(reference, rows, verdict, symmetry, b)


def word_features(W: Embeddings, normaliser: str, eps: float = 0.0) -> Embeddings:
    """The word representations φ(w), float64; W itself without a normaliser.

    Raises:
        InputError: an unknown normaliser or ε < 0.
    """
    check_choice("normaliser", normaliser, NORMALISERS)
    W = as_array("W", W, 2)
    check_real("eps", eps, 0.0, LARGEST)
    if normaliser == "none":
        return W
    import torch  # the normalisers are torch code; without one the theory does not need it

    from feature_collapse.model.normalisers import make_normaliser

    with np.errstate(all="ignore"):
        return np.asarray(make_normaliser(normaliser, eps).forward(torch.from_numpy(W)).numpy())


def _measure(features: np.ndarray, U: np.ndarray, n_c: int) -> dict[str, Value]:
    rows = U.reshape(-1, U.shape[2])
    norms_W, norms_U = np.linalg.norm(features, axis=1), np.linalg.norm(rows, axis=1)
    return {
        "norm_W_mean": float(norms_W.mean()),
        "norm_W_std": float(norms_W.std()),
        "norm_U_mean": float(norms_U.mean()),
        "norm_U_std": float(norms_U.std()),
        "singular_values_W": _singular_values(features, n_c - 1),
        "singular_values_U": _singular_values(rows, n_c - 1),
    }


def _singular_values(rows: np.ndarray, count: int) -> list[float]:
    values = np.linalg.eigvalsh(rows.T @ rows)[::-1][:count]
    return [float(x) for x in np.sqrt(np.maximum(values, 0.0))]


def _like(predicted: Value, measured: Any) -> Value:
    """The measured value in the form of the prediction: as many singular values."""
    return [float(x) for x in measured][: len(predicted)] if isinstance(predicted, list) else float(measured)


def _relative_error(predicted: Value, measured: Value) -> float:
    p, m = np.atleast_1d(predicted), np.atleast_1d(measured)
    size = min(len(p), len(m))
    scale = float(np.linalg.norm(p))
    return float(np.linalg.norm(m[:size] - p[:size])) / scale if scale else math.nan
