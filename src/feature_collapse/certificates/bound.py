"""How far from the global minimum are given weights at most? The certificates R2 and R3 (theory, section 5).

    lower bound ≤ min of the empirical risk over all weights ≤ risk at the given weights.

For the plain network the minimum is over every dimension d; for a normalised one over all word vectors in the
ball of the normaliser's radius, in any number of directions. The weights may come from anywhere: SGD, the
solver, another program. The risk is the empirical one on the sentences given: nothing is said of the true
risk (5), (10).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from feature_collapse.certificates.dual_point import DualPoint, dual_point
from feature_collapse.certificates.plain import operator_norm_bound, plain_bound
from feature_collapse.certificates.sphere import sphere_bound
from feature_collapse.errors import InputError, check_real
from feature_collapse.model.normalisers import NoNormaliser, Normaliser


@dataclass(frozen=True)
class Bound:
    """A risk and a proved lower bound on the least possible one.

    Attributes:
        risk: the empirical risk (2) or (3) at the weights.
        lower_bound: at most the global minimum.
        gap: risk - lower_bound.
        relative_gap: gap/risk (0 for a risk of 0).
        data_term: mean cross-entropy, the risk without its penalty.
        operator_norm: a proved upper bound on ‖∇f(M)‖_op; at a critical point of the plain network, ≤ λ means
            global (claim H).
    """

    risk: float
    lower_bound: float
    gap: float
    relative_gap: float
    data_term: float
    operator_norm: float


def certificate(
    W: Tensor | np.ndarray,
    U: Tensor | np.ndarray,
    words: np.ndarray,
    labels: np.ndarray,
    lambda_: float,
    normaliser: Normaliser | None = None,
    *,
    weights: np.ndarray | None = None,
    device: torch.device | str = "cpu",
    memory_limit: float = 4e9,
    tolerance: float = 1e-5,
) -> Bound:
    """The risk at any weights and a lower bound on the global minimum, in float64 and rigorous up to what is stated.

    Rounding: the operator norm and ν are proved by a Cholesky factorisation with Rump's bound; the error of
    the Gram matrix and of the entropies is bounded term by term and subtracted from the lower bound. `risk`
    is a float64 sum. Time 2 N K L d + K L n_w² flops (more for a normaliser: some 20 factorisations of size
    n_w).

    Args:
        W: (n_w, d) embeddings before normalisation.
        U: (K, L, d) linear weights.
        words: (N, L) word indices.
        labels: (N,) classes.
        lambda_: λ > 0.
        normaliser: φ; None for the plain network.
        weights: (N,) weights of the sentences; None for 1/N each.
        device: of the computation.
        memory_limit: bytes.
        tolerance: relative, of the best ν (normalised networks).

    Raises:
        InputError: shapes that do not fit, weights that are not finite, λ ≤ 0, a memory limit too small.
    """
    check_real("lambda", lambda_, 0.0, above=True)
    check_real("memory_limit", memory_limit, 1e6)
    if weights is not None:
        weights = check_omega(weights, len(labels))
    normaliser = normaliser or NoNormaliser()
    W64 = torch.as_tensor(W, dtype=torch.float64, device=device).detach()
    U64 = torch.as_tensor(U, dtype=torch.float64, device=device).detach()
    check_weights(W64, U64, words, labels)
    d = W64.shape[1]
    radius = normaliser.radius(d)
    V = normaliser.forward(W64)
    if not bool(torch.isfinite(V).all()):
        raise InputError(f"W has a row that {normaliser.name} cannot normalise (a constant or zero vector)")
    point = dual_point(V, U64.flatten(1), words, labels, weights=weights, memory_limit=memory_limit)
    squares = float(U64.square().sum()) + (float(W64.square().sum()) if radius is None else 0.0)
    return bound_from(point, point.data_term + 0.5 * lambda_ * squares, lambda_, radius, V, tolerance)


def bound_from(
    point: DualPoint,
    risk: float,
    lambda_: float,
    radius: float | None,
    V: Tensor,
    tolerance: float = 1e-5,
    enough: float = 0.0,
) -> Bound:
    """The bound from a dual point: R2 where `radius` is None, else R3 with representations V as a guide to ν.

    A relative gap of `enough` stops the search for a better ν.
    """
    norm = operator_norm_bound(point)
    if radius is None:
        lower = plain_bound(point, lambda_, norm)
    else:
        guess = (point.gram @ V * V).sum(1) / radius**2
        lower = sphere_bound(point, lambda_, radius, guess, tolerance, risk * (1.0 - enough))
    gap = risk - lower
    return Bound(risk, lower, gap, gap / risk if risk > 0 else 0.0, point.data_term, norm)


def check_weights(W: Tensor, U: Tensor, words: np.ndarray, labels: np.ndarray) -> None:
    """Check that weights and sentences belong together.

    Raises:
        InputError: naming what does not fit.
    """
    if W.ndim != 2 or U.ndim != 3 or W.shape[1] != U.shape[2]:
        raise InputError(
            f"W has shape {tuple(W.shape)} and U {tuple(U.shape)}, but they must be (n_w, d) and (K, L, d)"
        )
    if not (bool(torch.isfinite(W).all()) and bool(torch.isfinite(U).all())):
        raise InputError("the weights have entries that are not finite, but must be numbers")
    check_sentences(words, labels, len(W), len(U), U.shape[1])


def check_omega(weights: np.ndarray, N: int) -> np.ndarray:
    """The sentences' weights ω as float64.

    Raises:
        InputError: they are not N numbers ≥ 0 of sum 1.
    """
    try:
        omega = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        omega = np.empty(0)
    if omega.shape != (N,) or not np.all(omega >= 0) or not abs(float(omega.sum()) - 1.0) <= 1e-6:
        raise InputError(f"weights must be {N} numbers ≥ 0, one for each sentence, with sum 1")
    return omega


def check_sentences(words: np.ndarray, labels: np.ndarray, n_w: int, K: int, L: int | None = None) -> None:
    """Check the sentences' shape and range.

    Raises:
        InputError: naming the array and what it must be.
    """
    if (
        words.ndim != 2
        or words.size == 0
        or words.dtype.kind not in "iu"
        or (L is not None and words.shape[1] != L)
    ):
        wanted = "L" if L is None else f"L = {L}"
        raise InputError(
            f"words have shape {words.shape} and type {words.dtype}, but must be integers (N, {wanted}), N ≥ 1"
        )
    if labels.shape != (len(words),) or labels.dtype.kind not in "iu":
        raise InputError(
            f"labels have shape {labels.shape} and type {labels.dtype}, but must be {len(words)} integers"
        )
    for name, values, end in (("words", words, n_w), ("labels", labels, K)):
        if values.min() < 0 or values.max() >= end:
            raise InputError(
                f"{name} run from {values.min()} to {values.max()}, but must be from 0 to {end - 1}"
            )
