"""The networks h and h* (paper §2, figure 2): embedding, normaliser, concatenation, linear layer.

    score_k(x) = Σ_ℓ ⟨u_{k,ℓ}, φ(w_{x_ℓ})⟩,    φ = identity for h, LayerNorm for h*.

No bias and no other parameter. W is stored by rows, (n_w, d): row α·s_c + β is w_(α,β). U is (K, L, d): U[k,
ℓ] is u_{k,ℓ}.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from feature_collapse.errors import check_int, check_real
from feature_collapse.model.normalisers import NoNormaliser, Normaliser
from feature_collapse.threads import each


class Network(nn.Module):
    """h (no normaliser) or h* (LayerNorm), or the same with another normaliser.

    Attributes:
        W: (n_w, d) word embeddings, before any normalisation.
        U: (K, L, d) linear weights.
        normaliser: φ.
    """

    W: nn.Parameter
    U: nn.Parameter

    def __init__(
        self,
        n_w: int,
        L: int,
        K: int,
        d: int,
        normaliser: Normaliser | None = None,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        """A network with zero weights; `start` or `load` gives it others. Memory (n_w + K L) d numbers.

        Raises:
            InputError: a size below 1.
        """
        super().__init__()
        for name, value in (("n_w", n_w), ("L", L), ("K", K), ("d", d)):
            check_int(name, value, 1)
        self.normaliser: Normaliser = normaliser or NoNormaliser()
        self.W = nn.Parameter(torch.zeros(n_w, d, dtype=dtype, device=device))
        self.U = nn.Parameter(torch.zeros(K, L, d, dtype=dtype, device=device))

    @torch.no_grad()
    def start(self, rng: np.random.Generator, scale: float = 1e-3) -> Network:
        """Start from PyTorch's defaults for Embedding and Linear, times `scale`; returns the network.

        W ~ N(0, 1), U uniform on ±1/√(L d). Drawn on the CPU, so that every device starts alike.

        Raises:
            InputError: scale ≤ 0.
        """
        check_real("init_scale", scale, 0.0, above=True)
        W = rng.standard_normal(self.W.shape, dtype=np.float32) * scale
        bound = scale / math.sqrt(self.U.shape[1] * self.U.shape[2])
        U = (2 * rng.random(self.U.shape, dtype=np.float32) - 1) * bound
        return self.load(torch.from_numpy(W), torch.from_numpy(U))

    @torch.no_grad()
    def load(self, W: Float[Tensor, "n_w d"], U: Float[Tensor, "K L d"]) -> Network:
        """Copy the given weights into the parameters; returns the network."""
        self.W.copy_(W)
        self.U.copy_(U)
        return self

    def features(self) -> Float[Tensor, "n_w d"]:
        """Return the word representations φ(w)."""
        return self.normaliser.forward(self.W)

    def forward(self, words: Int[Tensor, "B L"]) -> Float[Tensor, "B K"]:
        """Return the scores of the K classes for each sentence. O(B K L d)."""
        x = self.normaliser.forward(self.W[words])
        return x.flatten(1) @ self.U.flatten(1).T

    def accuracy(self, words: np.ndarray, labels: np.ndarray, chunk: int = 2048) -> float:
        """Return the fraction of sentences whose highest score is that of their class; memory O(chunk·K)."""

        def count(start: int, _: int) -> int:
            scores, target = self._chunk(words, labels, slice(start, start + chunk))
            return int(_compared(scores, target)[2].sum())

        return sum(each(count, range(0, len(words), chunk), self.W.device)) / len(words)

    def cross_entropy(self, words: np.ndarray, labels: np.ndarray, chunk: int = 2048) -> float:
        """Return the mean cross-entropy, summed in float64; memory O(chunk·K)."""
        return self.losses(words, labels, chunk)[0]

    def losses(self, words: np.ndarray, labels: np.ndarray, chunk: int = 2048) -> tuple[float, float]:
        """Return mean cross-entropy and accuracy in one pass; O(N K L d) time, O(chunk·K) memory."""

        def sums(start: int, _: int) -> tuple[float, int]:
            losses, right = _losses(*self._chunk(words, labels, slice(start, start + chunk)))
            return float(losses.double().sum()), int(right.sum())

        found = each(sums, range(0, len(words), chunk), self.W.device)
        return sum(loss for loss, _ in found) / len(words), sum(right for _, right in found) / len(words)

    @torch.no_grad()
    def _chunk(self, words: np.ndarray, labels: np.ndarray, rows: slice) -> tuple[Tensor, Tensor]:
        """Return the scores of some sentences and their labels (n, 1)."""
        target = torch.as_tensor(labels[rows], dtype=torch.long, device=self.W.device)
        return self.forward(torch.as_tensor(words[rows], device=self.W.device).long()), target.unsqueeze(1)


@torch.no_grad()
def _losses(scores: Float[Tensor, "n K"], target: Int[Tensor, "n 1"]) -> tuple[Tensor, Tensor]:
    """Return the cross-entropies (n,), and whether the first of the highest scores is the label's (n,).

    `scores` is overwritten. In few passes, and exp2, which is the faster exponential.
    """
    own, peak, right = _compared(scores, target)
    top = torch.maximum(own, peak)
    others = scores.sub_(top).mul_(math.log2(math.e)).exp2_().sum(1, keepdim=True)
    losses = (others + (own - top).exp()).log().add_(top - own)
    return losses.squeeze(1), right


@torch.no_grad()
def _compared(scores: Float[Tensor, "n K"], target: Int[Tensor, "n 1"]) -> tuple[Tensor, Tensor, Tensor]:
    """Return the labels' scores (n, 1), the highest of the others', and whether the label's is the first.

    `scores` is overwritten: the labels' are -inf.
    """
    own = scores.gather(1, target)
    peak = scores.scatter_(1, target, -torch.inf).amax(1, keepdim=True)  # of the other classes
    right = (own > peak).squeeze(1)
    ties = (own == peak).squeeze(1)
    if bool(ties.any()):
        tied = scores[ties].scatter_(1, target[ties], own[ties])
        right[ties] = tied.argmax(1) == target[ties].squeeze(1)
    return own, peak, right
