import math

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.normalisers import UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import (
    collapsed_cross_entropy,
    enumerate_risk,
    sample_losses,
    sample_risk,
)
from feature_collapse.task import Task, latents
from feature_collapse.theory.types import type_one, type_three
from oracles import TorchRisk, loop_risk, random_law


def case(seed=0, n_c=3, s_c=2, L=2, K=5, d=3):
    """Random weights and a random task of the same sizes."""
    rng = np.random.default_rng(seed)
    weights = Weights(rng.standard_normal((n_c * s_c, d)), rng.standard_normal((K, L, d)))
    z = latents.random(n_c, L, K, rng)
    return weights, Task.of(z, random_law(s_c, rng), n_c)


def test_enumeration_agrees_with_loops():
    weights, task = case()
    expected = loop_risk(weights.W, weights.U, task.latents, 3, task.mu)
    assert abs(enumerate_risk(weights, task).cross_entropy - expected) < 1e-13


@pytest.mark.parametrize("plain", [True, False])
def test_gradients_agree_with_autograd(plain):
    weights, task = case(L=3)
    W, U = weights.W / np.linalg.norm(weights.W, axis=1, keepdims=True), weights.U
    found = enumerate_risk(Weights(W, U) if plain else Weights(W, U, UnitSphere()), task, 0.1)
    risk, gradient_W, gradient_U = TorchRisk(task.latents, 3, task.mu, 0.1, 3).gradient(W, U)
    off = 0.0 if plain else 0.1  # the features of UnitSphere are W here, and W is not penalised
    assert abs(found.risk + off / 2 * (W**2).sum() - risk) < 1e-12
    assert np.abs(found.gradient_V + off * W - gradient_W).max() < 1e-14
    assert np.abs(found.gradient_U - gradient_U).max() < 1e-14


def test_the_gradient_in_m_agrees_with_finite_differences():
    weights, task = case(d=9)  # d large enough that W = I reaches every entry of M = U Wᵀ
    W, U = np.eye(6, 9), weights.U
    found = enumerate_risk(Weights(W, U), task).gradient_M
    for k, position, word in [(0, 0, 0), (1, 1, 3), (4, 0, 5)]:
        step = np.zeros_like(U)
        step[k, position, word] = 1e-5
        up, down = (enumerate_risk(Weights(W, U + s * step), task).cross_entropy for s in (1, -1))
        assert abs(found[k, position, word] - (up - down) / 2e-5) < 1e-9  # second order: error O(h²)


def test_chunks_do_not_change_the_result(monkeypatch):
    weights, task = case(L=3)
    whole = enumerate_risk(weights, task)
    monkeypatch.setattr("feature_collapse.risk.population._CHUNK", 15)
    cut = enumerate_risk(weights, task)
    assert abs(whole.cross_entropy - cut.cross_entropy) < 1e-14
    assert np.abs(whole.gradient_M - cut.gradient_M).max() < 1e-15


def test_monte_carlo_is_within_its_standard_error():
    weights, task = case()
    exact = enumerate_risk(weights, task)
    found = sample_risk(weights, task, n=40_000, rng=np.random.default_rng(0))
    assert 0 < found.standard_error < 0.02
    assert abs(found.cross_entropy - exact.cross_entropy) < 4 * found.standard_error
    assert np.abs(found.gradient_M - exact.gradient_M).max() < 0.01


def test_the_standard_error_is_calibrated():
    weights, task = case()
    exact = enumerate_risk(weights, task).cross_entropy
    runs = [sample_risk(weights, task, n=300, rng=np.random.default_rng(seed)) for seed in range(200)]
    scores = np.array([(run.cross_entropy - exact) / run.standard_error for run in runs])
    assert 0.85 < scores.std() < 1.15  # 200 runs: a standard deviation is known to 5 %


def test_a_small_standard_error_beside_a_large_loss_keeps_its_digits():
    weights, task = case()
    nearly_zero = Weights(1e-5 * weights.W, 1e-5 * weights.U)  # losses of log K and some 1e-10 more
    found = sample_risk(nearly_zero, task, n=2000, rng=np.random.default_rng(1))
    losses = sample_losses(nearly_zero, task, n=2000, rng=np.random.default_rng(1))
    assert found.standard_error == pytest.approx(losses.std(ddof=1) / np.sqrt(2000), rel=1e-4)
    assert 0.0 < found.standard_error < 1e-11


def test_closed_form_for_equal_norms_holds_for_any_latents():
    z = latents.random(3, 3, 8, np.random.default_rng(0))
    at = type_one(equiangular(3, 3, np.random.default_rng(1)), 2, z, 1.3, 0.6)
    task = Task.of(z, [0.7, 0.3], 3)
    exact = enumerate_risk(at, task).cross_entropy
    assert abs(collapsed_cross_entropy(task, np.full(2, 1.3), 0.6) - exact) < 1e-13


def test_closed_form_for_all_latents_holds_for_any_norms():
    z, r = latents.every(3, 3), np.array([1.3, 0.2])
    at = type_three(equiangular(3, 2, np.random.default_rng(1)), r, z, 0.6)
    task = Task.of(z, [0.7, 0.3], 3)
    exact = enumerate_risk(at, task).cross_entropy
    assert abs(collapsed_cross_entropy(task, r, 0.6) - exact) < 1e-13


def test_there_is_no_closed_form_for_unequal_norms_and_missing_latents():
    with pytest.raises(InputError, match="no closed form"):
        collapsed_cross_entropy(Task.of(latents.every(3, 3)[1:], [0.5, 0.5], 3), [1.0, 2.0], 0.6)


def test_huge_and_tiny_losses_keep_their_digits():
    z = latents.every(2, 2)
    for scale in (1.0, 200.0, 1e3):
        at = type_one(equiangular(2, 1), 1, z, np.sqrt(scale), np.sqrt(scale) / 10)
        found = enumerate_risk(at, Task.of(z, [1.0], 2)).cross_entropy
        exact = 2 * np.log1p(np.exp(-2 * scale / 10))
        assert abs(found - exact) <= 1e-12 * exact


def test_wrong_input_is_refused():
    weights, task = case()
    for wrong in (Weights(weights.W[:5], weights.U), Weights(weights.W, weights.U[:4])):
        with pytest.raises(InputError, match="n_w, K, L"):
            enumerate_risk(wrong, task)
    with pytest.raises(InputError, match="lambda"):
        enumerate_risk(weights, task, -1.0)
    with pytest.raises(InputError, match="n = 1"):
        sample_risk(weights, task, n=1, rng=np.random.default_rng(0))
    for r in ([1.0], [1.0, -1.0]):
        with pytest.raises(InputError, match="r must be"):
            collapsed_cross_entropy(task, r, 0.6)


def test_too_many_sentences_are_refused_before_any_work():
    z = latents.random(3, 15, 5, np.random.default_rng(0))
    with pytest.raises(InputError, match="enumeration allows"):
        enumerate_risk(Weights(np.zeros((1200, 2)), np.zeros((5, 15, 2))), Task.of(z, np.ones(400), 3))


@pytest.mark.parametrize(("c", "exact"), [(20.0, 3.7430e-13), (30.0, 1.145e-19)])
def test_the_closed_form_keeps_its_digits_where_the_margins_are_large(c, exact):
    task = Task.of(latents.every(3, 2), [1.0], 3)  # 4 at distance 1, 4 at distance 2, κ = 3/2
    assert collapsed_cross_entropy(task, np.ones(1), c) == pytest.approx(exact, rel=2e-4)
    assert math.log1p(4 * math.exp(-1.5 * c) + 4 * math.exp(-3 * c)) == pytest.approx(exact, rel=2e-4)
