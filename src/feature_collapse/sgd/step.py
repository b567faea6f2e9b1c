"""One step of stochastic gradient descent (paper §2).

    θ ← θ - ρ (∇_θ (1/B) Σ_i ℓ(h(x_i), y_i) + λ θ),

λ on U always, and on W where no normaliser fixes the norm. The gradient is written out, so that the linear
layer's update, decay included, is a single matrix product; a step costs 6 B K L d flops and allocates nothing
that grows with K.
"""

from __future__ import annotations

import torch
from torch import Tensor

from feature_collapse.model.network import Network


class Step:
    """One step of descent, with its buffers. `loss` and `correct` add up over the steps since `reset`."""

    def __init__(self, network: Network, learning_rate: float, lambda_: float) -> None:
        """Buffers for a network. Memory O(n_w d)."""
        self.W, self.normaliser = network.W.data, network.normaliser
        self.U = network.U.data.flatten(1)
        d = self.W.shape[1]
        free = self.normaliser.radius(d) is None
        self.rate, self.decay_U = learning_rate, 1.0 - learning_rate * lambda_
        self.decay_W = self.decay_U if free else 1.0
        device = self.W.device
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self._d = d

    def reset(self) -> None:
        """Set the sums of loss and hits to zero."""
        self.loss.zero_()
        self.correct.zero_()

    @torch.no_grad()
    def __call__(self, words: Tensor, labels: Tensor) -> None:
        """Update the weights from one batch: words (B, L) and labels (B,), int64, on the network's device."""
        B = len(words)
        flat = words.reshape(-1)
        v = self.W.index_select(0, flat)
        x = self.normaliser.forward(v).view(B, -1)
        scores = torch.mm(x, self.U.T)
        target = labels.unsqueeze(1)
        self.correct += (scores.argmax(1) == labels).sum()
        log_sum = scores.logsumexp(1, keepdim=True)
        self.loss += (log_sum - scores.gather(1, target)).double().sum()
        p = scores.sub_(log_sum).exp_()
        p.scatter_add_(1, target, p.new_full((1, 1), -1.0).expand(B, 1))
        g = torch.mm(p, self.U).view(-1, self._d)  # B times the gradient at x, before U moves
        self.U.addmm_(p.T, x, beta=self.decay_U, alpha=-self.rate / B)
        g = self.normaliser.vjp(v, g)
        g_W = torch.ops.aten.embedding_dense_backward(g, flat, len(self.W), -1, False)
        if self.decay_W != 1.0:
            self.W.mul_(self.decay_W)
        self.W.add_(g_W, alpha=-self.rate / B)
