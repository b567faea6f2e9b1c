"""Weights, latents and word laws as plain float64 arrays, checked once and for all functions of risk and theory."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import as_array
from feature_collapse.errors import InputError, check_int
from feature_collapse.task.frequencies import Law, given
from feature_collapse.task.latents import Latents
from feature_collapse.task.latents import given as given_latents

Embeddings = Float[np.ndarray, "n_w d"]
LinearWeights = Float[np.ndarray, "K L d"]


def check_weights(
    W: Embeddings, U: LinearWeights, latents: Latents, n_c: int
) -> tuple[Embeddings, LinearWeights, Latents]:
    """(W, U, latents) as float64 and int64 arrays of fitting shapes.

    Args:
        W: (n_w, d); row α·s_c + β is w_(α,β).
        U: (K, L, d); U[k, ℓ] is u_{k,ℓ}.
        latents: (K, L) concepts 0..n_c-1.
        n_c: number of concepts, a divisor of n_w.

    Raises:
        InputError: shapes that do not fit each other, non-finite entries, concepts out of range.
    """
    n_c = check_int("n_c", n_c, 2)
    W, U = as_array("W", W, 2), as_array("U", U, 3)
    rows = given_latents(latents, n_c)
    if len(W) % n_c:
        raise InputError(f"W has n_w = {len(W)} rows, but must have a multiple of n_c = {n_c}")
    if U.shape[2] != W.shape[1]:
        raise InputError(f"U has dimension d = {U.shape[2]}, but must have that of W, {W.shape[1]}")
    if U.shape[:2] != rows.shape:
        raise InputError(f"U has shape {U.shape[:2]} for (K, L), but the latents have {rows.shape}")
    return W, U, rows


def check_law(mu: Law | None, s_c: int) -> Law:
    """The word law for s_c words per concept; uniform where None.

    Raises:
        InputError: a wrong length, or frequencies that are not finite and positive.
    """
    return np.full(s_c, 1.0 / s_c) if mu is None else given(mu, s_c)
