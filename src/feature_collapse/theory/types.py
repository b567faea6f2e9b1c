"""Definitions 1-3: type-I, type-II and type-III collapse, constructed (paper §3); `classify` recognises them.

    type I:    w_(α,β) = c f_α,         u_{k,ℓ} = c' f_{z_{k,ℓ}}
    type II:   φ(w_(α,β)) = √d f_α,     u_{k,ℓ} = c f_{z_{k,ℓ}},     f mean-zero
    type III:  w_(α,β) = r_β f_α,       u_{k,ℓ} = c f_{z_{k,ℓ}},     r_β > 0

with f_1, …, f_{n_c} equiangular. W is stored by rows, (n_w, d), U as (K, L, d); type II is about the features
φ(w).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import LARGEST, as_array
from feature_collapse.errors import InputError, check_int, check_real
from feature_collapse.model.geometry import Frame, equiangular_residual
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, Normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.task.latents import Latents, given

TYPES = ("I", "II", "III")


def type_one(frame: Frame, s_c: int, latents: Latents, c: float, c_prime: float) -> Weights:
    """Return the type-I configuration with constants c, c' ≥ 0 (definition 1).

    >>> from feature_collapse.model.geometry import equiangular
    >>> print(type_one(equiangular(3, 2), s_c=2, latents=[[0, 1], [1, 2]], c=1.0, c_prime=0.5))
    weights of 6 words and 2 classes of length 2, d = 2, normaliser none

    Raises:
        InputError: rows of `frame` that are not equiangular, negative constants, latents out of range.
    """
    c, s_c = check_real("c", c, 0.0, LARGEST), check_int("s_c", s_c, 1, 10**8)
    return _build(frame, np.full(s_c, c), latents, c_prime)


def type_two(
    frame: Frame, s_c: int, latents: Latents, c: float, normaliser: Normaliser | None = None
) -> Weights:
    """Return the type-II configuration with constant c ≥ 0 (definition 2).

    The embeddings ρ f_α are fixed points of the normaliser, LayerNorm with ρ = √d where None is given.

    Raises:
        InputError: a normaliser without a fixed norm, rows of `frame` that are not equiangular (and mean-zero
            where the normaliser centres), c < 0, latents out of range.
    """
    normaliser = LayerNorm() if normaliser is None else normaliser
    radius = normaliser.radius(as_array("frame", frame, 2).shape[1])
    if radius is None:
        raise InputError(f"normaliser {normaliser.name!r} fixes no norm, but type II is about one that does")
    return _build(frame, np.full(check_int("s_c", s_c, 1, 10**8), radius), latents, c, normaliser)


def type_three(frame: Frame, r: Float[np.ndarray, " s_c"], latents: Latents, c: float) -> Weights:
    """Return the type-III configuration with norms r_β ≥ 0 and constant c ≥ 0 (definition 3).

    Raises:
        InputError: rows of `frame` that are not equiangular, negative constants, latents out of range.
    """
    norms = as_array("r", r, 1)
    if norms.min() < 0:
        raise InputError(f"r has a smallest entry of {norms.min():g}, but every r_β must be ≥ 0")
    return _build(frame, norms, latents, c)


def _build(
    frame: Frame, norms: np.ndarray, latents: Latents, c: float, normaliser: Normaliser | None = None
) -> Weights:
    normaliser = NoNormaliser() if normaliser is None else normaliser
    residual = equiangular_residual(frame, normaliser.centred)
    if residual > 1e-8:
        kind = "mean-zero equiangular" if normaliser.centred else "equiangular"
        raise InputError(f"frame violates (4) by {residual:.2g}, but its rows must be {kind} to 1e-8")
    F = np.asarray(frame, dtype=np.float64)
    W = (F[:, None, :] * norms[None, :, None]).reshape(-1, F.shape[1])
    return Weights(W, check_real("c", c, 0.0, LARGEST) * F[given(latents, len(F))], normaliser)
