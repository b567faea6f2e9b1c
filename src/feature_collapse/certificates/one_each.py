"""The dual point (see `gradient_pass`) where every class has one sentence, of few words: with numpy alone.

The gradient is held whole. The bounds on rounding are those of `gradient_pass._Pass._finished`, for sums of K
numbers in any order.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from feature_collapse.certificates.dual_point import UNIT, DualPoint, weighted_sum
from feature_collapse.risk.one_each import OneEach

_RANGE = 600.0  # e to this power, and sums of many of them, are finite
_TINY = 2.0**-1074


def dual_point_of(
    risk: OneEach,
    V: Float[np.ndarray, "n_w r"],
    U: Float[np.ndarray, "K L*r"],
) -> DualPoint | None:
    """Return the dual point of representations V and linear weights U; None where scores are out of range.

    2 K² L (r + n_w) flops, K² exponentials; 16 K² and 8 K L n_w bytes.

    Args:
        risk: the data term.
        V: word representations after any normalisation.
        U: u_{k,ℓ} side by side.
    """
    (K, L), n_w, omega = risk.words.shape, len(V), risk.omega
    largest = 2.0 * L * float(np.linalg.norm(V, axis=1).max(initial=0.0))
    largest *= float(np.linalg.norm(U.reshape(K * L, -1), axis=1).max())
    if not largest < _RANGE:
        return None
    _, scores = risk.outputs(V, U)
    e = np.exp(scores)
    np.fill_diagonal(e, 0.0)
    others = e.sum(1)
    z = 1.0 + others
    q, log_z = others / z, np.log1p(others)
    moments = np.einsum("ik,ik->i", scores, e) / z
    np.fill_diagonal(e, -others)  # p_y - 1, times z
    e *= (omega / z)[:, None]
    G = (e.T @ risk.by_word.reshape(n_w, K, L).transpose(1, 2, 0).reshape(K, -1)).reshape(-1, n_w)
    # bounds on rounding: see `gradient_pass`
    in_rows = float(np.abs(e).sum(0).max())  # of the absolute terms
    in_columns = 2.0 * float((risk.by_word.reshape(n_w, K, L).sum(2) @ (omega * q)).max())
    size = in_rows * in_columns
    trace = float(np.square(G).sum())
    delta = 1.01 * (3 * K + L + 16) * UNIT * math.sqrt(size) + math.sqrt(G.size) * (K + 2) * _TINY
    underflow = (G.size + 8) * _TINY
    product = 1.01 * K * L * UNIT * min(size, 1.01 * trace) + underflow
    return DualPoint(
        weighted_sum(omega, log_z),
        log_z * q - moments,
        q,
        omega,
        G.T @ G,
        product + 2.0 * math.sqrt(trace + underflow) * delta + delta**2,
        (2 * K + 65 + U.shape[1]) * UNIT,
        largest + math.log(K),
        K * (4 * K + 16) * _TINY,
        risk.by_word.any(1),
    )
