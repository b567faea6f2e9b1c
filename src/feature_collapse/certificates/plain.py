"""R2: a lower bound on the risk (2) of the plain network from any weights whatever (theory, section 5).

With p_i the softmax outputs, G = ∇f(M) and θ ≤ λ/‖G‖_op, θ ≤ 1,

    D = Σ_i ω_i Ent((1-θ) e_{y_i} + θ p_i)  ≤  min over all W, U and all d of risk (2).

Proof. Log-sum-exp is the conjugate of -Ent, so f(M) ≥ ⟨G', M⟩ + Σ ω_i Ent(p'_i) for all p'_i in the simplex
and G' = Σ ω_i (p'_i - e_{y_i}) ⊗ ζ(x_i). With p'_i = (1-θ)e_{y_i} + θp_i we have G' = θG, ‖G'‖_op ≤ λ, and
|⟨G', UᵀW⟩| ≤ ‖G'‖_op ‖UᵀW‖_* ≤ (λ/2)(‖W‖² + ‖U‖²). ∎

Where word j decays with a_j λ in place of λ: the same with w'_j = √a_j w_j, whose gradient is G
Diag(a)^{-1/2}.

‖G‖_op is bounded from above with proof: Gram matrix with its error bound, Cholesky factorisation.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from feature_collapse.certificates.definite import largest_eigenvalue_bound
from feature_collapse.certificates.dual_point import DualPoint

_NEAR = 1e-4  # relative, of two values of θ that are compared
_GOLDEN = (math.sqrt(5.0) - 1.0) / 2.0


def operator_norm_bound(point: DualPoint) -> float:
    """Return a proved upper bound on ‖G‖_op. O(n_w³)."""
    return math.sqrt(largest_eigenvalue_bound(point.gram) + point.gram_error) * (1.0 + 1e-15)


def plain_bound(point: DualPoint, lambda_: float, operator_norm: float) -> float:
    """Return the best D over 0 ≤ θ ≤ min(1, λ/‖G‖_op); ≥ 0. O(N) per trial of θ."""
    if not math.isfinite(operator_norm):  # a gradient out of range
        return 0.0
    return best_over_theta(point, 0.0, min(1.0, lambda_ / operator_norm) if operator_norm > 0 else 1.0)


def best_over_theta(point: DualPoint, quadratic: float, largest: float) -> float:
    """Return the largest over 0 ≤ θ ≤ largest of Σ ω_i Ent((1-θ)e + θp_i) - quadratic·θ², and 0.

    Every θ gives a valid bound, and they are concave in θ: where a slightly smaller one than the largest is
    worse, so are all the others. O(N) per trial.
    """
    if not math.isfinite(quadratic):
        return 0.0

    def value(theta: float) -> float:
        return point.entropy(theta) - quadratic * theta * theta

    at_largest = value(largest)
    if value(largest * (1.0 - _NEAR)) <= at_largest:
        return max(0.0, at_largest)
    return max(0.0, at_largest, _concave_maximum(value, largest))


def _concave_maximum(value: Callable[[float], float], high: float) -> float:
    """Return the largest value on [0, high] by golden sections, to 1e-6 of the argument.

    Ours, because scipy.optimize takes a third of a second to load.
    """
    low, tolerance = 0.0, 1e-6 * high
    left, right = high - _GOLDEN * high, _GOLDEN * high
    at_left, at_right = value(left), value(right)
    while high - low > tolerance:
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = value(right)
        else:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = value(left)
    return max(at_left, at_right)
