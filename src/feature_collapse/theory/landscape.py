"""Theorem G (paper appendix G): critical points of R = f(M) + (λ/2)(‖W‖² + ‖U‖²), M = U Wᵀ, f convex.

    claim H: ‖∇f(M)‖_op ≤ λ  ⟹  (W, U) is a global minimiser, among all dimensions d
    claim I: a direction of R^d unused by W and U, and ‖∇f(M)‖_op > λ  ⟹  (W, U) is a strict saddle:
             moving both along that direction, by the top singular pair of -∇f, changes R by
             (λ - ‖∇f‖_op) s² + O(s⁴)

For d > min(n_w, K L) one of the two always applies, so every local minimiser is global. With decays a_j of
the words, (λ/2)(Σ a_j‖w_j‖² + ‖U‖²), the same holds with ∇f(M) Diag(a)^{-1/2} for ∇f(M), as w' = √a w shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.arrays import as_array
from feature_collapse.errors import InputError, check_lambda, check_real
from feature_collapse.model.weights import Weights


@dataclass(frozen=True, eq=False)
class CriticalPoint:
    """What theorem G says of given weights.

    Attributes:
        verdict: `global minimiser` (claim H), `strict saddle` (claim I), `undecided` (critical, ‖∇f‖_op > λ,
            and no unused direction), or `not critical`.
        operator_norm: ‖∇f(M)‖_op, of ∇f(M) Diag(a)^{-1/2} where words have decays.
        ratio: that norm over λ.
        gradient_norm: the norm of the gradient of R relative to that of its two parts: 0 at a critical point.
        unused: number of dimensions of R^d that neither W nor U uses.
        direction: at a strict saddle, the step (dW, dU) of unit speed along which R falls; None elsewhere.
    """

    verdict: str
    operator_norm: float
    ratio: float
    gradient_norm: float
    unused: int
    direction: Weights | None


def examine(
    weights: Weights,
    gradient_M: Float[np.ndarray, "K L n_w"],
    lambda_: float,
    tolerance: float = 1e-8,
    decay: Float[np.ndarray, " n_w"] | None = None,
) -> CriticalPoint:
    """Return what claims H and I say of weights of the plain network h.

    Time O(K L n_w min(K L, n_w)) for the singular pair, memory O(K L n_w).

    Args:
        weights: without a normaliser.
        gradient_M: (K, L, n_w) ∇f(M): of the risk without penalty, with respect to the scores' matrix M = U
            Wᵀ.
        lambda_: λ > 0.
        tolerance: relative gradient norm below which the point counts as critical, and relative excess of
            ‖∇f‖_op over λ that counts as none.
        decay: (n_w,) a_j > 0; None for 1 each.

    Raises:
        InputError: a gradient or decays of another shape, a normaliser, λ ≤ 0, a tolerance outside 0 to 1.
    """
    G = as_array("gradient_M", gradient_M, 3)
    lambda_ = check_lambda(lambda_, positive=True)
    tolerance = check_real("tolerance", tolerance, 0.0, 1.0)
    if weights.radius is not None:
        raise InputError(
            f"theorem G is about the plain network, not about normaliser {weights.normaliser.name!r}"
        )
    shape = (weights.K, weights.L, weights.n_w)
    if G.shape != shape:
        raise InputError(f"gradient_M has shape {G.shape}, but must have (K, L, n_w) = {shape}")
    root = np.sqrt(np.ones(weights.n_w) if decay is None else as_array("decay", decay, 1))
    if len(root) != weights.n_w or not root.min() > 0:
        raise InputError(f"decay must be n_w = {weights.n_w} numbers > 0")
    W, U = root[:, None] * weights.W, weights.U.astype(np.float64)
    flat, rows = G.reshape(-1, weights.n_w) / root, U.reshape(-1, weights.d)
    left, values, right = np.linalg.svd(flat, full_matrices=False)
    top = float(values[0])
    parts = lambda_ * float(np.sqrt((W**2).sum() + (U**2).sum()))
    gradient = float(
        np.sqrt(((flat.T @ rows + lambda_ * W) ** 2).sum() + ((flat @ W + lambda_ * rows) ** 2).sum())
    )
    relative = gradient / parts if parts else 0.0
    free = _unused_directions(np.vstack([W, rows]))
    direction = None
    if relative > tolerance:
        verdict = "not critical"
    elif top <= lambda_ * (1 + tolerance):
        verdict = "global minimiser"
    elif len(free):
        verdict = "strict saddle"
        direction = Weights(
            np.outer(right[0] / root, free[0]), -np.outer(left[:, 0], free[0]).reshape(U.shape)
        )
    else:
        verdict = "undecided"
    return CriticalPoint(verdict, top, top / lambda_, relative, len(free), direction)


def _unused_directions(rows: np.ndarray) -> Float[np.ndarray, "n d"]:
    """Return an orthonormal basis of what is orthogonal to all rows (singular values below 1e-10)."""
    _, values, directions = np.linalg.svd(np.linalg.qr(rows, mode="r"))
    rank = int((values > 1e-10 * values[0]).sum()) if values[0] else 0
    return np.asarray(directions[rank:])
