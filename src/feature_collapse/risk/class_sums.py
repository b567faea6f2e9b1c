"""Sums over the sentences of each class of what stands at each place."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.threads import each


def class_sums(
    words: np.ndarray, labels: np.ndarray, omega: Float[Tensor, " N"], K: int, X: Float[Tensor, "n_w b"]
) -> Float[Tensor, "K L b"]:
    """Return Σ_i ω_i X[x_il] over the sentences i of each class, for every place l. O(N L b) time.

    Args:
        words: (N, L) indices.
        labels: (N,) classes.
        omega: weights of the sentences.
        K: number of classes; one without sentences has zeros.
        X: a row for each word, on the device of the sums.
    """
    at, weights = _index(labels, X), omega.to(X).unsqueeze(1)
    sums = X.new_zeros(words.shape[1], K, X.shape[1])

    def add(place: int, _: int) -> None:
        rows = X.index_select(0, _index(words[:, place], X))
        sums[place].index_add_(0, at, rows.mul_(weights))

    each(add, range(words.shape[1]), X.device)
    return sums.transpose(0, 1)


def _index(numbers: np.ndarray, like: Tensor) -> Tensor:
    return torch.from_numpy(numbers.astype(np.int64)).to(like.device)
