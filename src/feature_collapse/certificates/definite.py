"""Proofs of definiteness in floating point: a Cholesky factorisation that runs to its end.

If the factorisation of a symmetric n×n matrix B succeeds in float64, then B + εI ⪰ 0 with ε = γ tr(B),
γ = (n+1)u/(1 - 2(n+1)u), u = 2^-53 (S. Rump, Verification of positive definiteness, BIT 46, 2006). Bounds
from here are proved, not estimated.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

from feature_collapse.array_kinds import Array, add_to_diagonal, module_of, to_numpy
from feature_collapse.certificates.dual_point import UNIT

_DENSE = 300  # up to here all eigenvalues are as cheap as some
_SMALLEST = 1e-250  # entries below this are not divided by one another


def slack(B: Float[Array, "n n"]) -> float:
    """Return ε such that B + εI ⪰ 0 is proved by a Cholesky factorisation of B, for diagonals ≥ 0. O(n)."""
    n = len(B)
    gamma = (n + 1) * UNIT / (1.0 - 2.0 * (n + 1) * UNIT)
    return 1.01 * gamma * float(module_of(B).abs(B.diagonal()).sum())


def factorises(B: Float[Array, "n n"]) -> bool:
    """Return whether the Cholesky factorisation of B succeeds. O(n³/3) time, n² memory."""
    if isinstance(B, np.ndarray):
        try:
            np.linalg.cholesky(B)
        except np.linalg.LinAlgError:
            return False
        return True
    return int(module_of(B).linalg.cholesky_ex(B)[1]) == 0


def largest_eigenvalue_bound(A: Float[Array, "n n"]) -> float:
    """Return a proved upper bound on the largest eigenvalue of a positive semi-definite A, tight to 1e-9.

    Infinity where an entry is not finite. O(n³).
    """
    row_sums = float(module_of(A).abs(A).sum(1).max()) * (1.0 + 2.0 * len(A) * UNIT)
    if not math.isfinite(row_sums):
        return math.inf
    if row_sums <= _SMALLEST:  # by Gershgorin
        return row_sums
    unit = 2.0 ** round(math.log2(row_sums))  # A neither under- nor overflows in this unit
    return unit * _eigenvalue_bound(A / unit)


def _eigenvalue_bound(A: Float[Array, "n n"]) -> float:
    estimate = top_eigenvalue(A)
    excess = 1e-9
    while True:
        bound = estimate * (1.0 + excess)
        B = -A
        add_to_diagonal(B, bound)
        if factorises(B):
            # the subtraction on the diagonal rounds once more
            return bound + slack(B) + 2.0 * UNIT * bound
        excess *= 4.0
        assert excess < 1e6, len(A)


def top_eigenvalue(A: Float[Array, "n n"]) -> float:
    """Return the largest eigenvalue of a symmetric A, as an estimate. O(n³) up to n = 300, Lanczos beyond."""
    found = _lanczos(A, 1) if _is_large(A) else None
    return float(module_of(A).linalg.eigvalsh(A)[-1]) if found is None else float(found[0][-1])


def top_eigenpairs(A: Float[Array, "n n"], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest `count` eigenvalues (falling) and eigenvectors (columns) of a symmetric A, as estimates."""
    n = len(A)
    count = min(count, n)
    found = _lanczos(A, min(count, n - 2)) if _is_large(A) else None
    if found is None:
        all_values, all_vectors = module_of(A).linalg.eigh(A)
        found = to_numpy(all_values[n - count :]), to_numpy(all_vectors[:, n - count :])
    values, vectors = found
    order = np.argsort(-values)
    return values[order], vectors[:, order]


def _is_large(A: Array) -> bool:
    """Return whether Lanczos is the faster way: many words, and on the CPU."""
    return len(A) > _DENSE and (isinstance(A, np.ndarray) or A.device.type == "cpu")


def _lanczos(A: Array, count: int) -> tuple[np.ndarray, np.ndarray] | None:
    """The largest eigenvalues and their vectors; None where Lanczos does not get there (A = 0, clusters)."""
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh  # a fifth of a second to load

    n, xp = len(A), module_of(A)

    def multiply(x: np.ndarray) -> np.ndarray:
        return to_numpy(A @ xp.asarray(np.ascontiguousarray(x.ravel())))

    operator = LinearOperator((n, n), matvec=multiply, dtype=np.float64)
    start = np.random.default_rng(0).standard_normal(n)
    ncv = min(n, max(60, 3 * count))
    try:
        values, vectors = eigsh(operator, k=count, which="LA", tol=1e-9, v0=start, ncv=ncv)
    except ArpackError:  # no convergence is one of them
        return None
    return values, vectors
