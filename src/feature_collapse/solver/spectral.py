"""The starting point: leading singular vectors of the gradient at zero weights.

At M = 0 every class has probability 1/K, so that G_0 = ∇f(0) has the entries

    G_0[(k,ℓ), w] = m_{ℓ,w}/K - m_{k,ℓ,w},

m_{k,ℓ,w} the weight of class k's sentences with word w at place ℓ, m_{ℓ,w} that of all sentences. λ_max =
‖G_0‖_op: for λ ≥ λ_max zero weights minimise the plain network's risk (R2). Below it the weights first grow
along G_0's leading singular vectors, which group the words by concept.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from feature_collapse.risk.class_sums import class_sums
from feature_collapse.risk.problem import Problem

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix
    from scipy.sparse.linalg import LinearOperator

_FEW = 8  # words for which G_0 is built whole, without scipy


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
    """Return G_0 Diag(column_scale) as an operator; O(N L) time a product, O(N L) memory.

    Without a scale, that of the problem's decay: G_0 Diag(a)^{-1/2}.
    """
    from scipy.sparse import csr_matrix, diags  # a fifth of a second to load, with what follows
    from scipy.sparse.linalg import LinearOperator

    column_scale = problem.word_units() if column_scale is None else column_scale
    (N, L), K, n_w = problem.words.shape, problem.K, problem.n_w
    omega = problem.shares()
    flat = problem.words.astype(np.int64).reshape(-1)
    rows = (problem.labels.astype(np.int64)[:, None] * L + np.arange(L)).reshape(-1)
    values = np.repeat(omega, L)
    own = csr_matrix((values, (rows, flat)), shape=(K * L, n_w))
    mean = csr_matrix((values / K, (np.tile(np.arange(L), N), flat)), shape=(L, n_w)).toarray()
    if column_scale is not None:
        own, mean = (own @ diags(column_scale)).tocsr(), mean * column_scale
    own_torch, own_T = to_torch(own), to_torch(own.T.tocsr())

    def forward(x: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(x.reshape(n_w, -1))
        product = torch.mm(own_torch, torch.from_numpy(x)).numpy().reshape(K, L, -1)
        return np.asarray((mean @ x - product).reshape(K * L, -1))

    def back(y: np.ndarray) -> np.ndarray:
        y = np.ascontiguousarray(y.reshape(K * L, -1))
        return np.asarray(mean.T @ y.reshape(K, L, -1).sum(0) - torch.mm(own_T, torch.from_numpy(y)).numpy())

    return LinearOperator(
        (K * L, n_w),
        matvec=lambda x: forward(x)[:, 0],
        rmatvec=lambda y: back(y)[:, 0],
        matmat=forward,
        rmatmat=back,
        dtype=np.float64,
    )


def to_torch(matrix: csr_matrix) -> torch.Tensor:
    """Return a scipy CSR matrix as torch's, whose products use all cores."""
    with warnings.catch_warnings():  # "sparse CSR is in beta"
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr),
            torch.from_numpy(matrix.indices),
            torch.from_numpy(matrix.data),
            size=matrix.shape,
            check_invariants=False,
        )


def leading(G: LinearOperator, rank: int, seed: int = 0, rounds: int = 5) -> Spectrum:
    """Approximate leading singular triplets by subspace iteration; exact ones are not needed for a start."""
    height, width = G.shape
    rank = min(rank, height, width)
    block = min(rank + 8, height, width)
    Q = np.random.default_rng(seed).standard_normal((width, block))
    for _ in range(rounds):
        Q = torch.linalg.qr(torch.from_numpy(G.rmatmat(G.matmat(Q))))[0].numpy()
    left, values, right = torch.linalg.svd(torch.from_numpy(G.matmat(Q)), full_matrices=False)
    turned = torch.from_numpy(Q) @ right.T
    return Spectrum(left[:, :rank].numpy(), values[:rank].numpy(), turned[:, :rank].numpy())


def lambda_max(problem: Problem) -> float:
    """Return λ_max = ‖∇f(0) Diag(a)^{-1/2}‖_op, to about 1e-6 relative. O(N L) a Lanczos step.

    At and above it the plain network's global minimum is at zero weights. A normalised network has no such λ.
    """
    if problem.n_w <= _FEW:
        return float(torch.linalg.matrix_norm(image_at_zero(problem, np.eye(problem.n_w)), 2))
    from scipy.sparse.linalg import ArpackError, svds

    G = gradient_at_zero(problem)
    if min(G.shape) <= 2:
        return float(np.linalg.norm(G.matmat(np.eye(G.shape[1])), 2))
    start = np.random.default_rng(0).standard_normal(min(G.shape))
    try:
        return float(svds(G, k=1, tol=1e-7, v0=start, return_singular_vectors=False)[0])
    except ArpackError:  # nothing but rounding: every class says the same
        return float(leading(G, 1, rounds=50).values[0])


def image_at_zero(problem: Problem, X: np.ndarray) -> torch.Tensor:
    """Return G_0 Diag(a)^{-1/2} X for columns X (n_w, b), as (K L, b), without building G_0. O(N L b)."""
    word_units = problem.word_units()
    columns = torch.from_numpy(X if word_units is None else X * word_units[:, None])
    own = class_sums(problem.words, problem.labels, torch.from_numpy(problem.shares()), problem.K, columns)
    return (own.sum(0) / problem.K - own).reshape(problem.K * problem.L, -1)


def stretch_at_zero(problem: Problem, v: np.ndarray) -> float:
    """Return ‖G_0 Diag(a)^{-1/2} v‖/‖v‖ ≤ λ_max for any v (n_w,), without building G_0. O(N L)."""
    return float(image_at_zero(problem, v[:, None]).norm() / np.linalg.norm(v))
