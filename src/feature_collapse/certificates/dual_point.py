"""The dual point of given weights: softmax outputs, their entropies, and the Gram matrix of the gradient.

    p_i = softmax(s_i),    G = Σ_i ω_i (p_i - e_{y_i}) ⊗ ζ(x_i)  (a (KL)×n_w matrix),    Gram = GᵀG.

Both certificates (R2, R3) hold for any p_i in the simplex, so they are lower bounds on the risk whatever the
weights are; everything here is in float64, and the rounding that remains is bounded and carried along.

Time 2 N K L r flops, N K exponentials, N K L additions and K L n_w² flops for the Gram matrix. Memory: that
of the Gram matrix, of L n_w gradients per class of a block of classes, and of the scores of a chunk of
sentences.
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
_LOG_2 = math.log(2.0)
_ROWS, _TILE = (
    5000,
    250,
)  # sentences and classes that are summed at once: 10 MB, which the processor's cache holds
_WIDE_FROM, _WIDE = (
    4000,
    2000,
)  # from so many words on the Gram matrix is what costs, and wants more classes at once
_SINGLE_FROM = 2e13  # a Gram matrix that costs more is multiplied in float32, with the larger rounding bound


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
    rows = min(N, _ROWS)
    block = _classes_per_block(K, L, n_w, rows, N, memory_limit)
    flops = 2.0 * K * L * n_w**2
    single = flops > _SINGLE_FROM
    omega = torch.from_numpy(omega_np).to(device)
    labels_t = torch.from_numpy(labels.astype(np.int64)).to(device)
    data = _Data(words, labels_t, omega_np, n_w, rows, device)
    scores = _Scores(V, U)
    one_block = block >= K
    totals = torch.zeros_like(omega)
    if not one_block:
        for part in data:
            for low in range(0, K, block):
                totals[part.rows] += scores(part, low, min(low + block, K)).exp2_().sum(1)
    tile = _TILE if n_w < _WIDE_FROM else _WIDE
    s_buffer = torch.empty(rows * min(tile, block, K), dtype=torch.float64, device=device)
    e_buffers = torch.empty(rows * min(block, K), dtype=torch.float64, device=device)
    gram = torch.zeros(n_w, n_w, dtype=torch.float64, device=device)
    sums, moments, at_label = torch.zeros_like(omega), torch.zeros_like(omega), torch.zeros_like(omega)
    label_mass = torch.zeros(K, dtype=torch.float64, device=device).index_add_(0, labels_t, omega)
    class_mass = 0.0
    for first in range(0, K, block):
        last = min(first + block, K)
        tiles = [(low, min(low + tile, last)) for low in range(first, last, tile)]
        G = [torch.zeros(L * n_w, high - low, dtype=torch.float64, device=device) for low, high in tiles]
        for part in data:
            # 2^(s - s_y), over its sum: the label's own term is 1, so that nothing underflows
            e = []
            moment, total = torch.zeros_like(part.omega), torch.zeros_like(part.omega)
            for low, high in tiles:
                n = part.stop - part.start
                s = scores(part, low, high, s_buffer)
                e.append(e_buffers[n * (low - first) : n * (high - first)].view(n, -1))
                torch.exp2(s, out=e[-1])
                total += e[-1].sum(1)
                moment += s.mul_(e[-1]).sum(1)
            if one_block:
                totals[part.rows] = total
            z = totals[part.rows]
            if not bool(torch.isfinite(total).all()) or not bool(torch.isfinite(z).all()):
                raise InputError(
                    "the weights give scores that differ by more than 700, which double precision "
                    "cannot exponentiate; scale the weights down"
                )
            sums[part.rows] += total / z
            by_word = part.by_word(z)
            for (low, high), e_tile, G_tile in zip(tiles, e, G, strict=True):
                here = ((part.labels >= low) & (part.labels < high)).nonzero().squeeze(1)
                column = part.labels[here] - low
                own = e_tile[here, column]
                at_label[part.rows].index_copy_(0, here, own / z[here])
                moment.index_add_(0, here, own * own.log2(), alpha=-1.0)
                e_tile[here, column] = own - z[here]
                by_word.add_to(G_tile, e_tile)
            moments[part.rows] += moment * (_LOG_2 / z)
        for (low, high), G_tile in zip(tiles, G, strict=True):
            class_mass = max(class_mass, float((G_tile[:n_w].sum(0) + 2.0 * label_mass[low:high]).max()))
            _add_gram(gram, G_tile.view(L, n_w, -1), single)
    losses = totals.log()
    other = losses * (1.0 - at_label) - moments  # -Σ_{k≠y} p log p, with log p = s - s_y - log z
    defect = float((sums - 1.0).abs().max())
    word_mass = torch.zeros(n_w, dtype=torch.float64, device=device)
    for part in data:
        word_mass.index_add_(0, part.flat, part.omega.repeat_interleave(L))
    largest = 2.0 * L * float(V.norm(dim=1).max()) * float(U.view(K * L, -1).norm(dim=1).max())  # ≥ |s - s_y|
    # ‖|G|‖² ≤ (largest column sum)(largest row sum), and ≤ ‖G‖_F² = tr(GᵀG)
    size = 2.0 * float(word_mass.max()) * class_mass
    trace = float(gram.diagonal().sum())
    delta = 1.01 * ((N + 2 * K + L + 8) * UNIT + defect) * math.sqrt(size)  # on ‖G‖: sums, p_y - 1, Σp = 1
    product = (
        1.01 * (K * L * UNIT + ((block + 2) * _UNIT_SINGLE if single else 0.0)) * min(size, 1.01 * trace)
    )
    gram_error = product + 2.0 * math.sqrt(trace) * delta + delta**2
    entropy_error = (K + N + 64) * UNIT * (1.0 + largest) + 2.0 * defect * (1.0 + largest)
    return DualPoint(
        float(torch.dot(omega, losses)),
        other,
        at_label,
        omega,
        gram,
        gram_error,
        entropy_error,
        word_mass > 0,
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


class _Scores:
    """s_ik - s_iy in units of log 2, for some classes; the shift is one more column of the product."""

    def __init__(self, V: Tensor, U: Tensor) -> None:
        self.V, self.U = V, U
        ones = torch.ones(len(U), 1, dtype=U.dtype, device=U.device)
        self.U1 = torch.cat((U * math.log2(math.e), ones), 1)

    def __call__(self, part: _Part, low: int, high: int, buffer: Tensor | None = None) -> Tensor:
        n = part.stop - part.start
        x = self.V.index_select(0, part.flat).view(n, -1)
        own = (x * self.U1[:, :-1].index_select(0, part.labels)).sum(1, keepdim=True)
        x = torch.cat((x, -own), 1)
        if buffer is None:
            return torch.mm(x, self.U1[low:high].T)
        return torch.mm(x, self.U1[low:high].T, out=buffer[: n * (high - low)].view(n, high - low))


def _add_gram(gram: Tensor, G: Tensor, single: bool) -> None:
    """Add Σ_ℓ G_ℓ G_ℓᵀ, the upper triangle by tiles and mirrored."""
    n_w = G.shape[1]
    tile = math.ceil(n_w / max(1, n_w // 400)) if n_w < _WIDE_FROM else 1000
    for g in G:
        g = g.float() if single else g
        for i in range(0, n_w, tile):
            for j in range(i, n_w, tile):
                product = torch.mm(g[i : i + tile], g[j : j + tile].T)
                gram[i : i + tile, j : j + tile] += product
                if j > i:
                    gram[j : j + tile, i : i + tile] += product.T


@dataclass(frozen=True)
class _Part:
    """Rows start..stop of the data."""

    start: int
    stop: int
    words: np.ndarray
    flat: Tensor
    labels: Tensor
    omega: Tensor
    n_w: int

    @property
    def rows(self) -> slice:
        """Its place among all sentences."""
        return slice(self.start, self.stop)

    def by_word(self, z: Tensor) -> _ByWord:
        """The sums over words of (ω_i/z_i) times something for each sentence."""
        L = self.words.shape[1]
        factor = self.omega / z
        places = (self.words + np.arange(L) * self.n_w).T
        if z.device.type == "cpu":
            return _ByWord(_sums(places.ravel(), factor.numpy(), L * self.n_w), None, None)
        return _ByWord(None, torch.from_numpy(places).to(z.device), factor.unsqueeze(1))


@dataclass(frozen=True)
class _ByWord:
    """Σ_i (ω_i/z_i) e_i ⊗ ζ(x_i): a sparse matrix on the CPU, indices and factors on a GPU."""

    matrix: Tensor | None
    places: Tensor | None
    factor: Tensor | None

    def add_to(self, G: Tensor, e: Tensor) -> None:
        """Add the sums to G, whose rows are (place, word); `e` may be overwritten."""
        if self.matrix is not None:
            G.addmm_(self.matrix, e)
            return
        assert self.places is not None and self.factor is not None
        e.mul_(self.factor)
        for at in self.places:
            G.index_add_(0, at, e)


class _Data:
    """The sentences in parts of `rows`."""

    def __init__(
        self, words: np.ndarray, labels: Tensor, omega: np.ndarray, n_w: int, rows: int, device: torch.device
    ) -> None:
        self.words, self.labels, self.n_w, self.rows, self.device = words, labels, n_w, rows, device
        self.omega = torch.from_numpy(omega).to(device)

    def __iter__(self) -> Iterator[_Part]:
        N = len(self.words)
        for low in range(0, N, self.rows):
            high = min(low + self.rows, N)
            words = self.words[low:high].astype(np.int64)
            yield _Part(
                low,
                high,
                words,
                torch.from_numpy(words.reshape(-1)).to(self.device),
                self.labels[low:high],
                self.omega[low:high],
                self.n_w,
            )


def _sums(rows: np.ndarray, factor: np.ndarray, height: int) -> Tensor:
    """The height × n matrix with factor[t mod n] at (rows[t], t mod n), compressed by rows."""
    width = len(factor)
    # numpy sorts integers of 16 bits by their digits, which is several times faster
    order = np.argsort(rows.astype(np.uint16) if height <= 2**16 else rows, kind="stable")
    column = order % width
    starts = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=height))))
    with warnings.catch_warnings():  # "sparse CSR is in beta": we use one product of it
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts.astype(np.int32)),
            torch.from_numpy(column.astype(np.int32)),
            torch.from_numpy(factor[column]),
            size=(height, width),
            check_invariants=False,
        )
