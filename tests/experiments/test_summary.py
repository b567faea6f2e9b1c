"""A summary measured in few coordinates is that of the network itself."""

import numpy as np
import pytest
import torch

from feature_collapse.experiments.settings import Settings
from feature_collapse.experiments.summary import _in_few_coordinates, summarise
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import LayerNorm
from feature_collapse.solver.solution import lift


def test_a_lifted_solution_is_measured_in_its_own_coordinates_with_the_same_result():
    settings = Settings(n_w=12, K=6, L=3, d=10, normaliser="layernorm", eps=0.0)
    task = settings.task()
    train, test = task.train_set(4), task.test_set(5)
    rng = np.random.default_rng(0)
    V, U = rng.standard_normal((12, 2)), rng.standard_normal((6, 3, 2))
    V *= np.sqrt(10) / np.linalg.norm(V, axis=1, keepdims=True)
    W, U = lift(V, U, 10, mean_zero=True)
    network = Network(12, 3, 6, 10, LayerNorm())
    network.load(torch.from_numpy(W), torch.from_numpy(U))
    assert _in_few_coordinates(network, W, U).W.shape == (12, 2)
    found = summarise(settings, train, test, W, U)
    for name, data in (("train", train), ("test", test)):
        assert found[f"{name}_ce"] == pytest.approx(network.cross_entropy(data.words, data.labels), rel=1e-5)
        assert found[f"{name}_accuracy"] == network.accuracy(data.words, data.labels)


def test_features_in_general_position_are_measured_as_they_are():
    rng = np.random.default_rng(0)
    W, U = rng.standard_normal((12, 4)), rng.standard_normal((6, 3, 4))
    network = Network(12, 3, 6, 4)
    assert _in_few_coordinates(network, W, U) is network
