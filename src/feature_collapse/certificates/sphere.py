"""R3: a lower bound on the risk (3) of a network with normalised words, from any weights (theory, section 5).

For any p_i in the simplex, G = Σ ω_i (p_i - e_{y_i}) ⊗ ζ(x_i), and any ν with Diag(ν) ⪰ GᵀG,

    D* = Σ_i ω_i Ent(p_i) - (ρ²/(2λ)) Σ_j ν_j  ≤  min over U and all V with ‖v_j‖ ≤ ρ, in any dimension.

Proof. f(M) ≥ ⟨G, M⟩ + Σ ω_i Ent(p_i). Minimising ⟨G, UᵀV⟩ + (λ/2)‖U‖² over U leaves -tr(V GᵀG Vᵀ)/(2λ), which
is at least -Σ_j ν_j ‖v_j‖²/(2λ), and 0 ≤ ν_j, ‖v_j‖² ≤ ρ². ∎

ρ = √d for LayerNorm and RMSNorm, 1 on the unit sphere; ε > 0 makes the norms smaller, so the bound stays
valid. The best ν solves min Σν subject to Diag(ν) ⪰ GᵀG, the dual of MaxCut's semidefinite program: a
logarithmic barrier and Newton's method on n_w unknowns. The ν used is proved feasible by a Cholesky
factorisation.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.certificates.definite import factorises, slack, top_eigenvalue
from feature_collapse.certificates.dual_point import UNIT, DualPoint
from feature_collapse.certificates.plain import best_over_theta

_STEPS = 60
NEWTON_LIMIT = 4000  # words; beyond, an eigenvalue shift of the starting ν


def sphere_bound(
    point: DualPoint,
    lambda_: float,
    radius: float,
    guess: Float[Tensor, " n_w"] | None = None,
    tolerance: float = 1e-5,
    enough: float = math.inf,
) -> float:
    """The bound D* with the best scaling of p towards the labels (θ as in R2); ≥ 0.

    Time O(n_w³): two factorisations, and some 30 times three where the search for ν is needed.

    Args:
        point: of the weights.
        lambda_: λ > 0.
        radius: ρ.
        guess: (n_w,) ν_j = (V GᵀG)_j·v_j/ρ² at any V with ‖v_j‖ = ρ (its sum is at most the least Σν; at the
            optimum it is feasible); None for row sums.
        tolerance: relative, on Σν: how near to the least one to get, where n_w ≤ NEWTON_LIMIT.
        enough: a bound that suffices; ν is not improved beyond it.
    """
    used = point.occurs.nonzero().squeeze(1)  # other words have ν = 0
    A = point.gram if len(used) == len(point.gram) else point.gram[used][:, used]
    row_sums = A.abs().sum(1)
    if float(row_sums.max()) == 0.0:
        return best_over_theta(point, radius**2 * len(used) * point.gram_error / (2.0 * lambda_), 1.0)
    scale, nu = _scaling(A, row_sums if guess is None else guess[used].to(A), row_sums)

    def bound(nu: Tensor) -> float:
        total = _proved_sum(A, nu * scale, point.gram_error)
        return best_over_theta(point, radius**2 * total / (2.0 * lambda_), 1.0)

    first = bound(nu)
    if first >= enough or len(used) > NEWTON_LIMIT:
        return first
    # the barrier starts from a ν of the same shape in which no word is far below its share
    share = row_sums * (float((nu * scale).sum()) / float(row_sums.sum()))
    start = torch.maximum(nu * scale, 0.1 * share)
    root = start.rsqrt()
    least = 0.0 if guess is None else float(guess[used].sum())  # ⟨GᵀG, X⟩ at X = VᵀV/ρ²
    needed = (point.entropy() - enough) * 2.0 * lambda_ / radius**2 * (1.0 - 1e-9)
    better = _barrier(A * root.unsqueeze(1) * root, start, torch.ones_like(start), tolerance, least, needed)
    scale = start
    return max(first, bound(better))


def _scaling(A: Tensor, guess: Tensor, row_sums: Tensor) -> tuple[Tensor, Tensor]:
    """The best of a few scales s, all near the guess, and the least ν/s equal for all words that is feasible."""
    best: tuple[float, Tensor, float] | None = None
    for floor in (1e-6, 0.01, 0.1, 1.0):
        scale = torch.maximum(guess, floor * row_sums).clamp_min(1e-12 * float(row_sums.max()))
        root = scale.rsqrt()
        top = top_eigenvalue(A * root.unsqueeze(1) * root.unsqueeze(0)) * (1.0 + 1e-10)
        total = top * float(scale.sum())
        if best is None or total < best[0]:
            best = (total, scale, top)
        if top < 1.1:
            break
    assert best is not None
    return best[1], torch.full_like(best[1], best[2])


def _proved_sum(A: Tensor, nu: Tensor, error: float) -> float:
    """Σν after scaling ν up until Diag(ν) - A factorises, the proof's slack and the error of A added."""
    excess = 0.0
    while True:
        grown = nu * (1.0 + excess)
        S = -A
        S.diagonal().add_(grown)
        if factorises(S):
            extra = slack(S) + error + 2.0 * UNIT * float(grown.max())
            return float((grown + extra).sum()) * (1.0 + 1e-13)
        excess = max(4.0 * excess, 1e-10)
        assert excess < 1e6


def _barrier(B: Tensor, weight: Tensor, nu: Tensor, tolerance: float, least: float, needed: float) -> Tensor:
    """Near-minimiser of weight·ν subject to Diag(ν) ⪰ B, from the edge of the feasible set.

    Newton's method on weight·ν/μ - log det(Diag(ν) - B), μ falling: at its minimum weight·ν is within n μ of
    the least. `least` is a lower bound on weight·ν, or 0.
    Stops early where weight·ν ≤ needed. About three n³ operations a step.
    """
    n = len(nu)
    best = nu
    excess = min(max(1.0 - least / float(weight @ nu), tolerance), 1.0)
    nu = (1.0 + 0.2 * excess) * nu
    mu = 0.03 * excess * float(weight @ nu) / n
    for _ in range(_STEPS):
        S = -B
        S.diagonal().add_(nu)
        factor, info = torch.linalg.cholesky_ex(S)
        if int(info):
            break
        inverse = torch.cholesky_inverse(factor)
        gradient = weight / mu - inverse.diagonal()
        curvature, info = torch.linalg.cholesky_ex(inverse * inverse)
        if int(info):  # the precision is used up
            break
        step = -torch.cholesky_solve(gradient.unsqueeze(1), curvature).squeeze(1)
        decrement = math.sqrt(max(0.0, -float(gradient @ step)))
        nu = nu + _step_length(S, factor, step, float(weight @ step) / mu, decrement) * step
        if float(weight @ nu) < float(weight @ best):
            best = nu
            if float(weight @ nu) <= needed:
                break
        if decrement < 1.0:
            if n * mu <= tolerance * float(weight @ nu):
                break
            mu *= 0.1
    return best


def _step_length(S: Tensor, factor: Tensor, step: Tensor, slope: float, decrement: float) -> float:
    """A step that lowers slope·t - log det(S + t Diag(step)): 1/(1 + decrement) does; doubled while that helps.

    `factor` is the Cholesky factor of S. O(n³/3) a trial.
    """
    t = 1.0 / (1.0 + decrement)
    best, chosen = -2.0 * float(factor.diagonal().log().sum()), 0.0
    while True:
        moved = S.clone()
        moved.diagonal().add_(step, alpha=t)
        tried, info = torch.linalg.cholesky_ex(moved)
        value = slope * t - 2.0 * float(tried.diagonal().log().sum()) if int(info) == 0 else math.inf
        if not value < best:
            return chosen if chosen > 0.0 else t
        best, chosen, t = value, t, 2.0 * t
