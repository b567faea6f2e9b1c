"""One step of stochastic gradient descent (paper §2).

    θ ← θ - ρ (∇_θ (1/B) Σ_i ℓ(h(x_i), y_i) + λ θ),

λ on U always, and on W where no normaliser fixes the norm; there word j may decay with a_j λ, every row at
every step, or lazily: only the words of the batch, once per occurrence (theory, R8),

    w_j ← (1 - ρ λ n_w m_j/(B L)) w_j,    m_j its occurrences in a batch of B sentences.

The gradient is written out, so that the linear layer's update, decay included, is a single matrix
product; a step costs 6 B K L d flops and allocates nothing that grows with K.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.errors import InputError
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import with_pullback
from feature_collapse.threads import each, thread_count

_SENTENCES, _CLASSES = 25, 128  # of a thread's part, at least


@dataclass(frozen=True, eq=False)
class _Errors:
    """Of some sentences: φ(w) side by side, p - e_y, B times the gradient at w, losses, number of hits."""

    x: Tensor
    p: Tensor
    g: Tensor
    losses: Tensor
    correct: Tensor


class Step:
    """One step of descent, with its buffers. `loss` and `correct` add up over the steps since `reset`."""

    def __init__(
        self,
        network: Network,
        learning_rate: float,
        lambda_: float,
        decay: Float[np.ndarray, " n_w"] | None = None,
        lazy: bool = False,
    ) -> None:
        """Buffers for a network. Memory O(n_w d).

        Args:
            network: to train.
            learning_rate: ρ.
            lambda_: λ.
            decay: (n_w,) a_j of the words; None for 1 each.
            lazy: only the words of a batch decay.

        Raises:
            InputError: a decay under a normaliser, of another shape, beside `lazy`, or beyond 1/(ρ λ).
        """
        self.W, self.normaliser = network.W.data, network.normaliser
        self.U = network.U.data.flatten(1)
        d = self.W.shape[1]
        free = self.normaliser.radius(d) is None
        self.rate, self.decay_U = learning_rate, 1.0 - learning_rate * lambda_
        self.decay_W = self.decay_U if free else 1.0
        device = self.W.device
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self._d, self.lazy = d, lazy
        self.keep_W = _kept(network, learning_rate * lambda_, decay, lazy)
        self._lost = learning_rate * lambda_ * len(self.W)

    def reset(self) -> None:
        """Set the sums of loss and hits to zero."""
        self.loss.zero_()
        self.correct.zero_()

    @torch.no_grad()
    def __call__(self, words: Tensor, labels: Tensor) -> None:
        """Update the weights from one batch: words (B, L) and labels (B,), int64, on the network's device.

        Threads share the batch for the errors, and the classes for the update of U.
        """
        B, device = len(words), self.W.device
        parts = _cut(B, _SENTENCES)
        found = each(lambda rows, _: self._errors(words[rows], labels[rows]), parts, device)
        x, p, g = (_joined([getattr(errors, name) for errors in found]) for name in ("x", "p", "g"))
        for errors in found:
            self.correct += errors.correct
        self.loss += _joined([errors.losses for errors in found]).double().sum()

        def update(classes: slice, _: int) -> None:
            self.U[classes].addmm_(p[:, classes].T, x, beta=self.decay_U, alpha=-self.rate / B)

        each(update, _cut(len(self.U), _CLASSES), device)
        self._update_words(words.reshape(-1), g, B)

    @torch.no_grad()
    def _errors(self, words: Tensor, labels: Tensor) -> _Errors:
        """Return what some sentences contribute, before U moves."""
        v, target = self.W.index_select(0, words.reshape(-1)), labels.unsqueeze(1)
        y, pullback = with_pullback(self.normaliser, v)
        x = y.view(len(words), -1)
        scores = torch.mm(x, self.U.T)
        correct = (scores.argmax(1) == labels).sum()
        log_sum = scores.logsumexp(1, keepdim=True)
        losses = log_sum - scores.gather(1, target)
        p = scores.sub_(log_sum).exp_()
        p.scatter_add_(1, target, p.new_full((1, 1), -1.0).expand(len(words), 1))
        g = pullback(torch.mm(p, self.U).view(-1, self._d))  # B times the gradient at w
        return _Errors(x, p, g, losses, correct)

    def _update_words(self, flat: Tensor, g: Tensor, B: int) -> None:
        g_W = torch.ops.aten.embedding_dense_backward(g, flat, len(self.W), -1, False)
        if self.lazy:
            occurrences = torch.bincount(flat, minlength=len(self.W)).to(self.W.dtype)
            self.W.mul_((1.0 - self._lost / len(flat) * occurrences).unsqueeze(1))
        elif self.keep_W is not None:
            self.W.mul_(self.keep_W)
        elif self.decay_W != 1.0:
            self.W.mul_(self.decay_W)
        self.W.add_(g_W, alpha=-self.rate / B)


def check_decay_step(rate: float, largest: float) -> None:
    """Check that no word is turned around by its own decay in one step.

    Raises:
        InputError: ρ λ times the largest decay of a word exceeds 1.
    """
    if rate * largest > 1.0:
        raise InputError(
            f"learning_rate · lambda = {rate:g} times the largest decay of a word, {largest:g}, must be ≤ 1"
        )


def _cut(count: int, least: int) -> list[slice]:
    """Return 0..count in as many nearly equal parts as threads, of at least so many each."""
    parts = max(1, min(thread_count(), count // least))
    return [slice(count * i // parts, count * (i + 1) // parts) for i in range(parts)]


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _kept(
    network: Network, rate: float, decay: Float[np.ndarray, " n_w"] | None, lazy: bool
) -> Float[Tensor, "n_w 1"] | None:
    """Return the share of each row that a step's decay leaves, (n_w, 1), or None where `decay` is not given.

    Raises:
        InputError: as `Step` says.
    """
    n_w, d = network.W.shape
    if (decay is not None or lazy) and network.normaliser.radius(d) is not None:
        raise InputError(
            f"a decay of the words has no meaning under the normaliser {network.normaliser.name!r}, "
            "which fixes their length"
        )
    if decay is not None and lazy:
        raise InputError(
            "decay and lazy exclude each other: lazy decay has the weights that the batches give it"
        )
    largest = float(n_w) if lazy else 0.0
    if decay is not None:
        if decay.shape != (n_w,) or not (np.isfinite(decay).all() and (decay >= 0).all()):
            raise InputError(f"decay must be {n_w} finite numbers ≥ 0, one for each word")
        largest = float(decay.max())
    check_decay_step(rate, largest)
    if decay is None:
        return None
    return (1.0 - rate * torch.from_numpy(decay)).unsqueeze(1).to(network.W)
