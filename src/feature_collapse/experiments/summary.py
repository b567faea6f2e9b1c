"""The numbers of a run: risk, cross-entropy, accuracies, singular values, norms (summary.json)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from feature_collapse.experiments.experiment import Data
from feature_collapse.model.network import Network
from feature_collapse.model.weights import Weights

SHOWN = 10  # singular values that are kept


def summarise(
    weights: Weights,
    data: Data,
    lambda_: float,
    decay: Float[np.ndarray, " n_w"] | None = None,
    train_ce: float | None = None,
) -> dict[str, Any]:
    """Return what given weights do on given data; singular values and norms of W are those of φ(W).

    Time O(N K L d), d being the number of coordinates that the features need, and memory O((n_w + K L) d).
    `train_ce` is computed, unless it is known.
    """
    scorer, train = _scorer(weights), data.train
    if train_ce is None:
        train_ce, train_accuracy = scorer.losses(train.words, train.labels)
    else:
        train_accuracy = scorer.accuracy(train.words, train.labels)
    test_ce, test_accuracy = scorer.losses(data.test.words, data.test.labels)
    penalty, spectrum = weights.penalty(lambda_, decay), weights.spectrum(SHOWN)
    norms_W = np.linalg.norm(weights.features().astype(weights.W.dtype), axis=1)
    norms_U = np.linalg.norm(weights.U.reshape(-1, weights.d), axis=1)
    return {
        "risk": train_ce + penalty,
        "train_ce": train_ce,
        "penalty": penalty,
        "train_accuracy": train_accuracy,
        "test_ce": test_ce,
        "test_accuracy": test_accuracy,
        "lower_bound": None,
        "gap": None,
        "relative_gap": None,
        "singular_values_W": spectrum.features.tolist(),
        "singular_values_U": spectrum.linear.tolist(),
        "norm_W_mean": float(norms_W.mean()),
        "norm_W_std": float(norms_W.std()),
        "norm_U_mean": float(norms_U.mean()),
        "norm_U_std": float(norms_U.std()),
    }


def _scorer(weights: Weights) -> Network:
    """Return a network with the weights' scores: a plain one where the features span at most half of R^d."""
    small = weights.compressed()
    chosen = small if small.d <= weights.d // 2 else weights
    dtype = torch.float64 if chosen.W.dtype == np.float64 else torch.float32
    network = Network(chosen.n_w, chosen.L, chosen.K, chosen.d, chosen.normaliser, dtype=dtype)
    return network.load(torch.from_numpy(chosen.W), torch.from_numpy(chosen.U))
