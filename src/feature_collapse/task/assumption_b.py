"""Assumption B, the hypothesis of the converses of theorems 1 and 3 (paper appendix B.2, equations 43-44).

    B: the only positive semi-definite A with ⟨A, Γ_jk⟩ = ⟨A, Γ_j'k'⟩ whenever dist(z_j, z_k) = dist(z_j',
    z_k'),
       Γ_jk = (Z_k - Z_j) Z_kᵀ, are A = a I + b 11ᵀ.

Decided by a rank: I and 11ᵀ solve the linear system and I is positive definite, so a small multiple of any
further symmetric solution may be added to it. Hence B holds if and only if the symmetric solutions have
dimension 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from feature_collapse.errors import check_int
from feature_collapse.task.latents import Latents, given

_PAIRS = 2**14  # pairs (j, k) looked at together


@dataclass(frozen=True)
class AssumptionB:
    """The answer: `dimension` of the space of symmetric solutions, 2 if and only if B holds."""

    dimension: int
    unknowns: int

    @property
    def holds(self) -> bool:
        """Whether assumption B holds."""
        return self.dimension == 2


def assumption_b(latents: Latents, n_c: int) -> AssumptionB:
    """Decide assumption B by the rank of its linear system of n_c(n_c+1)/2 unknowns.

    Stops as soon as the rank is full, which random latents reach within the first pairs; time
    O(K² (L + n_c⁴)) where B fails, memory O(n_c⁴ + 2^14 n_c²).

    Raises:
        InputError: latents that are not a K×L table of 0..n_c-1.
    """
    n_c = check_int("n_c", n_c, 2, 200)
    latents = given(latents, n_c)
    K, L = latents.shape
    upper = np.triu_indices(n_c)
    unknowns = len(upper[0])
    basis = np.zeros((0, unknowns))
    first: dict[int, np.ndarray] = {}  # for each distance, the left-hand side that all others must equal
    for start in range(0, K * K, _PAIRS):
        pair = np.arange(start, min(start + _PAIRS, K * K))
        z_j, z_k = latents[pair % K], latents[pair // K]
        rows = np.unique(np.column_stack([(z_j != z_k).sum(axis=1), _left_sides(z_j, z_k, n_c)]), axis=0)
        equations = []
        for distance in np.unique(rows[:, 0]):
            sides = rows[rows[:, 0] == distance, 1:].astype(np.float64)
            equations.append(sides - first.setdefault(int(distance), sides[0]))
        basis = _extend(basis, np.vstack(equations) / L)
        if len(basis) == unknowns - 2:
            break
    return AssumptionB(unknowns - len(basis), unknowns)


def _left_sides(z_j: np.ndarray, z_k: np.ndarray, n_c: int) -> np.ndarray:
    """Return ⟨A, Γ_jk⟩ as coefficients of the entries of A on and above the diagonal, a row a pair."""
    n = len(z_j)
    index = (np.arange(n)[:, None] * n_c + z_j) * n_c + z_k
    counts = np.bincount(index.ravel(), minlength=n * n_c * n_c).reshape(
        n, n_c, n_c
    )  # [a, b]: z_j = a, z_k = b
    form = -counts - counts.transpose(0, 2, 1)
    diagonal = np.arange(n_c)
    form[:, diagonal, diagonal] = counts.sum(axis=1) - counts[:, diagonal, diagonal]
    rows, columns = np.triu_indices(n_c)
    return np.asarray(form[:, rows, columns])


def _extend(basis: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return an orthonormal basis of the span of `basis` and `rows`.

    Entries of rows are multiples of 1/L, at most 2.
    """
    for _ in range(2):
        rows = rows - rows @ basis.T @ basis
    rows = rows[np.linalg.norm(rows, axis=1) > 1e-9]
    if not len(rows):
        return basis
    _, values, directions = np.linalg.svd(rows, full_matrices=False)
    return np.vstack([basis, directions[values > 1e-9 * max(1.0, values[0])]])
