import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, frequencies, latents
from feature_collapse.theory import theorem1
from feature_collapse.theory.classify import classify
from feature_collapse.theory.distance_law import AssumptionA, Spheres
from feature_collapse.theory.types import type_one
from oracles import TorchRisk, random_law

SIZES = [(2, 2, 2, 0.01), (2, 3, 3, 0.003), (3, 2, 2, 0.01), (3, 3, 2, 0.001)]  # n_c, s_c, L, λ


def setting(n_c, s_c, L, lambda_, d=None):
    z = latents.every(n_c, L)
    found = theorem1.constants(n_c, n_c * s_c, L, n_c**L, lambda_)
    frame = equiangular(n_c, n_c if d is None else d, np.random.default_rng(0))
    return z, found, type_one(frame, s_c, z, found.c, found.c_prime)


@pytest.mark.parametrize(("n_c", "s_c", "L", "lambda_"), SIZES)
def test_type_one_is_critical_with_the_predicted_risk(n_c, s_c, L, lambda_):
    z, found, weights = setting(n_c, s_c, L, lambda_)
    risk = enumerate_risk(weights, Task.of(z, frequencies.uniform(s_c), n_c), lambda_)
    assert max(np.abs(risk.gradient_V).max(), np.abs(risk.gradient_U).max()) < 1e-12
    assert abs(risk.risk / found.risk - 1) < 1e-12


@pytest.mark.parametrize(("n_c", "s_c", "L", "lambda_"), SIZES)
def test_no_random_start_of_another_optimiser_gets_below(n_c, s_c, L, lambda_):
    z, found, _ = setting(n_c, s_c, L, lambda_)
    oracle = TorchRisk(z, n_c, np.full(s_c, 1 / s_c), lambda_, d=n_c)
    risks = [oracle.minimise(seed)[0] for seed in range(3)]
    assert min(risks) > found.risk - 1e-10
    assert min(risks) < found.risk + 1e-7  # the optimiser does get there


def test_no_perturbation_gets_below():
    z, found, weights = setting(3, 2, 2, 0.01)
    oracle = TorchRisk(z, 3, np.full(2, 0.5), 0.01, d=3)
    rng = np.random.default_rng(0)
    for size in (1e-4, 1e-2, 0.3):
        for _ in range(20):
            W = weights.W + size * rng.standard_normal(weights.W.shape)
            U = weights.U + size * rng.standard_normal(weights.U.shape)
            assert oracle.gradient(W, U)[0] > found.risk


def test_every_minimiser_found_is_of_type_one():
    z, found, _ = setting(3, 2, 2, 0.01)
    _, W, U = TorchRisk(z, 3, np.full(2, 0.5), 0.01, d=4).minimise(1)
    verdict = classify(Weights(W, U), Task.of(z, [0.5, 0.5], 3), tolerance=1e-3)
    assert verdict.type == "I"
    assert abs(verdict.fits["I"].r[0] - found.c) < 1e-4
    assert abs(verdict.fits["I"].c - found.c_prime) < 1e-4


def test_lemma_g_classes_sum_to_zero_at_a_minimiser():
    z = latents.distinct(3, 2, 5, np.random.default_rng(3))  # whatever the latents and words
    _, _, U = TorchRisk(z, 3, np.array([0.8, 0.2]), 0.01, d=3).minimise(0)
    assert np.abs(U.sum(axis=0)).max() < 1e-5 * np.abs(U).max()
    assert np.abs(U.sum(axis=1)).max() > 0.1  # the sum over positions is not zero


def test_non_uniform_words_break_it():
    z, _, weights = setting(3, 2, 2, 0.01)
    mu = np.array([0.8, 0.2])
    best, _, _ = TorchRisk(z, 3, mu, 0.01, d=3).minimise(0)
    frame = equiangular(3, 3, np.random.default_rng(0))
    for c in np.linspace(0.05, 4, 40):  # no constants make type I critical
        for c_prime in np.linspace(0.05, 4, 40):
            at = type_one(frame, 2, z, c, c_prime)
            risk = enumerate_risk(at, Task.of(z, mu, 3), 0.01)
            assert np.linalg.norm(risk.gradient_V) + np.linalg.norm(risk.gradient_U) > 1e-3
            assert risk.risk > best + 1e-4
    assert weights.W.shape == (6, 3)


def test_asymmetric_latents_break_the_constants():
    rng = np.random.default_rng(3)
    z = latents.distinct(3, 2, 5, rng)
    oracle = TorchRisk(z, 3, np.full(2, 0.5), 0.01, d=3)
    found = theorem1.constants(3, 6, 2, 5, 0.01)
    best, _, _ = oracle.minimise(0)
    frame = equiangular(3, 3, rng)
    norms = []
    for tau in np.geomspace(0.1, 30, 60):
        at = type_one(frame, 2, z, np.sqrt(tau / 6), np.sqrt(tau / 10))
        norms.append(np.linalg.norm(oracle.gradient(at.W, at.U)[2]))
    assert min(norms) > 1e-3
    assert abs(best - found.risk) > 1e-2


@pytest.mark.parametrize("t", [0.0, 0.5, 3.0, 20.0])
def test_lemma_k_gives_the_risk_at_any_t(t):
    z = latents.every(3, 2)
    frame = equiangular(3, 2, np.random.default_rng(0))
    weights = type_one(frame, 2, z, np.sqrt(t / 6), np.sqrt(t / 18))
    risk = enumerate_risk(weights, Task.of(z, [0.5, 0.5], 3), 0.01).risk
    assert abs(theorem1.Objective(3, 6, 2, 9, 0.01)(t) - risk) < 1e-13 * max(1, risk)


def test_above_the_threshold_zero_is_the_minimiser():
    threshold = theorem1.constants(3, 6, 2, 9, 1.0).lambda_max
    below, above = (theorem1.constants(3, 6, 2, 9, threshold * f) for f in (0.999, 1.001))
    assert above.trivial
    assert not below.trivial
    risk, W, U = TorchRisk(latents.every(3, 2), 3, np.full(2, 0.5), threshold * 1.01, d=3).minimise(0)
    assert abs(risk - above.cross_entropy) < 1e-9
    assert max(np.abs(W).max(), np.abs(U).max()) < 1e-2


def test_the_threshold_is_that_of_condition_9():
    found = theorem1.constants(3, 12, 4, 81, 1.0)
    assert abs(found.lambda_max / np.sqrt(4 / 3**5 / 4) - 1) < 1e-13


@pytest.mark.parametrize(("n_c", "L", "K"), [(3, 15, 1000), (2, 4, 16), (5, 6, 77)])
def test_the_sum_over_spheres_equals_the_closed_form(n_c, L, K):
    from math import comb

    sizes = [1] + [K / n_c**L * comb(L, r) * (n_c - 1) ** r for r in range(1, L + 1)]
    spheres, closed = Spheres(sizes), AssumptionA(n_c, L, K)
    for s in (0.0, 1e-9, 0.3, 2.0, 40.0, 800.0):
        assert abs(spheres.log_sum(s) - closed.log_sum(s)) < 1e-12 * max(1, abs(closed.log_sum(s)))
        assert abs(spheres.mean_distance(s) / closed.mean_distance(s) - 1) < 1e-12


@pytest.mark.parametrize(
    ("n_c", "n_w", "L", "K", "lambda_"),
    [
        (10, 50, 100, 10**100, 1e-60),
        (50, 50_000, 128, 100_000, 1e-12),
        (2, 10**9, 10, 1000, 1e-12),
        (10, 50, 100, 10**100, 1e-12),
    ],
)
def test_extreme_sizes_solve_the_stationarity_equation(n_c, n_w, L, K, lambda_):
    from mpmath import mp, mpf

    found = theorem1.constants(n_c, n_w, L, K, lambda_)
    with mp.workdps(400):
        eta = mpf(n_c) / (n_c - 1) / mp.sqrt(mpf(n_w) * K * L)
        share = mpf(K) / mpf(n_c) ** L

        def slope(t):
            base = 1 + (n_c - 1) * mp.exp(-eta * t)
            inner = share * L * base ** (L - 1) * (n_c - 1) * eta * mp.exp(-eta * t)
            return inner / (1 - share + share * base**L)

        if found.trivial:
            assert slope(mpf(0)) <= lambda_
        else:
            tau = mpf(found.tau)
            # a relative error of 1e-12 in τ changes the sign of H' on either side
            assert slope(tau * (1 - mpf("1e-12"))) > lambda_ > slope(tau * (1 + mpf("1e-12")))
    assert np.isfinite([found.c, found.c_prime, found.risk, found.singular_value]).all()


@pytest.mark.parametrize("below", [0.9, 1e-2, 1e-6, 1e-10])
def test_constants_are_as_accurate_as_the_last_digit_of_lambda_allows(below):
    from mpmath import findroot, mp, mpf

    n_c, n_w, L, K = 3, 1200, 15, 1000
    lambda_ = theorem1.constants(n_c, n_w, L, K, 1.0).lambda_max * (1 - below)
    found = theorem1.constants(n_c, n_w, L, K, lambda_)
    with mp.workdps(60):
        eta, share = mpf(n_c) / (n_c - 1) / mp.sqrt(mpf(n_w) * K * L), mpf(K) / mpf(n_c) ** L

        def slope(t):
            base = 1 + (n_c - 1) * mp.exp(-eta * t)
            inner = share * L * base ** (L - 1) * (n_c - 1) * eta * mp.exp(-eta * t)
            return inner / (1 - share + share * base**L) - mpf(lambda_)

        tau = findroot(slope, (mpf(found.tau) * mpf("0.9999"), mpf(found.tau) * mpf("1.0001")))
    assert abs(found.tau / tau - 1) < 1e-15 / below


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((1, 6, 2, 9, 0.1), "n_c = 1"),
        ((3, 7, 2, 9, 0.1), "n_w = 7"),
        ((3, 6, 0, 9, 0.1), "L = 0"),
        ((3, 6, 2, 1, 0.1), "K = 1"),
        ((3, 6, 2, 9, 0.0), "lambda"),
        ((3, 6, 2, 9, -1.0), "lambda"),
        ((3, 6, 2, 9, float("nan")), "lambda"),
        ((3.0, 6, 2, 9, 0.1), "n_c"),
        ((3, 6, 2, "9", 0.1), "K"),
        ((3, 6, True, 9, 0.1), "L"),
        ((3, 6, 2, 9, float("inf")), "lambda"),
    ],
)
def test_wrong_sizes_are_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        theorem1.constants(*arguments)


@pytest.mark.parametrize("sizes", [[2, 1], [1, 0, 0], [1], [1, -1], [1, float("nan")], [1, float("inf")], []])
def test_wrong_spheres_are_refused(sizes):
    with pytest.raises(InputError, match="sphere"):
        Spheres(sizes)


def test_the_word_law_of_the_oracle_is_a_law():
    assert abs(random_law(5, np.random.default_rng(0)).sum() - 1) < 1e-15
