"""Definitions 1-3: type-I, type-II and type-III collapse, constructed and recognised (paper §3).

    type I:    w_(α,β) = c f_α,         u_{k,ℓ} = c' f_{z_{k,ℓ}}
    type II:   φ(w_(α,β)) = √d f_α,     u_{k,ℓ} = c f_{z_{k,ℓ}},     f mean-zero
    type III:  w_(α,β) = r_β f_α,       u_{k,ℓ} = c f_{z_{k,ℓ}},     r_β > 0

with f_1, …, f_{n_c} equiangular. W is stored by rows, (n_w, d), U as (K, L, d); type II is about the features
φ(w).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import LARGEST, as_array
from feature_collapse.errors import InputError, check_choice, check_int, check_real
from feature_collapse.model.geometry import (
    Frame,
    equiangular_residual,
    from_mean_zero,
    polar,
    simplex,
    to_mean_zero,
)
from feature_collapse.model.weights import Embeddings, LinearWeights, check_weights
from feature_collapse.task.latents import Latents, given

TYPES = ("I", "II", "III")
TOLERANCE = 0.2  # the configuration explains at least 96 % of the squared norm
_PREFERENCE = 2.0  # type I is named rather than III where its residual is at most this times that of III
_NEGLIGIBLE = 0.01


@dataclass(frozen=True)
class Weights:
    """Weights of a network: W (or its features) by rows (n_w, d), and U (K, L, d)."""

    W: Embeddings
    U: LinearWeights


def type_one(frame: Frame, s_c: int, latents: Latents, c: float, c_prime: float) -> Weights:
    """The type-I configuration with constants c, c' ≥ 0 (definition 1).

    Raises:
        InputError: rows of `frame` that are not equiangular, negative constants, latents out of range.
    """
    c, s_c = check_real("c", c, 0.0, LARGEST), check_int("s_c", s_c, 1, 10**8)
    return _build(frame, np.full(s_c, c), latents, c_prime, mean_zero=False)


def type_two(frame: Frame, s_c: int, latents: Latents, c: float) -> Weights:
    """The type-II configuration with constant c ≥ 0 and embeddings √d f_α, fixed points of LayerNorm (definition 2).

    Raises:
        InputError: rows of `frame` that are not mean-zero equiangular, c < 0, latents out of range.
    """
    d = as_array("frame", frame, 2).shape[1]
    return _build(frame, np.full(check_int("s_c", s_c, 1, 10**8), np.sqrt(d)), latents, c, mean_zero=True)


def type_three(frame: Frame, r: Float[np.ndarray, " s_c"], latents: Latents, c: float) -> Weights:
    """The type-III configuration with norms r_β ≥ 0 (0 only in the limit) and constant c ≥ 0 (definition 3).

    Raises:
        InputError: rows of `frame` that are not equiangular, negative constants, latents out of range.
    """
    norms = as_array("r", r, 1)
    if norms.min() < 0:
        raise InputError(f"r has a smallest entry of {norms.min():g}, but every r_β must be ≥ 0")
    return _build(frame, norms, latents, c, mean_zero=False)


def _build(frame: Frame, norms: np.ndarray, latents: Latents, c: float, mean_zero: bool) -> Weights:
    residual = equiangular_residual(frame, mean_zero)
    if residual > 1e-8:
        kind = "mean-zero equiangular" if mean_zero else "equiangular"
        raise InputError(f"frame violates (4) by {residual:.2g}, but its rows must be {kind} to 1e-8")
    F = np.asarray(frame, dtype=np.float64)
    W = (F[:, None, :] * norms[None, :, None]).reshape(-1, F.shape[1])
    return Weights(W, check_real("c", c, 0.0, LARGEST) * F[given(latents, len(F))])


@dataclass(frozen=True)
class Fit:
    """The nearest configuration of one type.

    Attributes:
        type: `I`, `II` or `III`.
        residual: root mean square of the next two; 0 for a configuration of the type, at most 1.
        residual_W: ‖W - nearest‖/‖W‖ (type II: of the features), at most 1.
        residual_U: ‖U - nearest‖/‖U‖, at most 1.
        c: the constant of U, norm of each u_{k,ℓ}.
        r: (s_c,) norms of the embeddings: all equal for type I (to the paper's c) and type II (to √d).
        frame: (n_c, d) f_α, or None where d is too small for such a frame; all residuals are then 1.
    """

    type: str
    residual: float
    residual_W: float
    residual_U: float
    c: float
    r: Float[np.ndarray, " s_c"]
    frame: Frame | None


def fit_type(
    type_: str,
    W: Embeddings,
    U: LinearWeights,
    latents: Latents,
    n_c: int,
    radius: float | None = None,
    mean_zero: bool = True,
) -> Fit:
    """The configuration of a type that is nearest to given weights, W and U counted alike: relative to their norms.

    The constants have closed forms for a given frame; the frame maximises a convex function of Q (frame = E
    Qᵀ), by iterated orthogonal Procrustes problems, each of which cannot lower it. O((n_w + K L) d n_c) and
    50 times O(s_c d n_c).

    Args:
        type_: `I`, `II` or `III`.
        W: (n_w, d) embeddings; for type II the features φ(w).
        U: (K, L, d) linear weights.
        latents: (K, L) concepts.
        n_c: number of concepts.
        radius: type II: norm of the features, √d where None.
        mean_zero: type II: whether the frame must be mean-zero (LayerNorm), or need not (RMSNorm, unit
            sphere).

    Raises:
        InputError: an unknown type, shapes that do not fit, entries that are not finite.
    """
    check_choice("type", type_, TYPES)
    W, U, latents = check_weights(W, U, latents, n_c)
    d, s_c = W.shape[1], len(W) // n_c
    radius = float(np.sqrt(d)) if radius is None else check_real("radius", radius, 0.0, LARGEST, above=True)
    inside = type_ == "II" and mean_zero
    (W, norm_W), (U, norm_U) = _unit(W), _unit(U)
    fixed = np.full(s_c, radius) if type_ == "II" else np.zeros(s_c)
    if d - inside < n_c - 1:
        return Fit(type_, 1.0, 1.0, 1.0, 0.0, fixed, None)
    E = simplex(n_c)
    by_concept = np.zeros((n_c, d))  # Σ over (k, ℓ) with z_{k,ℓ} = α of u_{k,ℓ}
    np.add.at(by_concept, latents.ravel(), U.reshape(-1, d))
    U_E = (to_mean_zero(by_concept) if inside else by_concept).T @ E  # ⟨U, nearest⟩ = c ⟨U_E, Q⟩
    words = (to_mean_zero(W) if inside else W).reshape(n_c, s_c, -1)
    if type_ == "III":
        W_E = np.einsum("asd,am->sdm", words, E)
    else:
        W_E = np.einsum("asd,am->dm", words, E)[None]  # one norm for all words
    count = len(W) // len(W_E)  # words that share a norm
    Q, last = polar(W_E.sum(axis=0) + U_E), -1.0
    while True:
        inner = np.maximum(np.einsum("sdm,dm->s", W_E, Q), 0.0)
        b = max(float((U_E * Q).sum()), 0.0)
        # 2 - (residual_W² + residual_U²) up to a constant, convex in Q, and half its gradient in Q
        value, pull = b * b / latents.size, b / latents.size * U_E
        if type_ == "II":
            rate = radius / norm_W if norm_W else 0.0
            value, pull = value + 2 * rate * float(inner[0]), pull + rate * W_E[0]
        else:
            value, pull = (
                value + float(inner @ inner) / count,
                pull + np.einsum("s,sdm->dm", inner, W_E) / count,
            )
        if value - last <= 1e-15 * value:
            break
        last, Q = value, polar(pull)
    r = radius / norm_W * np.ones(s_c) if type_ == "II" and norm_W else np.broadcast_to(inner / count, (s_c,))
    c = b / latents.size
    frame = from_mean_zero(E @ Q.T) if inside else E @ Q.T
    near = _build(frame, r, latents, c, mean_zero=False)
    residual_W, residual_U = (_distance(*pair) for pair in ((W, near.W), (U, near.U)))
    both = float(np.sqrt((residual_W**2 + residual_U**2) / 2))
    return Fit(type_, both, residual_W, residual_U, c * norm_U, fixed if type_ == "II" else r * norm_W, frame)


def _unit(array: np.ndarray) -> tuple[np.ndarray, float]:
    """The array scaled to norm 1, and its norm; no overflow or underflow on the way."""
    scale = float(np.abs(array).max())
    if scale == 0.0:
        return array, 0.0
    array = array / scale
    norm = float(np.linalg.norm(array))
    return array / norm, scale * norm


def _distance(unit: np.ndarray, near: np.ndarray) -> float:
    return min(1.0, float(np.linalg.norm(unit - near))) if unit.any() else 1.0


@dataclass(frozen=True)
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


def classify(
    W: Embeddings,
    U: LinearWeights,
    latents: Latents,
    n_c: int,
    *,
    normalised: bool = False,
    tolerance: float = TOLERANCE,
    radius: float | None = None,
    mean_zero: bool = True,
) -> Verdict:
    """The smallest type that fits: I before III for embeddings, II for normalised features, `none` beyond.

    Type I is a special case of type III, whose residual is never larger. With weights that are of type I up
    to noise both residuals are about the same; so `I` is named where its residual is within the tolerance and
    at most twice that of type III (or 0.01).

    Args:
        W: (n_w, d) embeddings, or features φ(w) where `normalised`.
        U: (K, L, d) linear weights.
        latents: (K, L) concepts.
        n_c: number of concepts.
        normalised: whether the network has a normaliser.
        tolerance: largest residual that counts as collapse; 0.2 leaves 4 % of the squared norm unexplained.
        radius: as in `fit_type`.
        mean_zero: as in `fit_type`.

    Raises:
        InputError: as `fit_type`; a tolerance outside 0 to 1.
    """
    check_real("tolerance", tolerance, 0.0, 1.0)
    if normalised:
        two = fit_type("II", W, U, latents, n_c, radius, mean_zero)
        return Verdict("II" if two.residual <= tolerance else "none", tolerance, {"II": two})
    one, three = fit_type("I", W, U, latents, n_c), fit_type("III", W, U, latents, n_c)
    fits = {"I": one, "III": three}
    if one.residual <= tolerance and one.residual <= max(_NEGLIGIBLE, _PREFERENCE * three.residual):
        return Verdict("I", tolerance, fits)
    return Verdict("III" if three.residual <= tolerance and three.r.min() > 0 else "none", tolerance, fits)
