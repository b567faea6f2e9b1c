"""The certified solver under a decay of each word's own: w' = √a w, zero words, λ_max, the path."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import feature_collapse as fc
from feature_collapse.model.decay import Decay
from feature_collapse.model.network import Network
from feature_collapse.solver.lambda_path import grid, lambda_path
from feature_collapse.solver.solve import solve
from feature_collapse.solver.spectral import lambda_max
from setting import problem_of, random_data, slow_gradient

N_W, K, L, LAMBDA = 12, 6, 4, 0.01


def weighted(seed: int):
    decay = np.random.default_rng([seed, 2]).lognormal(0.0, 1.0, N_W)
    return problem_of(*random_data(seed), N_W, K, LAMBDA, decay=decay)


def test_equal_decays_are_the_papers() -> None:
    problem = weighted(0)
    one, none = (solve(replace(problem, decay=decay), gap=1e-7) for decay in (np.ones(N_W), None))
    assert one.risk == pytest.approx(none.risk, rel=2e-7)
    np.testing.assert_allclose(one.W @ one.W.T, none.W @ none.W.T, atol=1e-3)


def test_the_minimum_is_that_of_an_independent_optimiser() -> None:
    problem, d = weighted(1), 8

    def risk(x: np.ndarray) -> float:
        W, U = x[: N_W * d].reshape(N_W, d), x[N_W * d :].reshape(K, L, d)
        s = np.einsum("kld,nld->nk", U, W[problem.words])
        peak = s.max(1)
        ce = np.log(np.exp(s - peak[:, None]).sum(1)) + peak - s[np.arange(len(s)), problem.labels]
        return ce.mean() + LAMBDA / 2 * (problem.decay @ (W**2).sum(1) + (U**2).sum())

    found = solve(problem, gap=1e-7)
    assert found.risk == pytest.approx(risk_at(found, risk, d), rel=1e-10)
    rng = np.random.default_rng(0)
    start = np.concatenate([np.pad(found.W, ((0, 0), (0, d - found.rank))).ravel(),
                            np.pad(found.U, ((0, 0), (0, 0), (0, d - found.rank))).ravel()])  # fmt: skip
    again = minimize(risk, start + 0.05 * rng.standard_normal(len(start)), method="L-BFGS-B",
                     options={"maxiter": 60})  # fmt: skip
    assert found.lower_bound <= again.fun
    assert again.fun == pytest.approx(found.risk, rel=1e-3)


def risk_at(found, risk, d: int) -> float:
    pad = d - found.rank
    W, U = np.pad(found.W, ((0, 0), (0, pad))), np.pad(found.U, ((0, 0), (0, 0), (0, pad)))
    return float(risk(np.concatenate([W.ravel(), U.ravel()])))


def test_lambda_max_is_the_norm_of_the_scaled_gradient_at_zero() -> None:
    problem = weighted(2)
    _, G, _ = slow_gradient(np.zeros((N_W, 1)), np.zeros((K, L, 1)), problem.words, problem.labels)
    assert lambda_max(problem) == pytest.approx(np.linalg.norm(G * problem.decay**-0.5, 2), rel=1e-6)
    assert solve(replace(problem, lambda_=1.001 * lambda_max(problem))).status == "zero"
    assert solve(replace(problem, lambda_=0.9 * lambda_max(problem))).rank >= 1


def test_a_word_that_never_occurs_gets_the_zero_vector() -> None:
    words, labels = random_data(3)
    counts = np.bincount(words.ravel(), minlength=N_W + 2)
    problem = problem_of(words, labels, N_W + 2, K, LAMBDA, decay=counts / counts.mean())
    found = solve(problem, gap=1e-6)
    assert found.status == "solved"
    assert not found.W[N_W:].any()


def test_warm_starts_of_the_path_find_what_cold_ones_find() -> None:
    problem = weighted(4)
    path = lambda_path(problem, grid(problem, 4, 2e-3), gap=1e-5)
    cold = solve(replace(problem, lambda_=float(path.lambdas[2])), gap=1e-5)
    assert path.risk[2] == pytest.approx(cold.risk, rel=1e-5)
    assert path.rank[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("q", "frequency", "risk", "accuracy", "norms"),
    [
        (1.0, "data", 2.94037, 1.0, (1.422, 0.040)),
        (1.0, "law", 2.92695, 1.0, (1.407, 0.239)),
        (0.5, "law", 2.04813, 0.9936, (0.706, 0.450)),
        (0.0, "law", 1.19894, 0.434, (0.336, 0.849)),
    ],
)
def test_figure_4bs_data_with_a_third_cure(q, frequency, risk, accuracy, norms) -> None:
    task = fc.make_task(word_law="zipf", seed=0)
    found = solve(fc.Problem.of(task, n_spl=5, lambda_=1e-3, decay=Decay(q, frequency)), gap=1e-4)
    assert found.lower_bound <= risk * (1 + 1e-5)
    assert found.risk == pytest.approx(risk, rel=1.2e-4)
    small = found.weights.compressed()
    test = task.test_set(5)
    network = Network(small.n_w, small.L, small.K, small.d).load(*map(torch.from_numpy, (small.W, small.U)))
    assert network.accuracy(test.words, test.labels) == pytest.approx(accuracy, abs=3e-3)
    lengths = np.linalg.norm(found.W, axis=1)
    assert (lengths.mean(), lengths.std()) == pytest.approx(norms, abs=3e-3)
