"""A summary measured in few coordinates is that of the network itself."""

import numpy as np
import pytest
import torch

from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.experiments.summary import _scorer, summarise
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import LayerNorm
from feature_collapse.model.weights import Weights
from feature_collapse.solver.lift import lift


def test_a_lifted_solution_is_measured_in_its_own_coordinates_with_the_same_result():
    data = Experiment.of(Settings(n_w=12, K=6, L=3, d=10, normaliser="layernorm", n_spl=4)).data
    rng = np.random.default_rng(0)
    V, U = rng.standard_normal((12, 2)), rng.standard_normal((6, 3, 2))
    V *= np.sqrt(10) / np.linalg.norm(V, axis=1, keepdims=True)
    W, U = lift(V, U, 10, mean_zero=True)
    weights = Weights(W, U, LayerNorm())
    network = Network(12, 3, 6, 10, LayerNorm()).load(torch.from_numpy(W), torch.from_numpy(U))
    assert _scorer(weights).W.shape == (12, 2)
    found = summarise(weights, data, 1e-3)
    for name, sentences in (("train", data.train), ("test", data.test)):
        expected = network.cross_entropy(sentences.words, sentences.labels)
        assert found[f"{name}_ce"] == pytest.approx(expected, rel=1e-5)
        assert found[f"{name}_accuracy"] == network.accuracy(sentences.words, sentences.labels)


def test_features_in_general_position_are_measured_as_they_are():
    rng = np.random.default_rng(0)
    weights = Weights(rng.standard_normal((12, 4)), rng.standard_normal((6, 3, 4)))
    np.testing.assert_array_equal(_scorer(weights).W.detach().numpy(), weights.W)


@pytest.mark.parametrize("lambda_", [1e-6, 1e-8])
def test_a_certified_record_has_the_cross_entropy_that_was_proved_however_small(tmp_path, lambda_):
    settings = Settings(n_w=6, L=2, design="all", d=8, method="certified", lambda_=lambda_)
    found = run(settings, tmp_path / "r", device="cpu").summary
    assert found["train_ce"] == pytest.approx(found["risk"] - found["penalty"], rel=1e-6)
    assert found["test_ce"] == pytest.approx(found["train_ce"], rel=0.05)  # words are interchangeable
