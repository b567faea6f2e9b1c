"""Which type weights have collapsed to: the nearest configuration of each type, and a verdict (paper §3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from feature_collapse.blas import one_blas_thread
from feature_collapse.errors import InputError, check_choice, check_real, check_type
from feature_collapse.model.geometry import TOLERANCE, Frame, from_mean_zero, polar, simplex, to_mean_zero
from feature_collapse.model.weights import Weights
from feature_collapse.task.task import Task
from feature_collapse.theory.types import TYPES

_PREFERENCE = 2.0  # type I is named rather than III where its residual is at most this times that of III
_NEGLIGIBLE = 0.01


@dataclass(frozen=True, eq=False)
class Fit:
    """The nearest configuration of one type.

    Attributes:
        type: `I`, `II` or `III`.
        residual: root mean square of the next two; 0 for a configuration of the type, at most 1.
        residual_W: ‖V - nearest‖/‖V‖ of the features V = φ(W), W itself where nothing normalises; at most 1.
        residual_U: ‖U - nearest‖/‖U‖, at most 1.
        c: the constant of U, norm of each u_{k,ℓ}.
        r: (s_c,) norms of the features: all equal for type I (to the paper's c) and type II (to √d).
        frame: (n_c, d) f_α, or None where d is too small for such a frame; all residuals are then 1.
    """

    type: str
    residual: float
    residual_W: float
    residual_U: float
    c: float
    r: Float[np.ndarray, " s_c"]
    frame: Frame | None

    def to_dict(self) -> dict[str, float]:
        """Return the residuals and c, for JSON."""
        return {
            "residual": self.residual,
            "residual_W": self.residual_W,
            "residual_U": self.residual_U,
            "c": self.c,
        }


@dataclass(frozen=True, eq=False)
class Verdict:
    """Which type the weights have collapsed to.

    Attributes:
        type: `I`, `II`, `III`, or `none`.
        tolerance: largest residual that counts as collapse.
        fits: what was compared, by type.
    """

    type: str
    tolerance: float
    fits: dict[str, Fit]

    def to_dict(self) -> dict[str, Any]:
        """Return type, tolerance and the residuals of each fit, for JSON."""
        fits = {name: fit.to_dict() for name, fit in self.fits.items()}
        return {"type": self.type, "tolerance": self.tolerance, "fits": fits}

    def __str__(self) -> str:
        """Return the verdict and its residuals in one line."""
        fits = "; ".join(
            f"type {kind}: {fit.residual:.4f} (W {fit.residual_W:.4f}, U {fit.residual_U:.4f})"
            for kind, fit in self.fits.items()
        )
        name = "none" if self.type == "none" else f"type {self.type}"
        return f"collapse: {name} (residuals: {fits}; tolerance {self.tolerance:g})"


@one_blas_thread()
def classify(weights: Weights, task: Task, tolerance: float = TOLERANCE) -> Verdict:
    """Return the smallest type that fits: I before III for embeddings, II under a normaliser, `none` beyond.

    Type I is a special case of type III, whose residual is never larger. With weights that are of type I up
    to noise both residuals are about the same; so `I` is named where its residual is within the tolerance and
    at most twice that of type III (or 0.01). Time as `fit_type`.

    >>> from feature_collapse.model.geometry import equiangular
    >>> from feature_collapse.task import make_task
    >>> from feature_collapse.theory.types import type_one
    >>> task = make_task(n_w=6, L=2, K=4, seed=0)
    >>> print(classify(type_one(equiangular(3, 2), 2, task.latents, c=1.0, c_prime=0.5), task).type)
    I

    Args:
        weights: of the task's sizes; the normaliser decides which types are asked for.
        task: gives concepts and latents.
        tolerance: largest residual that counts as collapse; 0.2 leaves 4 % of the squared norm unexplained.

    Raises:
        InputError: sizes that do not fit, or a tolerance outside 0 to 1.
    """
    check_type("weights", weights, Weights, "Weights")
    check_real("tolerance", tolerance, 0.0, 1.0)
    if weights.radius is not None:
        two = fit_type("II", weights, task)
        return Verdict("II" if two.residual <= tolerance else "none", tolerance, {"II": two})
    one, three = fit_type("I", weights, task), fit_type("III", weights, task)
    fits = {"I": one, "III": three}
    if one.residual <= tolerance and one.residual <= max(_NEGLIGIBLE, _PREFERENCE * three.residual):
        return Verdict("I", tolerance, fits)
    return Verdict("III" if three.residual <= tolerance and three.r.min() > 0 else "none", tolerance, fits)


def fit_type(type_: str, weights: Weights, task: Task) -> Fit:
    """Return the configuration of a type that is nearest to given weights.

    Nearest to φ(W) and to U, each relative to its own norm. The constants have closed forms for a given
    frame; the frame maximises a convex function of Q (frame = E Qᵀ), by iterated orthogonal Procrustes
    problems, each of which cannot lower it. O((n_w + K L) d n_c), and O(s_c d n_c) for each
    of some 50 steps.

    Args:
        type_: `I`, `II` (under a normaliser only, whose radius and mean it takes) or `III`.
        weights: of the task's sizes.
        task: gives concepts and latents.

    Raises:
        InputError: an unknown type, sizes that do not fit, or type II of weights that nothing normalises.
    """
    check_choice("type", type_, TYPES)
    weights.check_task(task)
    if type_ == "II" and weights.radius is None:
        raise InputError("type II is about features of a fixed norm, but the weights have no normaliser")
    n_c, s_c, d, latents = task.n_c, task.s_c, weights.d, task.latents
    radius = weights.radius if type_ == "II" else None
    inside = radius is not None and weights.normaliser.centred
    fixed = np.zeros(s_c) if radius is None else np.full(s_c, radius)
    if d - inside < n_c - 1:
        return Fit(type_, 1.0, 1.0, 1.0, 0.0, fixed, None)
    (V, norm_V), (U, norm_U) = _unit(weights.features()), _unit(weights.U.astype(np.float64))
    E = simplex(n_c)
    by_concept = np.zeros((n_c, d))  # Σ over (k, ℓ) with z_{k,ℓ} = α of u_{k,ℓ}
    np.add.at(by_concept, latents.ravel(), U.reshape(-1, d))
    words = (to_mean_zero(V) if inside else V).reshape(n_c, s_c, -1)
    U_E = (to_mean_zero(by_concept) if inside else by_concept).T @ E  # ⟨U, nearest⟩ = c ⟨U_E, Q⟩
    # ⟨V, nearest⟩ = Σ_β r_β ⟨V_E[β], Q⟩, with one entry where all words share a norm
    V_E = np.einsum("asd,am->sdm", words, E) if type_ == "III" else np.einsum("asd,am->dm", words, E)[None]
    rate = None if radius is None else (radius / norm_V if norm_V else 0.0)
    Q, b, inner = _best_frame(V_E, U_E, n_c * s_c // len(V_E), latents.size, rate)
    r = np.full(s_c, rate) if rate else np.broadcast_to(inner, (s_c,))
    c = b / latents.size
    frame = from_mean_zero(E @ Q.T) if inside else E @ Q.T
    near_V, near_U = (frame[:, None, :] * r[None, :, None]).reshape(-1, d), c * frame[latents]
    residual_V, residual_U = _distance(V, near_V), _distance(U, near_U)
    both = float(np.sqrt((residual_V**2 + residual_U**2) / 2))
    return Fit(
        type_, both, residual_V, residual_U, c * norm_U, r * norm_V if radius is None else fixed, frame
    )


def _best_frame(
    V_E: np.ndarray, U_E: np.ndarray, count: int, slots: int, rate: float | None
) -> tuple[np.ndarray, float, np.ndarray]:
    """Return Q, ⟨U_E, Q⟩ and the best norms r for it, at a maximum over Q.

    Maximised is 2 - (residual_W² + residual_U²) up to a constant, convex in Q; each step goes to the polar
    factor of half its gradient. `count` words share a norm, and `rate` is that norm where it is fixed.
    """
    Q, last = polar(V_E.sum(axis=0) + U_E), -1.0
    while True:
        inner = np.maximum(np.einsum("sdm,dm->s", V_E, Q), 0.0)
        b = max(float((U_E * Q).sum()), 0.0)
        value, pull = b * b / slots, b / slots * U_E
        if rate is not None:
            value, pull = value + 2 * rate * float(inner[0]), pull + rate * V_E[0]
        else:
            value += float(inner @ inner) / count
            pull = pull + np.einsum("s,sdm->dm", inner, V_E) / count
        if value - last <= 1e-15 * value:
            return Q, b, inner / count
        last, Q = value, polar(pull)


def _unit(array: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the array scaled to norm 1, and its norm; no overflow or underflow on the way."""
    scale = float(np.abs(array).max())
    if scale == 0.0:
        return array, 0.0
    array = array / scale
    norm = float(np.linalg.norm(array))
    return array / norm, scale * norm


def _distance(unit: np.ndarray, near: np.ndarray) -> float:
    return min(1.0, float(np.linalg.norm(unit - near))) if unit.any() else 1.0
