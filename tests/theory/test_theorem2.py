import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, frequencies, latents
from feature_collapse.theory import theorem1, theorem2
from feature_collapse.theory.classify import classify
from feature_collapse.theory.landscape import examine
from feature_collapse.theory.types import type_three
from oracles import TorchRisk, random_law

SIZES = [(2, 2, 2, 0.01), (2, 3, 3, 0.003), (3, 3, 2, 0.005), (3, 2, 3, 0.001)]  # n_c, s_c, L, λ


def setting(n_c, s_c, L, lambda_, mu=None):
    z = latents.every(n_c, L)
    mu = frequencies.zipf(s_c) if mu is None else mu
    found = theorem2.constants(n_c, L, mu, lambda_)
    frame = equiangular(n_c, n_c, np.random.default_rng(0))
    return z, mu, found, type_three(frame, found.r, z, found.c)


def gradient_norm(weights, z, n_c, mu, lambda_):
    risk = enumerate_risk(weights, Task.of(z, mu, n_c), lambda_)
    return max(np.abs(risk.gradient_V).max(), np.abs(risk.gradient_U).max())


@pytest.mark.parametrize(("n_c", "s_c", "L", "lambda_"), SIZES)
def test_type_three_is_critical_with_the_predicted_risk(n_c, s_c, L, lambda_):
    z, mu, found, weights = setting(n_c, s_c, L, lambda_)
    assert gradient_norm(weights, z, n_c, mu, lambda_) < 1e-12
    assert abs(enumerate_risk(weights, Task.of(z, mu, n_c), lambda_).risk / found.risk - 1) < 1e-12


@pytest.mark.parametrize(("n_c", "s_c", "L", "lambda_"), SIZES)
def test_no_random_start_of_another_optimiser_beats_r1(n_c, s_c, L, lambda_):
    z, mu, found, _ = setting(n_c, s_c, L, lambda_)
    oracle = TorchRisk(z, n_c, mu, lambda_, d=n_c + 1)
    results = [oracle.minimise(seed) for seed in range(3)]
    assert min(risk for risk, _, _ in results) > found.risk - 1e-10
    assert min(risk for risk, _, _ in results) < found.risk + 1e-7
    _, W, U = min(results, key=lambda result: result[0])
    verdict = classify(Weights(W, U), Task.of(z, mu, n_c), tolerance=1e-3)
    assert verdict.type == "III"
    assert np.abs(verdict.fits["III"].r / found.r - 1).max() < 1e-3


def test_no_perturbation_gets_below():
    z, mu, found, weights = setting(3, 3, 2, 0.005)
    oracle = TorchRisk(z, 3, mu, 0.005, d=3)
    rng = np.random.default_rng(0)
    for size in (1e-4, 1e-2, 0.3):
        for _ in range(20):
            W = weights.W + size * rng.standard_normal(weights.W.shape)
            U = weights.U + size * rng.standard_normal(weights.U.shape)
            assert oracle.gradient(W, U)[0] > found.risk


def test_dropping_latents_breaks_criticality():
    z, mu, _, weights = setting(3, 3, 2, 0.005)
    fewer = type_three(
        equiangular(3, 3, np.random.default_rng(0)),
        np.linalg.norm(weights.W[:3], axis=1),
        z[:-2],
        np.linalg.norm(weights.U[0, 0]),
    )
    assert gradient_norm(fewer, z[:-2], 3, mu, 0.005) > 1e-3
    assert gradient_norm(weights, z, 3, mu, 0.005) < 1e-12


def test_other_constants_are_not_critical():
    z, mu, found, _ = setting(3, 3, 2, 0.005)
    frame = equiangular(3, 3, np.random.default_rng(0))
    for factor in (0.99, 1.01):
        at = type_three(frame, found.r * factor, z, found.c)
        assert gradient_norm(at, z, 3, mu, 0.005) > 1e-6


@pytest.mark.parametrize("seed", range(60))
def test_r1_the_spectrum_of_the_gradient_is_lambda(seed):
    rng = np.random.default_rng(seed)
    n_c, L, s_c = int(rng.integers(2, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
    mu = random_law(s_c, rng)
    lambda_ = float(np.exp(theorem2.log_lambda_max(n_c, L, mu)) * np.exp(-rng.exponential(3.0)))
    z, mu, found, weights = setting(n_c, s_c, L, lambda_, mu)
    point = examine(weights, enumerate_risk(weights, Task.of(z, mu, n_c)).gradient_M, lambda_)
    assert abs(point.ratio - 1) < 1e-10
    assert point.verdict == "global minimiser"
    closed = theorem2.gradient(found.c, found.r, n_c, L, mu)
    assert abs(closed.operator_norm / lambda_ - 1) < 1e-10


def test_r1_fails_away_from_the_solution():
    z, mu, found, _ = setting(3, 3, 2, 0.005)
    assert abs(theorem2.gradient(found.c * 1.1, found.r, 3, 2, mu).operator_norm / 0.005 - 1) > 1e-2
    assert len(z) == 9


def test_proposition_c_gives_the_gradients_on_any_type_three_weights():
    z = latents.every(3, 3)
    mu, r, c = frequencies.zipf(3), np.array([1.5, 0.7, 0.2]), 0.8
    frame = equiangular(3, 4, np.random.default_rng(0))
    weights = type_three(frame, r, z, c)
    risk = enumerate_risk(weights, Task.of(z, mu, 3))
    closed = theorem2.gradient(c, r, 3, 3, mu)
    assert np.abs(risk.gradient_U - closed.u * frame[z]).max() < 1e-14
    assert (
        np.abs(risk.gradient_V - np.kron(np.ones(3), closed.w)[:, None] * np.repeat(frame, 3, axis=0)).max()
        < 1e-14
    )
    values = np.linalg.svd(risk.gradient_M.reshape(-1, 9), compute_uv=False)
    assert np.abs(values[:2] / closed.operator_norm - 1).max() < 1e-12  # n_c - 1 equal singular values …
    assert values[2] < 1e-14  # … and no others


def test_frequent_words_get_larger_embeddings():
    mu = random_law(20, np.random.default_rng(0))
    found = theorem2.constants(4, 3, mu, 1e-4)
    assert (np.diff(found.r[np.argsort(mu)]) > 0).all()


def test_uniform_words_give_theorem_1():
    found, one = (
        theorem2.constants(3, 4, frequencies.uniform(5), 1e-3),
        theorem1.constants(3, 15, 4, 81, 1e-3),
    )
    assert np.abs(found.r / one.c - 1).max() < 1e-12
    assert abs(found.c / one.c_prime - 1) < 1e-12
    assert abs(found.risk / one.risk - 1) < 1e-12


def test_where_condition_9_fails_zero_is_the_global_minimiser():
    mu = frequencies.zipf(3)
    threshold = float(np.exp(theorem2.log_lambda_max(3, 2, mu)))
    z = latents.every(3, 2)
    zero = Weights(np.zeros((9, 3)), np.zeros((9, 2, 3)))
    gradient = enumerate_risk(zero, Task.of(z, mu, 3)).gradient_M
    assert abs(examine(zero, gradient, 1.0).operator_norm / threshold - 1) < 1e-13
    assert examine(zero, gradient, threshold * 1.01).verdict == "global minimiser"
    assert examine(zero, gradient, threshold * 0.99).verdict == "strict saddle"
    above = theorem2.constants(3, 2, mu, threshold * 1.01)
    assert above.trivial
    risk, _, _ = TorchRisk(z, 3, mu, threshold * 1.01, d=3).minimise(0)
    assert abs(risk - above.risk) < 1e-9


@pytest.mark.parametrize("below", [1e-1, 1e-3, 1e-6, 1e-9, 1e-12])
def test_constants_are_accurate_up_to_the_threshold(below):
    mu = frequencies.zipf(4)
    lambda_ = float(np.exp(theorem2.log_lambda_max(3, 3, mu))) * (1 - below)
    found = theorem2.constants(3, 3, mu, lambda_)
    assert not found.trivial
    assert theorem2.Equations(3, 3, mu, lambda_).residual(found.c, found.r) < 1e-13


@pytest.mark.parametrize(
    ("n_c", "L", "s_c", "lambda_"), [(10, 100, 1000, 1e-60), (50, 128, 1000, 1e-120), (2, 3, 4, 1e-300)]
)
def test_extreme_sizes_solve_the_equations(n_c, L, s_c, lambda_):
    mu = frequencies.zipf(s_c)
    found = theorem2.constants(n_c, L, mu, lambda_)
    # the equations are compared in logarithms of numbers up to 1e±217: rounding of 1e-13 in the logarithm
    assert theorem2.Equations(n_c, L, mu, lambda_).residual(found.c, found.r) < 1e-12
    assert np.isfinite([found.c, found.risk, *found.r]).all()


def test_solution_agrees_with_high_precision():
    from mpmath import findroot, mp, mpf

    mu, n_c, L, lambda_ = [mpf(x) for x in ("0.7", "0.3")], 3, 3, mpf("0.001")
    found = theorem2.constants(n_c, L, np.array([0.7, 0.3]), 0.001)
    with mp.workdps(40):

        def system(c, r1, r2):
            kappa = mpf(3) / 2
            rows = [
                lambda_ / L * r / m * (2 + mp.exp(kappa * c * r)) / c - 1
                for r, m in zip((r1, r2), mu, strict=True)
            ]
            return [*rows, (r1**2 + r2**2) / (L * 9 * c**2) - 1]

        c, r1, r2 = findroot(system, (found.c, *found.r.tolist()))
    assert abs(found.c / float(c) - 1) < 1e-12
    assert np.abs(found.r / np.array([float(r1), float(r2)]) - 1).max() < 1e-12


@pytest.mark.parametrize(
    ("power", "c", "r", "risk"),
    [
        (1.0, 1.204962, [3.130583] * 4, 0.138463533),
        (2.0, 1.262753, [2.73646, 3.04809, 3.23216, 3.36352], 0.153018653),
        (0.5, 1.192857, [3.30892, 3.14296, 3.04635, 2.97802], 0.135724932),
    ],
)
def test_r8_decays_in_powers_of_frequency(power, c, r, risk):
    mu = frequencies.zipf(4)
    found = theorem2.constants(3, 3, mu, 0.001, (4 * mu) ** power)
    assert abs(found.c - c) < 0.51e-6
    assert np.abs(found.r - r).max() < 0.51e-5
    assert abs(found.risk - risk) < 0.51e-9


@pytest.mark.parametrize("seed", range(60))
def test_r1_with_decays_the_scaled_spectrum_is_lambda(seed):
    rng = np.random.default_rng(seed)
    n_c, L, s_c = int(rng.integers(2, 4)), int(rng.integers(1, 4)), int(rng.integers(1, 5))
    mu, decay = random_law(s_c, rng), np.exp(rng.standard_normal(s_c))
    lambda_ = float(np.exp(theorem2.log_lambda_max(n_c, L, mu, decay) - rng.exponential(3.0)))
    task = Task.of(latents.every(n_c, L), mu, n_c)
    found = theorem2.constants(n_c, L, mu, lambda_, decay)
    weights = type_three(equiangular(n_c, n_c, rng), found.r, task.latents, found.c)
    a = np.tile(decay, n_c)
    risk = enumerate_risk(weights, task, lambda_, a)
    assert max(np.abs(risk.gradient_V).max(), np.abs(risk.gradient_U).max()) < 1e-12
    assert abs(risk.risk / found.risk - 1) < 1e-12
    point = examine(weights, risk.gradient_M, lambda_, decay=a)
    assert abs(point.ratio - 1) < 1e-10
    assert point.verdict == "global minimiser"
    values = np.linalg.svd(weights.W, compute_uv=False)[0], np.linalg.svd(weights.U.reshape(-1, n_c))[1][0]
    assert np.abs(np.array(values) / [found.singular_value_W, found.singular_value_U] - 1).max() < 1e-10
    if s_c > 1:  # the control: without Diag(a)^{-1/2} it is not λ
        assert abs(examine(weights, risk.gradient_M, lambda_).ratio - 1) > 1e-6


@pytest.mark.parametrize("seed", range(10))
def test_no_random_start_gets_below_with_decays(seed):
    rng = np.random.default_rng(seed)
    mu, decay, z = random_law(2, rng), np.exp(rng.standard_normal(2)), latents.every(3, 2)
    found = theorem2.constants(3, 2, mu, 0.005, decay)
    oracle = TorchRisk(z, 3, mu, 0.005, d=4, decay=decay)
    best = min(oracle.minimise(start)[0] for start in range(3))
    assert found.risk - 1e-10 < best < found.risk + 1e-7


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((1, 2, [0.5, 0.5], 0.1), "n_c"),
        ((3, 0, [0.5, 0.5], 0.1), "L"),
        ((3, 2, [0.5, -0.5], 0.1), "frequencies"),
        ((3, 2, [], 0.1), "frequencies"),
        ((3, 2, [0.5, 0.5], 0.0), "lambda"),
        ((3, 2, [1.0, float("nan")], 0.1), "frequencies"),
        ((3, 2, [0.5, 0.5], 0.1, [1.0, 0.0]), "decay"),
        ((3, 2, [0.5, 0.5], 0.1, [1.0]), "decay"),
    ],
)
def test_wrong_input_is_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        theorem2.constants(*arguments)


def test_wrong_constants_are_refused():
    mu = frequencies.zipf(2)
    with pytest.raises(InputError, match="r has length 3"):
        theorem2.Equations(3, 2, mu, 0.1).residual(1.0, np.ones(3))
    with pytest.raises(InputError, match="c = 0"):
        theorem2.Equations(3, 2, mu, 0.1).residual(0.0, np.ones(2))
    with pytest.raises(InputError, match="r has length 1"):
        theorem2.gradient(1.0, np.ones(1), 3, 2, mu)
