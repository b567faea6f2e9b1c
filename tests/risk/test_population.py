import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular
from feature_collapse.risk.population import collapsed_cross_entropy, enumerate_risk, sample_risk
from feature_collapse.task import latents
from feature_collapse.theory.types import type_one, type_three
from oracles import TorchRisk, loop_risk, random_law


def weights(seed=0, n_c=3, s_c=2, L=2, K=5, d=3):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((n_c * s_c, d)),
        rng.standard_normal((K, L, d)),
        latents.random(n_c, L, K, rng),
        random_law(s_c, rng),
    )


def test_enumeration_agrees_with_loops():
    W, U, z, mu = weights()
    assert abs(enumerate_risk(W, U, z, 3, mu).cross_entropy - loop_risk(W, U, z, 3, mu)) < 1e-13


@pytest.mark.parametrize("penalise_V", [True, False])
def test_gradients_agree_with_autograd(penalise_V):
    W, U, z, mu = weights(L=3)
    found = enumerate_risk(W, U, z, 3, mu, 0.1, penalise_V=penalise_V)
    risk, gradient_W, gradient_U = TorchRisk(z, 3, mu, 0.1, 3).gradient(W, U)
    off = 0.0 if penalise_V else 0.1
    assert abs(found.risk + off / 2 * (W**2).sum() - risk) < 1e-12
    assert np.abs(found.gradient_V + off * W - gradient_W).max() < 1e-14
    assert np.abs(found.gradient_U - gradient_U).max() < 1e-14


def test_the_gradient_in_m_agrees_with_finite_differences():
    W, U, z, mu = weights(d=9)  # d large enough that W = I reaches every entry of M = U Wᵀ
    W = np.eye(6, 9)
    found = enumerate_risk(W, U, z, 3, mu).gradient_M
    for k, position, word in [(0, 0, 0), (1, 1, 3), (4, 0, 5)]:
        step = np.zeros_like(U)
        step[k, position, word] = 1e-5
        slope = (
            enumerate_risk(W, U + step, z, 3, mu).cross_entropy
            - enumerate_risk(W, U - step, z, 3, mu).cross_entropy
        ) / 2e-5
        assert abs(found[k, position, word] - slope) < 1e-9  # second-order difference: error O(h²)


def test_chunks_do_not_change_the_result(monkeypatch):
    W, U, z, mu = weights(L=3)
    whole = enumerate_risk(W, U, z, 3, mu)
    monkeypatch.setattr("feature_collapse.risk.population._CHUNK", 15)
    cut = enumerate_risk(W, U, z, 3, mu)
    assert abs(whole.cross_entropy - cut.cross_entropy) < 1e-14
    assert np.abs(whole.gradient_M - cut.gradient_M).max() < 1e-15


def test_monte_carlo_is_within_its_standard_error():
    W, U, z, mu = weights()
    exact = enumerate_risk(W, U, z, 3, mu)
    found = sample_risk(W, U, z, 3, mu, n=40_000, rng=np.random.default_rng(0))
    assert 0 < found.standard_error < 0.02
    assert abs(found.cross_entropy - exact.cross_entropy) < 4 * found.standard_error
    assert np.abs(found.gradient_M - exact.gradient_M).max() < 0.01


def test_the_standard_error_is_calibrated():
    W, U, z, mu = weights()
    exact = enumerate_risk(W, U, z, 3, mu).cross_entropy
    runs = [sample_risk(W, U, z, 3, mu, n=300, rng=np.random.default_rng(seed)) for seed in range(200)]
    scores = np.array([(run.cross_entropy - exact) / run.standard_error for run in runs])
    assert 0.85 < scores.std() < 1.15  # 200 runs: a standard deviation is known to 5 %


def test_closed_form_for_equal_norms_holds_for_any_latents():
    z = latents.random(3, 3, 8, np.random.default_rng(0))
    at = type_one(equiangular(3, 3, np.random.default_rng(1)), 2, z, 1.3, 0.6)
    mu = np.array([0.7, 0.3])
    exact = enumerate_risk(at.W, at.U, z, 3, mu).cross_entropy
    assert abs(collapsed_cross_entropy(z, 3, mu, np.full(2, 1.3), 0.6) - exact) < 1e-13


def test_closed_form_for_all_latents_holds_for_any_norms():
    z, mu, r = latents.every(3, 3), np.array([0.7, 0.3]), np.array([1.3, 0.2])
    at = type_three(equiangular(3, 2, np.random.default_rng(1)), r, z, 0.6)
    exact = enumerate_risk(at.W, at.U, z, 3, mu).cross_entropy
    assert abs(collapsed_cross_entropy(z, 3, mu, r, 0.6) - exact) < 1e-13


def test_there_is_no_closed_form_for_unequal_norms_and_missing_latents():
    with pytest.raises(InputError, match="no closed form"):
        collapsed_cross_entropy(latents.every(3, 3)[1:], 3, None, np.array([1.0, 2.0]), 0.6)


def test_huge_and_tiny_losses_keep_their_digits():
    z = latents.every(2, 2)
    for scale in (1.0, 200.0, 1e3):
        at = type_one(equiangular(2, 1), 1, z, np.sqrt(scale), np.sqrt(scale) / 10)
        found = enumerate_risk(at.W, at.U, z, 2).cross_entropy
        exact = 2 * np.log1p(np.exp(-2 * scale / 10))
        assert abs(found - exact) <= 1e-12 * exact


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda W, U, z, mu: (W[:5], U, z, 3, mu), "rows"),
        (lambda W, U, z, mu: (W, U[:, :, :2], z, 3, mu), "dimension"),
        (lambda W, U, z, mu: (W, U[:4], z, 3, mu), "latents have"),
        (lambda W, U, z, mu: (W * np.nan, U, z, 3, mu), "finite"),
        (lambda W, U, z, mu: (W, U, z + 1, 3, mu), "latents"),
        (lambda W, U, z, mu: (W, U, z, 1, mu), "n_c"),
        (lambda W, U, z, mu: (W, U, z, 3, mu[:1]), "frequencies"),
        (lambda W, U, z, mu: (W, U, z, 3, mu, -1.0), "lambda"),
        (lambda W, U, z, mu: ("W", U, z, 3, mu), "W must be"),
        (lambda W, U, z, mu: (W[0], U, z, 3, mu), "W has shape"),
    ],
)
def test_wrong_input_is_refused(change, match):
    with pytest.raises(InputError, match=match):
        enumerate_risk(*change(*weights()))


def test_too_many_sentences_are_refused_before_any_work():
    with pytest.raises(InputError, match="enumeration allows"):
        enumerate_risk(
            np.zeros((1200, 2)), np.zeros((5, 15, 2)), latents.random(3, 15, 5, np.random.default_rng(0)), 3
        )


def test_one_sample_is_refused():
    W, U, z, mu = weights()
    with pytest.raises(InputError, match="n = 1"):
        sample_risk(W, U, z, 3, mu, n=1, rng=np.random.default_rng(0))
