"""The starting point: leading singular vectors of the gradient at zero weights.

At M = 0 every class has probability 1/K, so that G_0 = ∇f(0) has the entries

    G_0[(k,ℓ), w] = m_{ℓ,w}/K - m_{k,ℓ,w},

m_{k,ℓ,w} the weight of class k's sentences with word w at place ℓ, m_{ℓ,w} that of all sentences. λ_max = ‖G_0‖_op:
for λ ≥ λ_max zero weights minimise the plain network's risk (R2). Below it the weights first grow along G_0's
leading singular vectors, which group the words by concept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
from scipy.sparse.linalg import LinearOperator

from feature_collapse.training.problem import Problem


@dataclass(frozen=True)
class Spectrum:
    """Leading singular triplets of G_0, with G_0 ≈ left · diag(values) · rightᵀ.

    Attributes:
        left: (K L, r), rows (k, ℓ).
        values: (r,), falling.
        right: (n_w, r).
    """

    left: np.ndarray
    values: np.ndarray
    right: np.ndarray


def gradient_at_zero(problem: Problem, column_scale: np.ndarray | None = None) -> LinearOperator:
    """G_0 Diag(column_scale) as an operator; O(N L) time a product, O(N L) memory."""
    (N, L), K, n_w = problem.words.shape, problem.K, problem.n_w
    omega = np.full(N, 1.0 / N) if problem.weights is None else problem.weights
    flat = problem.words.astype(np.int64).reshape(-1)
    rows = (problem.labels.astype(np.int64)[:, None] * L + np.arange(L)).reshape(-1)
    values = np.repeat(omega, L)
    own = scipy.sparse.csr_matrix((values, (rows, flat)), shape=(K * L, n_w))
    mean = scipy.sparse.csr_matrix((values / K, (np.tile(np.arange(L), N), flat)), shape=(L, n_w))
    if column_scale is not None:
        scale = scipy.sparse.diags(column_scale)
        own, mean = (own @ scale).tocsr(), (mean @ scale).tocsr()
    own_T, mean_T = own.T.tocsr(), mean.T.tocsr()

    def forward(x: np.ndarray) -> np.ndarray:
        x = x.reshape(n_w, -1)
        return np.asarray(np.tile(mean @ x, (K, 1)) - own @ x)

    def back(y: np.ndarray) -> np.ndarray:
        y = y.reshape(K * L, -1)
        return np.asarray(mean_T @ y.reshape(K, L, -1).sum(0) - own_T @ y)

    return LinearOperator((K * L, n_w), matvec=lambda x: forward(x)[:, 0], rmatvec=lambda y: back(y)[:, 0],
                          matmat=forward, rmatmat=back, dtype=np.float64)


def leading(G: LinearOperator, rank: int, seed: int = 0, rounds: int = 8) -> Spectrum:
    """Approximate leading singular triplets by subspace iteration; exact ones are not needed for a start."""
    height, width = G.shape
    rank = min(rank, height, width)
    block = min(rank + 8, height, width)
    Q = np.random.default_rng(seed).standard_normal((width, block))
    for _ in range(rounds):
        Q, _ = np.linalg.qr(G.rmatmat(G.matmat(Q)))
    left, values, right = np.linalg.svd(G.matmat(Q), full_matrices=False)
    return Spectrum(left[:, :rank], values[:rank], (Q @ right.T)[:, :rank])


def lambda_max(problem: Problem) -> float:
    """λ_max = ‖∇f(0)‖_op, to about 1e-6 relative. O(N L) per Lanczos step.

    At and above it the plain network's global minimum is at zero weights. A normalised network has no such λ.
    """
    G = gradient_at_zero(problem)
    if min(G.shape) <= 2:
        dense = G.matmat(np.eye(G.shape[1]))
        return float(np.linalg.norm(dense, 2))
    start = np.random.default_rng(0).standard_normal(min(G.shape))
    return float(scipy.sparse.linalg.svds(G, k=1, tol=1e-7, v0=start, return_singular_vectors=False)[0])
