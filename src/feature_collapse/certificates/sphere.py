"""R3: a lower bound on the risk (3) of a network with normalised words, from any weights (theory, section 5).

For any p_i in the simplex, G = Σ ω_i (p_i - e_{y_i}) ⊗ ζ(x_i), and any ν with Diag(ν) ⪰ GᵀG,

    D* = Σ_i ω_i Ent(p_i) - (ρ²/(2λ)) Σ_j ν_j  ≤  min over U and all V with ‖v_j‖ ≤ ρ, in any dimension.

Proof. f(M) ≥ ⟨G, M⟩ + Σ ω_i Ent(p_i). Minimising ⟨G, UᵀV⟩ + (λ/2)‖U‖² over U leaves -tr(V GᵀG Vᵀ)/(2λ), which
is at least -Σ_j ν_j ‖v_j‖²/(2λ), and 0 ≤ ν_j, ‖v_j‖² ≤ ρ². ∎

ρ = √d for LayerNorm and RMSNorm, 1 on the unit sphere; ε > 0 makes the norms smaller, so the bound stays
valid. The best ν solves min Σν subject to Diag(ν) ⪰ GᵀG, the dual of MaxCut's semidefinite program: a
logarithmic barrier and Newton's method on n_w unknowns. The ν used is proved feasible by a Cholesky
factorisation.

On numpy arrays, of few words near the minimum, ν is the guess in its best scale: the search is torch's work.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.array_kinds import Array, add_to_diagonal, module_of
from feature_collapse.certificates.definite import factorises, slack, top_eigenvalue
from feature_collapse.certificates.dual_point import UNIT, DualPoint
from feature_collapse.certificates.plain import best_over_theta

NEWTON_LIMIT = 4000  # words; beyond, an eigenvalue shift of the starting ν
_SMALLEST = 1e-250  # entries of GᵀG below this are not divided by one another


@dataclass(frozen=True)
class Search:
    """How far the best ν is searched for.

    Attributes:
        tolerance: relative, on Σν: how near to the least one to get, where n_w ≤ NEWTON_LIMIT.
        gap: relative, of the risk, that suffices.
        enough: a bound that suffices; ν is not improved beyond it.
    """

    tolerance: float = 1e-5
    gap: float = 0.0
    enough: float = math.inf


def sphere_bound(
    point: DualPoint,
    lambda_: float,
    radius: float,
    guess: Float[Array, " n_w"] | None = None,
    search: Search | None = None,
) -> tuple[float, Float[Array, " n_w"] | None]:
    """Return the bound D* with the best scaling of p towards the labels (θ as in R2), ≥ 0, and its ν.

    No ν where nothing is proved: a λ too small, a gradient out of range.

    Time O(n_w³): two factorisations, and some 30 times three where the search for ν is needed.

    Args:
        point: of the weights.
        lambda_: λ > 0.
        radius: ρ.
        guess: (n_w,) ν_j = (V GᵀG)_j·v_j/ρ² at any V with ‖v_j‖ = ρ (its sum is at most the least Σν; at the
            optimum it is feasible); None for row sums.
        search: for a better ν.
    """
    search = search or Search()
    xp = module_of(point.gram)
    used = xp.argwhere(point.occurs)[:, 0]  # other words have ν = 0
    A = point.gram if len(used) == len(point.gram) else point.gram[used][:, used]
    factor = radius**2 / (2.0 * lambda_)

    row_sums = xp.abs(A).sum(1)
    # λ is so small, or the gradient so far out of range, that nothing is proved
    if not math.isfinite(factor) or not math.isfinite(float(row_sums.sum())):
        return 0.0, None

    def bound(nu: Array) -> tuple[float, Array]:
        """Return D* and ν over all words, from that of the words that occur."""
        whole = xp.zeros_like(point.gram[0])
        whole[used] = nu
        return best_over_theta(point, factor * _sum(nu), 1.0), whole

    if float(row_sums.max()) < _SMALLEST:  # Diag(row sums) ⪰ A, by Gershgorin
        return bound(row_sums * (1.0 + 4.0 * len(A) * UNIT) + point.gram_error)
    # in units of a power of two near its largest entry, A neither under- nor overflows
    unit = 2.0 ** round(math.log2(float(row_sums.max())))
    A, row_sums, error = A / unit, row_sums / unit, point.gram_error / unit
    start = row_sums if guess is None else guess[used] / unit
    scale, nu = _scaling(A, start, row_sums)
    first = bound(_proved(A, nu * scale, error) * unit)
    if first[0] >= search.enough or len(used) > NEWTON_LIMIT or isinstance(A, np.ndarray):
        return first
    from feature_collapse.certificates.barrier import Goal, nearly_least  # which loads torch

    least = 0.0 if guess is None else float(start.sum())  # ⟨GᵀG, X⟩ at X = VᵀV/ρ²
    needed = (point.entropy() - search.enough) / factor / unit * (1.0 - 1e-9)
    # the barrier starts from a ν of the same shape in which no word is far below its share
    share = row_sums * (float((nu * scale).sum()) / float(row_sums.sum()))
    scale = xp.maximum(nu * scale, 0.1 * share)
    root = scale**-0.5
    goal = Goal(scale, search.tolerance, least, needed)
    better = nearly_least(A * root[:, None] * root, goal)
    second = bound(_proved(A, better * scale, error) * unit)
    return max(first, second, key=lambda found: found[0])


def _scaling(A: Array, guess: Array, row_sums: Array) -> tuple[Array, Array]:
    """Return the best of a few scales s near the guess, and the least feasible ν/s equal for all words."""
    xp = module_of(A)
    best: tuple[float, Array, float] | None = None
    for floor in (1e-6, 0.01, 0.1, 1.0):
        scale = xp.maximum(guess, floor * row_sums).clip(1e-12 * float(row_sums.max()))
        root = scale**-0.5
        top = top_eigenvalue(A * root[:, None] * root) * (1.0 + 1e-10)
        total = top * float(scale.sum())
        if best is None or total < best[0]:
            best = (total, scale, top)
        if top < 1.1:
            break
    assert best is not None
    return best[1], xp.full_like(best[1], best[2])


def _sum(nu: Array) -> float:
    """Return Σν or hardly more, in spite of rounding."""
    return float(nu.sum()) * (1.0 + 4.0 * len(nu) * UNIT)


def _proved(A: Array, nu: Array, error: float) -> Array:
    """Return ν scaled up until Diag(ν) - A factorises, the proof's slack and the error of A added."""
    excess = 0.0
    while True:
        grown = nu * (1.0 + excess)
        S = -A
        add_to_diagonal(S, grown)
        if factorises(S):
            extra = slack(S) + error + 2.0 * UNIT * float(grown.max())
            return grown + extra
        excess = max(4.0 * excess, 1e-10)
        assert excess < 1e6
