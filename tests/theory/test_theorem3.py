import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, RMSNorm, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, codes, frequencies, latents
from feature_collapse.task.symmetry import measure_symmetry
from feature_collapse.theory import theorem3
from feature_collapse.theory.classify import classify
from feature_collapse.theory.distance_law import Spheres
from feature_collapse.theory.types import type_two
from oracles import TorchRisk

SIZES = [(2, 2, 2, 0.01), (2, 3, 3, 0.003), (3, 3, 2, 0.005)]  # n_c, s_c, L, λ


@pytest.mark.parametrize(("n_c", "s_c", "L", "lambda_"), SIZES)
@pytest.mark.parametrize("law", [frequencies.uniform, frequencies.zipf])
def test_type_two_is_critical_under_layernorm_for_any_word_law(n_c, s_c, L, lambda_, law):
    z, mu, d = latents.every(n_c, L), law(s_c), n_c + 1
    found = theorem3.constants(n_c, L, n_c**L, d, lambda_)
    weights = type_two(equiangular(n_c, d, np.random.default_rng(0), mean_zero=True), s_c, z, found.c)
    oracle = TorchRisk(z, n_c, mu, lambda_, d, layernorm=True)
    risk, gradient_W, gradient_U = oracle.gradient(weights.W, weights.U)
    assert max(np.abs(gradient_W).max(), np.abs(gradient_U).max()) < 1e-12
    assert abs(risk / found.risk - 1) < 1e-12
    ours = enumerate_risk(weights, Task.of(z, mu, n_c), lambda_)
    assert abs(ours.risk / risk - 1) < 1e-13


@pytest.mark.parametrize(("n_c", "s_c", "L", "lambda_"), SIZES)
def test_no_random_start_gets_below(n_c, s_c, L, lambda_):
    z, mu, d = latents.every(n_c, L), frequencies.zipf(s_c), n_c + 1
    found = theorem3.constants(n_c, L, n_c**L, d, lambda_)
    oracle = TorchRisk(z, n_c, mu, lambda_, d, layernorm=True)
    results = [oracle.minimise(seed, scale=1.0) for seed in range(4)]
    best, W, U = min(results, key=lambda result: result[0])
    assert best > found.risk - 1e-10
    assert best < found.risk + 1e-6  # flat in the norm of W, so slower than for h
    verdict = classify(Weights(W, U, LayerNorm()), Task.of(z, mu, n_c), tolerance=1e-2)
    assert verdict.type == "II"


def test_no_perturbation_gets_below():
    z, mu = latents.every(3, 2), frequencies.zipf(3)
    found = theorem3.constants(3, 2, 9, 4, 0.005)
    weights = type_two(equiangular(3, 4, np.random.default_rng(0), mean_zero=True), 3, z, found.c)
    oracle = TorchRisk(z, 3, mu, 0.005, 4, layernorm=True)
    rng = np.random.default_rng(0)
    for size in (1e-3, 1e-2, 0.3):
        for _ in range(20):
            W = weights.W + size * rng.standard_normal(weights.W.shape)
            U = weights.U + size * rng.standard_normal(weights.U.shape)
            assert oracle.gradient(W, U)[0] > found.risk


def test_a_frame_that_is_not_mean_zero_is_worse_under_layernorm():
    z, mu = latents.every(3, 2), frequencies.zipf(3)
    found = theorem3.constants(3, 2, 9, 4, 0.005)
    frame = equiangular(3, 4, np.random.default_rng(0))
    risk, _, _ = TorchRisk(z, 3, mu, 0.005, 4, layernorm=True).gradient(
        np.repeat(2 * frame, 3, axis=0), found.c * frame[z]
    )
    assert risk > found.risk + 1e-3


def test_asymmetric_latents_break_the_constants():
    z = latents.distinct(3, 2, 5, np.random.default_rng(3))
    found = theorem3.constants(3, 2, 5, 4, 0.01)
    oracle = TorchRisk(z, 3, np.array([0.7, 0.3]), 0.01, 4, layernorm=True)
    best = min(oracle.minimise(seed, scale=1.0)[0] for seed in range(3))
    weights = type_two(equiangular(3, 4, np.random.default_rng(0), mean_zero=True), 2, z, found.c)
    assert np.abs(oracle.gradient(weights.W, weights.U)[2]).max() > 1e-3
    assert abs(best - found.risk) > 1e-3


def test_codes_extend_it():
    z = codes.codewords(codes.generator("tetracode", 3, 4), 3)
    found = theorem3.constants(3, 4, 9, 4, 0.01, Spheres(measure_symmetry(z, 3).sizes))
    oracle = TorchRisk(z, 3, frequencies.zipf(2), 0.01, 4, layernorm=True)
    best = min(oracle.minimise(seed, scale=1.0)[0] for seed in range(3))
    assert found.risk - 1e-10 < best < found.risk + 1e-6


def test_other_normalisers_need_one_dimension_less():
    z, mu, d = latents.every(3, 2), frequencies.zipf(2), 2  # too small for LayerNorm, which would need 3
    found = theorem3.Objective(3, 2, 9, d, 0.01, normaliser=RMSNorm()).minimise()
    oracle = TorchRisk(z, 3, mu, 0.01, d, rmsnorm=True)
    best = min(oracle.minimise(seed, scale=1.0)[0] for seed in range(4))
    assert found.risk - 1e-10 < best < found.risk + 1e-6
    centred = min(
        TorchRisk(z, 3, mu, 0.01, d, layernorm=True).minimise(seed, scale=1.0)[0] for seed in range(3)
    )
    assert centred > found.risk + 1e-2


@pytest.mark.parametrize("t", [0.0, 0.4, 3.0])
def test_lemma_r_gives_the_risk_at_any_t(t):
    z = latents.every(3, 2)
    weights = type_two(equiangular(3, 4, np.random.default_rng(0), mean_zero=True), 2, z, t / np.sqrt(18))
    risk = enumerate_risk(weights, Task.of(z, frequencies.zipf(2), 3), 0.01).risk
    assert abs(theorem3.Objective(3, 2, 9, 4, 0.01)(t) / risk - 1) < 1e-13


@pytest.mark.parametrize(
    ("n_c", "L", "K", "d", "lambda_"),
    [(10, 100, 10**100, 100, 1e-12), (50, 128, 10**5, 128, 1e-12), (3, 15, 1000, 100, 1e12)],
)
def test_extreme_sizes_solve_the_stationarity_equation(n_c, L, K, d, lambda_):
    from mpmath import mp, mpf

    found = theorem3.constants(n_c, L, K, d, lambda_)
    with mp.workdps(400):
        eta = mpf(n_c) / (n_c - 1) * mp.sqrt(mpf(d) / (mpf(K) * L))
        share = mpf(K) / mpf(n_c) ** L

        def slope(t):
            base = 1 + (n_c - 1) * mp.exp(-eta * t)
            inner = share * L * base ** (L - 1) * (n_c - 1) * eta * mp.exp(-eta * t)
            return inner / (1 - share + share * base**L) - lambda_ * t

        tau = mpf(found.tau)
        assert slope(tau * (1 - mpf("1e-12"))) > 0 > slope(tau * (1 + mpf("1e-12")))


def test_zero_is_never_the_minimiser():
    assert theorem3.constants(3, 2, 9, 4, 1e6).tau > 0


@pytest.mark.parametrize(
    ("d", "normaliser", "match"),
    [(2, LayerNorm(), "d = 2"), (1, UnitSphere(), "d = 1"), (4, NoNormaliser(), "fixes no norm")],
)
def test_wrong_dimension_or_normaliser_is_refused(d, normaliser, match):
    with pytest.raises(InputError, match=match):
        theorem3.Objective(3, 2, 9, d, 0.01, normaliser=normaliser)
