"""The figures of a run: risk, cross-entropy, accuracies, singular values, norms (the content of summary.json)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from feature_collapse.experiments.settings import Settings
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.solver.solution import compressed
from feature_collapse.task import Sentences

SHOWN = 10  # singular values that are kept


def summarise(
    settings: Settings, train: Sentences, test: Sentences, W: np.ndarray, U: np.ndarray
) -> dict[str, Any]:
    """Measure given weights on given data; singular values and norms of W are those of φ(W) under a normaliser.

    Time O(N K L d), d being the number of coordinates that the features need, and memory O((n_w + K L) d).
    """
    n_w, d = W.shape
    network = Network(n_w, settings.L, settings.K, d, make_normaliser(settings.normaliser, settings.eps))
    network.load(torch.from_numpy(W), torch.from_numpy(U))
    scorer = _in_few_coordinates(network, W, U)
    train_ce, train_accuracy = scorer.losses(train.words, train.labels)
    test_ce, test_accuracy = scorer.losses(test.words, test.labels)
    free = network.normaliser.radius(d) is None
    penalty = 0.5 * settings.lambda_ * (_square(U) + (_square(W) if free else 0.0))
    features = network.features().detach().numpy()
    u = U.reshape(-1, d)
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
        "singular_values_W": singular_values(features),
        "singular_values_U": singular_values(u),
        "norm_W_mean": float(np.linalg.norm(features, axis=1).mean()),
        "norm_W_std": float(np.linalg.norm(features, axis=1).std()),
        "norm_U_mean": float(np.linalg.norm(u, axis=1).mean()),
        "norm_U_std": float(np.linalg.norm(u, axis=1).std()),
    }


def _in_few_coordinates(network: Network, W: np.ndarray, U: np.ndarray) -> Network:
    """A plain network with the same scores, where the features span at most half of R^d; else the network itself.

    O((n_w + K L) d²).
    """
    features = network.normaliser.forward(torch.from_numpy(W.astype(np.float64))).numpy()
    if not np.isfinite(features).all():
        return network
    V, U = compressed(features, U)
    if not 0 < V.shape[1] <= features.shape[1] // 2:
        return network
    return Network(len(V), U.shape[1], len(U), V.shape[1]).load(torch.from_numpy(V), torch.from_numpy(U))


def singular_values(rows: np.ndarray, count: int = SHOWN) -> list[float]:
    """The largest singular values of a matrix of row vectors, through its d×d Gram matrix in float64."""
    x = rows.astype(np.float64)
    values = np.linalg.eigvalsh(x.T @ x)[::-1][:count]
    return [float(v) for v in np.sqrt(np.maximum(values, 0.0))]


def _square(x: np.ndarray) -> float:
    return float(np.square(x, dtype=np.float64).sum())
