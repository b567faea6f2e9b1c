import numpy as np
import pytest
from scipy.optimize import minimize

from feature_collapse.errors import InputError
from feature_collapse.task import frequencies
from feature_collapse.theory import mean_field, theorem1, theorem2
from feature_collapse.theory.mean_field import MeanField
from feature_collapse.theory.sum_law import SumLaw
from oracles import mean_field_enumerated, mean_field_sampled, random_law


@pytest.mark.parametrize(
    ("n_c", "s_c", "L", "K", "lambda_"),
    [(3, 400, 15, 1000, 1e-3), (4, 10, 5, 1000, 1e-6), (2, 3, 9, 17, 1e-2)],
)
def test_uniform_words_give_theorem_1(n_c, s_c, L, K, lambda_):
    found = mean_field.constants(n_c, L, K, frequencies.uniform(s_c), lambda_)
    one = theorem1.constants(n_c, n_c * s_c, L, K, lambda_)
    assert abs(found.risk / one.risk - 1) < 1e-10
    assert np.abs(found.r / one.c - 1).max() < 1e-8
    assert abs(found.c / one.c_prime - 1) < 1e-8
    assert abs(found.lambda_max / one.lambda_max - 1) < 1e-12


@pytest.mark.parametrize(
    ("n_c", "s_c", "L", "lambda_"), [(3, 4, 3, 1e-3), (3, 50, 4, 1e-4), (5, 10, 3, 1e-6), (2, 7, 8, 1e-3)]
)
def test_all_latents_give_theorem_2(n_c, s_c, L, lambda_):
    mu = frequencies.zipf(s_c)
    found, two = mean_field.constants(n_c, L, n_c**L, mu, lambda_), theorem2.constants(n_c, L, mu, lambda_)
    assert abs(found.risk / two.risk - 1) < 1e-10
    assert np.abs(found.r / two.r - 1).max() < 1e-8
    assert abs(found.c / two.c - 1) < 1e-8
    assert abs(found.lambda_max / two.lambda_max - 1) < 1e-12


@pytest.mark.parametrize(
    ("n_c", "s_c", "L", "K", "lambda_"),
    [(3, 400, 15, 1000, 1e-3), (50, 1000, 128, 10**5, 1e-4), (10, 30, 40, 10**6, 1e-6)],
)
def test_the_expectation_agrees_with_monte_carlo(n_c, s_c, L, K, lambda_):
    mu = frequencies.zipf(s_c)
    found = mean_field.constants(n_c, L, K, mu, lambda_)
    # float(n_c)**L is in range here; the tiny cross-entropies need no logarithms for a check at 4 standard
    # errors
    value, error = mean_field_sampled(
        float(n_c), L, K, mu, lambda_, found.c, found.r, 50_000, np.random.default_rng(0)
    )
    assert abs(found.risk - value) < 4 * error


@pytest.mark.parametrize("seed", range(5))
def test_the_expectation_is_exact_to_ten_digits(seed):
    rng = np.random.default_rng(seed)
    n_c, s_c, L = int(rng.integers(2, 6)), int(rng.integers(2, 5)), int(rng.integers(1, 6))
    K, mu = max(2, n_c**L // 3), random_law(s_c, rng)
    r, c = rng.exponential(1.5, s_c), 0.8
    setting = MeanField(n_c, L, K, mu, 1e-3)
    value, _ = setting.cross_entropy(setting.sum_law(), setting.kappa * c * r)
    exact = mean_field_enumerated(n_c, L, K, mu, 0.0, c, r)
    assert abs(value / exact - 1) < 1e-10


def test_the_gradient_agrees_with_finite_differences():
    rng = np.random.default_rng(0)
    setting = MeanField(4, 6, 200, random_law(5, rng), 1e-3)
    law, x = setting.sum_law(), rng.exponential(2.0, 5)
    _, gradient = setting.objective(law, x)
    for i in range(5):
        step = np.eye(5)[i] * 1e-5
        slope = (setting.objective(law, x + step)[0] - setting.objective(law, x - step)[0]) / 2e-5
        assert abs(gradient[i] - slope) < 1e-8  # rounding 1e-15/1e-5 and h²


def test_no_other_constants_have_a_lower_risk():
    mu, n_c, L, K, lambda_ = np.array([0.6, 0.3, 0.1]), 3, 3, 10, 0.01
    found = mean_field.constants(n_c, L, K, mu, lambda_)
    assert abs(mean_field_enumerated(n_c, L, K, mu, lambda_, found.c, found.r) - found.risk) < 1e-10

    def risk(x):
        return mean_field_enumerated(n_c, L, K, mu, lambda_, np.exp(x[0]), np.exp(x[1:]))

    for seed in range(3):
        start = np.random.default_rng(seed).standard_normal(4)
        best = minimize(
            risk,
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-9, "fatol": 1e-13, "maxiter": 5000, "maxfev": 9000},
        )
        assert best.fun > found.risk - 1e-10
        assert best.fun < found.risk + 1e-6


def test_the_objective_is_convex_in_the_exponents():
    rng = np.random.default_rng(0)
    setting = MeanField(3, 8, 500, random_law(6, rng), 1e-3)
    law = setting.sum_law()
    for _ in range(50):
        a, b = rng.exponential(2.0, 6), rng.exponential(2.0, 6)
        middle = setting.objective(law, (a + b) / 2)[0]
        assert middle <= (setting.objective(law, a)[0] + setting.objective(law, b)[0]) / 2 + 1e-12


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_decays_agree_with_theorem_2_for_all_latents_and_with_theorem_1_in_proportion(power):
    mu = frequencies.zipf(5)
    decay = (5 * mu) ** power
    found, two = mean_field.constants(3, 3, 27, mu, 1e-3, decay), theorem2.constants(3, 3, mu, 1e-3, decay)
    assert abs(found.risk / two.risk - 1) < 1e-10
    assert np.abs(found.r / two.r - 1).max() < 1e-8
    assert abs(found.singular_value_U / two.singular_value_U - 1) < 1e-8
    few, one = mean_field.constants(3, 5, 40, mu, 1e-3, decay), theorem1.constants(3, 15, 5, 40, 1e-3)
    assert (abs(few.risk / one.risk - 1) < 1e-10) == (power == 1.0)
    zero = mean_field.constants(3, 5, 40, mu, few.lambda_max * 1.001, decay)
    assert zero.trivial
    assert not mean_field.constants(3, 5, 40, mu, few.lambda_max * 0.999, decay).trivial


def test_figure_4a_is_predicted_within_three_percent():
    # the notebooks' final training cross-entropy and top singular values (one run, SGD)
    found = mean_field.constants(3, 15, 1000, frequencies.zipf(400), 1e-3)
    assert abs(found.cross_entropy / 0.3809 - 1) < 0.03
    assert abs(found.singular_value_W / 24.24 - 1) < 0.03
    # and a control: theorem 1's formula, which knows nothing of frequencies, is far off
    assert abs(theorem1.constants(3, 1200, 15, 1000, 1e-3).singular_value / 24.24 - 1) > 0.3


@pytest.mark.parametrize("distinct", [False, True])
def test_above_the_threshold_zero_is_the_solution(distinct):
    mu = frequencies.zipf(20)
    threshold = MeanField(3, 6, 100, mu, 1.0, distinct=distinct).solve().lambda_max
    above, below = (
        MeanField(3, 6, 100, mu, threshold * f, distinct=distinct).solve() for f in (1.001, 0.999)
    )
    assert above.trivial
    assert not below.trivial
    assert above.risk == np.log(100)  # that of zero weights, whatever the latents
    if distinct:  # the mean over the other classes is exact there, so that no step is left at the threshold
        assert 0 < above.risk - below.risk < 1e-5


def test_distinct_latents_change_the_mean_over_the_other_classes():
    mu, (n_c, L, K) = np.array([0.6, 0.3, 0.1]), (3, 3, 10)
    with_replacement, distinct = (MeanField(n_c, L, K, mu, 0.01, distinct=x).solve() for x in (False, True))
    # the mean over all sets of distinct latents of the sum over the other classes, on this very configuration
    x = 1.5 * distinct.c * distinct.r  # κ = 3/2
    z = np.array([[a, b, c] for a in range(3) for b in range(3) for c in range(3)])
    others = np.exp(-x[1] * (z[1:] != z[0]).sum(1)).sum() * (K - 1) / (len(z) - 1)
    S = 3 * np.log1p(2 * np.exp(-x[1]))
    assert abs(np.exp(MeanField(n_c, L, K, mu, 0.01, distinct=True).log_share) * np.expm1(S) - others) < 1e-12
    assert abs(with_replacement.risk - distinct.risk) > 1e-3


@pytest.mark.parametrize("lambda_", [1e-8, 1e-12, 1e-16])
def test_tiny_cross_entropies_keep_their_digits(lambda_):
    mu = frequencies.zipf(4)
    found, two = mean_field.constants(3, 3, 27, mu, lambda_), theorem2.constants(3, 3, mu, lambda_)
    assert two.cross_entropy < 100 * lambda_
    assert abs(found.cross_entropy / two.cross_entropy - 1) < 1e-9


@pytest.mark.parametrize("lambda_", [1e-5, 1e-8, 1e-12])
def test_tiny_penalties_are_solved(lambda_):
    found = mean_field.constants(5, 3, 100, frequencies.zipf(10), lambda_)
    assert found.penalty > 0
    assert found.cross_entropy < 1e4 * lambda_


def test_a_huge_vocabulary_is_answered_quickly():
    import time

    start = time.perf_counter()
    found = mean_field.constants(50, 128, 100_000, frequencies.zipf(1000), 1e-4)
    assert found.cross_entropy > 0.1
    assert time.perf_counter() - start < 10  # about 0.3 s on an idle core


def test_the_tilt_keeps_digits_of_tiny_expectations():
    # n_c^L far above K and well separated classes: E Φ ≈ (K/n_c^L) E(e^S - 1), known in closed form
    n_c, L, K, x = 10, 30, 100, 25.0
    law = SumLaw(L, np.log(n_c), np.log(K) - L * np.log(n_c))
    value, _ = law.expectation(np.log1p((n_c - 1) * np.exp(-np.array([x, x / 2]))), np.array([0.5, 0.5]))
    factor = 0.5 * (1 + 9 * np.exp(-x)) + 0.5 * (1 + 9 * np.exp(-x / 2))
    exact = K / n_c**L * np.expm1(L * np.log(factor))
    assert exact < 1e-28
    assert abs(value / exact - 1) < 1e-6


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((1, 2, 2, [1.0], 0.1), "n_c"),
        ((3, 0, 2, [1.0], 0.1), "L"),
        ((3, 2, 1, [1.0], 0.1), "K"),
        ((3, 2, 10, [1.0], 0.1), "K = 10"),
        ((3, 2, 9, [0.0], 0.1), "frequencies"),
        ((3, 2, 9, [1.0], 0.0), "lambda"),
        ((3, 2**18, 9, [1.0], 0.1), "L = 262144"),
    ],
)
def test_wrong_input_is_refused(arguments, match):
    with pytest.raises(InputError, match=match):
        mean_field.constants(*arguments)
