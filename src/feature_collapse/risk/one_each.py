"""The data term where every class has one sentence, of few words: with numpy alone, which loads at once.

It is that of `empirical.EmpiricalRisk` for labels 0..K-1, in float64 and in one piece.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from feature_collapse.risk.problem import Problem


def has_one_each(problem: Problem) -> bool:
    """Return whether sentence k is the only one of class k."""
    return len(problem.labels) == problem.K and bool((problem.labels == np.arange(problem.K)).all())


class OneEach:
    """Σ_k ω_k ℓ(s_k, k) of K sentences, one for each class in order.

    Attributes:
        words: (K, L).
        omega: (K,) weights of the sentences.
        by_word: (n_w, K·L) a one where word j stands at a place.
    """

    def __init__(self, problem: Problem) -> None:
        """Prepare. 8 K (K + n_w L) bytes."""
        assert has_one_each(problem)
        self.words, self.omega = problem.words, problem.shares()
        flat = problem.words.reshape(-1)
        self.by_word = (flat == np.arange(problem.n_w)[:, None]).astype(np.float64)
        self._scores = np.empty((problem.K, problem.K))

    def outputs(
        self, V: Float[np.ndarray, "n_w r"], U: Float[np.ndarray, "K L*r"]
    ) -> tuple[Float[np.ndarray, "K L*r"], Float[np.ndarray, "K K"]]:
        """Return the sentences' representations and scores less the label's; the latter in a buffer."""
        x = V[self.words].reshape(len(U), -1)
        scores = np.matmul(x, U.T, out=self._scores)
        scores -= scores.diagonal().copy()[:, None]
        return x, scores

    def value_and_gradient(
        self, V: Float[np.ndarray, "n_w r"], U: Float[np.ndarray, "K L*r"]
    ) -> tuple[float, Float[np.ndarray, "n_w r"], Float[np.ndarray, "K L*r"]]:
        """Return the value and its gradients by V and by U. 6 K² L r flops, K² exponentials."""
        x, scores = self.outputs(V, U)
        largest = scores.max(1)
        p = np.exp(np.subtract(scores, largest[:, None], out=scores), out=scores)
        total = p.sum(1)
        share = (self.omega / total)[:, None]
        own = self.omega[:, None]
        gx = (p @ U) * share - own * U
        gU = p.T @ (x * share) - own * x
        value = float(self.omega @ (largest + np.log(total)))
        return value, self.by_word @ gx.reshape(-1, V.shape[1]), gU
