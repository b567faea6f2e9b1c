"""Ways out of a saddle: claim I (theorem G) and its counterpart on the sphere.

Plain network: at a critical point with ‖∇f(M)‖_op > λ and directions that (W, U) do not use, moving both
factors along a singular pair of -∇f with σ > λ, in an unused direction, lowers the risk by (σ - λ)a² + O(a⁴).
The pairs are taken among the right singular vectors orthogonal to the words' own directions.

Normalised network: with ν_j = ⟨(V GᵀG)_j, v_j⟩/ρ², eigenvectors q of GᵀG against Diag(ν) with an eigenvalue
above 1 lower the risk when each word turns by a q_j towards a new axis and U follows.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from feature_collapse.certificates.definite import top_eigenpairs
from feature_collapse.certificates.dual_point import DualPoint
from feature_collapse.solver.factors import on_sphere
from feature_collapse.solver.objective import Model

STEPS = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 1e-3, 3e-4, 1e-4, 1e-5)  # tried until one is worse than the best


def directions(
    point: DualPoint, V: Tensor, lambda_: float, radius: float | None, tolerance: float, count: int
) -> Tensor:
    """Return (n_w, ≤ count) unused directions along which the risk falls: σ > (1 + tolerance) λ.

    O(n_w³).
    """
    A, occurs = point.gram, point.occurs
    assert isinstance(A, Tensor)
    assert isinstance(occurs, Tensor)
    n_w, r = V.shape
    if count < 1:  # the rank is at its limit
        return V.new_zeros((n_w, 0))
    if radius is None:
        root = torch.ones(n_w, dtype=A.dtype, device=A.device)
        level = (lambda_ * (1.0 + tolerance)) ** 2
    else:
        nu = (A @ V * V).sum(1) / radius**2
        if not float(nu.max()) > 0.0:
            return V.new_zeros((n_w, 0))
        nu = torch.where(occurs, nu.clamp_min(1e-9 * float(nu.max())), torch.inf)
        root = nu.rsqrt()
        A = A * root.unsqueeze(1) * root
        level = 1.0 + tolerance
    if r:
        used = torch.where(root.unsqueeze(1) > 0, V / root.unsqueeze(1), 0.0)
        Q, _ = torch.linalg.qr(used)
        A = A - Q @ (Q.T @ A)
        A = A - (A @ Q) @ Q.T
    values, vectors = top_eigenpairs(0.5 * (A + A.T), min(count, n_w))
    chosen = vectors[:, values > level]
    return torch.from_numpy(np.ascontiguousarray(chosen)).to(V) * root.unsqueeze(1)


def add(
    model: Model, V: Tensor, U: Tensor, new: Tensor, lambda_: float, radius: float | None
) -> tuple[Tensor, Tensor, bool]:
    """Return V and U with the new directions, at the step that lowers the risk most.

    The last value is False where none of the steps lowers it by more than the rounding.
    """
    forces = model.forces(V, U, new)
    if radius is None:
        sizes = V.norm(dim=0)
        scale = float(sizes.median()) if len(sizes) else 1.0
        W_new, U_new = scale * new, -scale * forces / forces.norm(dim=0)
    else:
        scale = radius / float(new.abs().max())
        W_new, U_new = scale * new, -scale * forces / lambda_
    now = model.value(V, U) if V.shape[1] else float("inf")
    noise = 1e-12 if model.risk.dtype == torch.float64 else 1e-8
    best = (now - noise * abs(now) if V.shape[1] else now, V, U)
    found = False
    for step in STEPS:
        V_try, U_try = torch.cat((V, step * W_new), 1), torch.cat((U, step * U_new), 1)
        if radius is not None:
            V_try = on_sphere(V_try, radius)
        value = model.value(V_try, U_try)
        if value < best[0]:
            best, found = (value, V_try, U_try), True
        elif found:
            break
    return best[1], best[2], found
