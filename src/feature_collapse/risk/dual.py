"""The dual point of given weights: softmax outputs, their entropies, and the Gram matrix of the gradient.

    p_i = softmax(s_i),    G = Σ_i ω_i (p_i - e_{y_i}) ⊗ ζ(x_i)  (a (KL)×n_w matrix),    Gram = GᵀG.

Both certificates (R2, R3) hold for any p_i in the simplex, so they are lower bounds on the risk whatever the weights
are; everything here is in float64, and the rounding that remains is bounded and carried along.

Time 2 N K L r flops, N K exponentials, N K L additions and K L n_w² flops for the Gram matrix. Memory: that of the
Gram matrix, of L n_w gradients per class of a block of classes, and of the scores of a chunk of sentences.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.errors import InputError

UNIT = 2.0**-53  # rounding of float64
_UNIT_SINGLE = 2.0**-24
_SINGLE_FLOPS = 2e13  # a Gram matrix that costs more is multiplied in float32, with the larger rounding bound


@dataclass(frozen=True)
class DualPoint:
    """What a certificate needs to know of the weights.

    Attributes:
        data_term: Σ_i ω_i ℓ(s_i, y_i).
        other: (N,) -Σ_{k≠y} p_k log p_k for each sentence.
        at_label: (N,) p_y for each sentence.
        omega: (N,) weights of the sentences.
        gram: (n_w, n_w) GᵀG.
        gram_error: bound on the operator norm of the error of `gram`.
        entropy_error: bound on the rounding error of a mean entropy and of the data term.
        occurs: (n_w,) whether a word occurs at all; where not, its row and column of `gram` are zero.
    """

    data_term: float
    other: Float[Tensor, " N"]
    at_label: Float[Tensor, " N"]
    omega: Float[Tensor, " N"]
    gram: Float[Tensor, "n_w n_w"]
    gram_error: float
    entropy_error: float
    occurs: Float[Tensor, " n_w"]

    def entropy(self, theta: float = 1.0) -> float:
        """Σ_i ω_i Ent((1-θ) e_{y_i} + θ p_i), 0 ≤ θ ≤ 1, less its rounding error: a lower bound. O(N)."""
        if theta == 0.0:
            return 0.0
        off = theta * (self.other - (1.0 - self.at_label) * math.log(theta))
        on = 1.0 - theta + theta * self.at_label
        return float(torch.dot(self.omega, off - torch.xlogy(on, on))) - self.entropy_error


def dual_point(
    V: Float[Tensor, "n_w r"],
    U: Float[Tensor, "K L*r"],
    words: np.ndarray,
    labels: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    memory_limit: float = 4e9,
) -> DualPoint:
    """The dual point of word representations V and linear weights U, on their device.

    Args:
        V: word representations after any normalisation, float64.
        U: u_{k,ℓ} side by side, float64.
        words: (N, L).
        labels: (N,).
        weights: (N,) ω; None for 1/N each.
        memory_limit: bytes for the gradient, its Gram matrix and the scores.

    Raises:
        InputError: the limit does not hold the Gram matrix and one class.
    """
    assert V.dtype == U.dtype == torch.float64
    (N, L), (n_w, _), K, device = words.shape, V.shape, len(U), V.device
    omega_np = np.full(N, 1.0 / N) if weights is None else np.asarray(weights, dtype=np.float64)
    rows = int(min(N, max(256, 4e7 // (8 * K))))
    block = _classes_per_block(K, L, n_w, rows, N, memory_limit)
    flops = 2.0 * K * L * n_w**2
    single = flops > _SINGLE_FLOPS
    omega = torch.from_numpy(omega_np).to(device)
    data = _Data(words, labels, omega_np, n_w, rows, device)
    log_sum = None if block >= K else _log_sums(V, U, data)
    gram = torch.zeros(n_w, n_w, dtype=torch.float64, device=device)
    other, at_label = torch.zeros_like(omega), torch.zeros_like(omega)
    losses, sums = torch.zeros_like(omega), torch.zeros_like(omega)
    class_mass, largest = 0.0, 0.0
    for low in range(0, K, block):
        high = min(low + block, K)
        G = torch.zeros(L * n_w, high - low, dtype=torch.float64, device=device)
        mass = torch.zeros(high - low, dtype=torch.float64, device=device)
        for part, flat, label, by_place in data:
            n = part.stop - part.start
            s = torch.mm(V.index_select(0, flat).view(n, -1), U[low:high].T)
            log_z = torch.logsumexp(s, 1) if log_sum is None else log_sum[part]
            largest = max(largest, float(s.abs().max()), float(log_z.abs().max()))
            p = torch.exp(s - log_z.unsqueeze(1))
            if log_sum is None:
                p /= p.sum(1, keepdim=True)
            sums[part] += p.sum(1)
            here = ((label >= low) & (label < high)).nonzero().squeeze(1)
            column = label[here] - low
            p_label, s_label = p[here, column], s[here, column]
            entropy = log_z * p.sum(1) - torch.linalg.vecdot(p, s)
            entropy[here] -= p_label * (log_z[here] - s_label)
            other[part] += entropy
            at_label[part].index_copy_(0, here, p_label)
            losses[part].index_copy_(0, here, log_z[here] - s_label)
            mass += torch.mv(p.T, omega[part])
            p[here, column] -= 1.0
            mass.index_add_(0, column, omega[part][here])
            by_place.add_to(G, p)
        class_mass = max(class_mass, float(mass.max()))
        _add_gram(gram, G.view(L, n_w, -1), single)
    defect = float((sums - 1.0).abs().max())
    word_mass = torch.zeros(n_w, dtype=torch.float64, device=device)
    for part, flat, _, _ in data:
        word_mass.index_add_(0, flat, omega[part].repeat_interleave(L))
    size = 2.0 * float(word_mass.max()) * class_mass  # ‖G‖² ≤ (largest column sum)(largest row sum) of |G|
    relative = 1.01 * (K * L + 2 * (N + K)) * UNIT + 2.0 * defect
    if single:
        relative += 1.01 * (block + 2) * _UNIT_SINGLE
    entropy_error = (K + N + 64) * UNIT * (1.0 + largest) + 2.0 * defect * (1.0 + largest)
    return DualPoint(
        float(torch.dot(omega, losses)), other, at_label, omega, gram, relative * size, entropy_error, word_mass > 0
    )


def _classes_per_block(K: int, L: int, n_w: int, rows: int, N: int, memory_limit: float) -> int:
    fixed = 8.0 * (3.0 * n_w**2 + 4.0 * N + 2.0 * N * L)
    per_class = 8.0 * (1.6 * L * n_w + 4.0 * rows)
    block = int((memory_limit - fixed) // per_class)
    if block < 1:
        raise InputError(
            f"memory_limit = {memory_limit / 1e9:.2g} GB, but the certificate of n_w = {n_w} words needs at least "
            f"{(fixed + per_class) / 1e9:.2g} GB"
        )
    return min(block, K)


def _log_sums(V: Tensor, U: Tensor, data: _Data) -> Tensor:
    parts = [torch.logsumexp(torch.mm(V.index_select(0, flat).view(p.stop - p.start, -1), U.T), 1)
             for p, flat, _, _ in data]
    return torch.cat(parts)


def _add_gram(gram: Tensor, G: Tensor, single: bool) -> None:
    """Add Σ_ℓ G_ℓ G_ℓᵀ, the upper triangle by tiles and mirrored."""
    L, n_w, _ = G.shape
    tile = n_w if n_w <= 1500 else math.ceil(n_w / math.ceil(n_w / 1000))
    for g in G:
        g = g.float() if single else g
        for i in range(0, n_w, tile):
            for j in range(i, n_w, tile):
                product = torch.mm(g[i : i + tile], g[j : j + tile].T)
                gram[i : i + tile, j : j + tile] += product
                if j > i:
                    gram[j : j + tile, i : i + tile] += product.T


@dataclass(frozen=True)
class _ByPlace:
    """Σ_i ω_i p_i ⊗ ζ(x_i): a chunk's sums over (place, word), as a sparse matrix or as indices."""

    matrix: Tensor | None
    places: Tensor
    omega: Tensor

    def add_to(self, G: Tensor, p: Tensor) -> None:
        if self.matrix is not None:
            G.addmm_(self.matrix, p)
            return
        p = p * self.omega.unsqueeze(1)
        for places in self.places:
            G.index_add_(0, places, p)


class _Data:
    """The sentences in chunks; iterating gives (rows, flat word indices, labels, sums by place)."""

    def __init__(self, words: np.ndarray, labels: np.ndarray, omega: np.ndarray, n_w: int, rows: int,
                 device: torch.device) -> None:
        self.words, self.labels, self.omega, self.n_w, self.rows, self.device = words, labels, omega, n_w, rows, device

    def __iter__(self) -> Iterator[tuple[slice, Tensor, Tensor, _ByPlace]]:
        N, L = self.words.shape
        for low in range(0, N, self.rows):
            part = slice(low, min(low + self.rows, N))
            words = self.words[part].astype(np.int64)
            places = (words + np.arange(L) * self.n_w).T
            omega = self.omega[part]
            matrix = _sums(places.ravel(), np.tile(omega, L), L * self.n_w, len(words)) if self.device.type == "cpu" else None
            yield (part, torch.from_numpy(words.ravel()).to(self.device),
                   torch.from_numpy(self.labels[part].astype(np.int64)).to(self.device),
                   _ByPlace(matrix, torch.from_numpy(places).to(self.device), torch.from_numpy(omega).to(self.device)))


def _sums(rows: np.ndarray, values: np.ndarray, height: int, width: int) -> Tensor:
    """The height × width matrix with `values` at (rows[t], t mod width), compressed by rows."""
    order = np.argsort(rows, kind="stable")
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=height))))
    with warnings.catch_warnings():  # "sparse CSR is in beta": we use one product of it
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts.astype(np.int32)), torch.from_numpy((order % width).astype(np.int32)),
            torch.from_numpy(values[order]), size=(height, width), check_invariants=False,
        )
