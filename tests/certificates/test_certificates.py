"""R2 and R3 against slow independent implementations, and against the best that can be found."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_collapse.certificates.definite import factorises, largest_eigenvalue_bound
from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.errors import InputError
from feature_collapse.model.normalisers import LayerNorm, RMSNorm, UnitSphere
from feature_collapse.solver.solve import solve
from setting import (
    bound_at,
    entropy,
    problem_of,
    random_data,
    random_weights,
    slow_gradient,
    slow_least_nu,
    slow_plain_bound,
)

N_W, K, LAMBDA = 12, 6, 0.01


def least_risk(words, labels, normaliser=None, d: int = 100) -> float:
    problem = problem_of(words, labels, N_W, K, LAMBDA, normaliser, d=d)
    return solve(problem, gap=1e-7).risk


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scale", [0.1, 0.5])
def test_plain_bound_is_at_least_that_of_dense_singular_values(seed: int, scale: float) -> None:
    words, labels = random_data(seed)
    W, U = random_weights(seed, scale=scale)
    bound = bound_at(W, U, words, labels, LAMBDA)
    slow = slow_plain_bound(W, U, words, labels, LAMBDA)
    assert bound.lower_bound >= slow - 1e-8  # the best θ is no worse than the largest
    _, G, ce = slow_gradient(W, U, words, labels)
    assert bound.operator_norm == pytest.approx(np.linalg.norm(G, 2), rel=1e-7)
    assert bound.operator_norm >= np.linalg.norm(G, 2)
    assert bound.risk == pytest.approx(ce + LAMBDA / 2 * (np.sum(W**2) + np.sum(U**2)), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_sphere_bound_has_the_least_nu(seed: int) -> None:
    words, labels = random_data(seed)
    W, U = random_weights(seed, scale=0.5)
    V = UnitSphere().forward(torch.tensor(W)).numpy()
    P, G, _ = slow_gradient(V, U, words, labels)
    total = slow_least_nu(G.T @ G)
    theta = np.linspace(0, 1, 2001)[1:]
    one_hot = np.eye(K)[labels]
    slow = max(entropy((1 - t) * one_hot + t * P) - t * t * total / (2 * LAMBDA) for t in theta)
    bound = bound_at(W, U, words, labels, LAMBDA, UnitSphere())
    assert bound.lower_bound == pytest.approx(max(slow, 0.0), rel=1e-4)  # of the grid of θ and of the barrier


@pytest.mark.parametrize("normaliser", [None, LayerNorm(), RMSNorm(), UnitSphere()])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 3.0))
def test_bound_is_below_the_risk_of_any_weights(normaliser, seed: int, scale: float) -> None:
    words, labels = random_data(seed)
    W, U = random_weights(seed, scale=scale)
    bound = bound_at(W, U, words, labels, LAMBDA, normaliser)
    assert 0.0 <= bound.lower_bound <= bound.risk


@pytest.mark.parametrize("normaliser", [None, LayerNorm(), RMSNorm(), UnitSphere()])
def test_bound_of_any_weights_is_below_the_best_that_can_be_found(normaliser) -> None:
    words, labels = random_data(3)
    best = least_risk(words, labels, normaliser, d=5)
    for seed in range(10):
        W, U = random_weights(seed, scale=0.3)
        assert bound_at(W, U, words, labels, LAMBDA, normaliser).lower_bound <= best


@pytest.mark.parametrize("normaliser", [None, UnitSphere()])
def test_bound_is_below_the_best_of_many_plain_restarts(normaliser) -> None:
    words, labels = random_data(4)
    index, target = torch.from_numpy(words).long(), torch.from_numpy(labels).long()
    best = np.inf
    for seed in range(8):
        W, U = (torch.tensor(x, requires_grad=True) for x in random_weights(seed, scale=0.3))
        optimiser = torch.optim.LBFGS([W, U], max_iter=300, line_search_fn="strong_wolfe")

        def closure(W=W, U=U, optimiser=optimiser) -> torch.Tensor:
            optimiser.zero_grad()
            V = W if normaliser is None else W / W.norm(dim=1, keepdim=True)
            risk = torch.nn.functional.cross_entropy(V[index].flatten(1) @ U.flatten(1).T, target)
            risk = risk + LAMBDA / 2 * (U.square().sum() + (W.square().sum() if normaliser is None else 0.0))
            risk.backward()
            return risk

        best = min(best, float(optimiser.step(closure).detach()), float(closure().detach()))
    problem = problem_of(words, labels, N_W, K, LAMBDA, normaliser, d=100)
    found = solve(problem, gap=1e-6)
    assert found.lower_bound <= best
    assert found.risk <= best * (1 + 1e-6)


def test_theta_one_is_no_bound_where_the_gradient_is_too_large() -> None:
    words, labels = random_data(5)
    W, U = random_weights(5, scale=0.01)  # almost uniform outputs: the entropy is log K
    P, G, _ = slow_gradient(W, U, words, labels)
    assert np.linalg.norm(G, 2) > LAMBDA
    assert entropy(P) > least_risk(words, labels)
    assert bound_at(W, U, words, labels, LAMBDA).lower_bound <= least_risk(words, labels)


def test_too_small_a_nu_is_no_bound() -> None:
    words, labels = random_data(6)
    problem = problem_of(words, labels, N_W, K, LAMBDA, UnitSphere())
    found = solve(problem, gap=1e-6)
    P, G, _ = slow_gradient(found.W, found.U, words, labels)
    total = slow_least_nu(G.T @ G)
    valid, wrong = (entropy(P) - factor * total / (2 * LAMBDA) for factor in (1.0, 0.9))
    assert valid == pytest.approx(found.risk, rel=1e-4)
    assert wrong > found.risk * 1.001


@pytest.mark.parametrize("memory_limit", [5e4, 8e4])
def test_blocks_of_classes_do_not_change_the_certificate(memory_limit: float) -> None:
    words, labels = random_data(7)
    V, U = (torch.tensor(x) for x in random_weights(7))
    problem = problem_of(words, labels, N_W, K, LAMBDA)
    whole = dual_point(V, U.flatten(1), problem)
    blocks = dual_point(V, U.flatten(1), problem, memory_limit=memory_limit)
    torch.testing.assert_close(whole.gram, blocks.gram, atol=1e-16, rtol=1e-11)
    torch.testing.assert_close(whole.other, blocks.other, atol=1e-12, rtol=1e-11)
    torch.testing.assert_close(whole.off_label, blocks.off_label, atol=1e-14, rtol=1e-11)


def test_entropy_is_that_of_the_mixed_outputs_and_slightly_below() -> None:
    words, labels = random_data(8)
    W, U = random_weights(8)
    problem = problem_of(words, labels, N_W, K, LAMBDA)
    point = dual_point(torch.tensor(W), torch.tensor(U).flatten(1), problem)
    P, _, _ = slow_gradient(W, U, words, labels)
    for theta in (1.0, 0.7, 1e-3):
        exact = entropy((1 - theta) * np.eye(K)[labels] + theta * P)
        assert exact - 1e-10 <= point.entropy(theta) <= exact


def test_eigenvalue_bound_is_above_and_tight() -> None:
    rng = np.random.default_rng(9)
    for n in (3, 40):
        B = rng.standard_normal((n, n))
        A = torch.from_numpy(B @ B.T)
        top = float(np.linalg.eigvalsh(A.numpy())[-1])
        assert top <= largest_eigenvalue_bound(A) <= top * (1 + 1e-8)


def test_an_indefinite_matrix_does_not_factorise() -> None:
    assert factorises(torch.eye(3, dtype=torch.float64))
    assert not factorises(torch.diag(torch.tensor([1.0, -1e-12, 1.0], dtype=torch.float64)))


def test_positive_eps_keeps_the_sphere_bound_valid() -> None:
    words, labels = random_data(10)
    W, U = random_weights(10, scale=0.3)
    best = least_risk(words, labels, LayerNorm(), d=5)
    for eps in (1e-5, 0.1, 10.0):
        bound = bound_at(W, U, words, labels, LAMBDA, LayerNorm(eps))
        assert bound.lower_bound <= min(bound.risk, best)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"W": np.zeros((12, 4))}, "must be (n_w, d) and (K, L, d)"),
        ({"W": np.full((12, 5), np.nan)}, "not finite"),
        ({"words": np.full((30, 4), 12)}, "words run from 12 to 12"),
        ({"labels": np.full(30, 6)}, "labels run from 6 to 6"),
        ({"labels": np.zeros(29, dtype=int)}, "must be one for each of 30 sentences"),
        ({"lambda_": 0.0}, "lambda"),
        ({"memory_limit": 1e3}, "memory_limit"),
    ],
)
def test_wrong_input_is_named(change, said: str) -> None:
    words, labels = random_data(0)
    W, U = random_weights(0)
    given = {"W": W, "U": U, "words": words, "labels": labels, "lambda_": LAMBDA, **change}
    with pytest.raises(InputError, match=r".*" + said.replace("(", r"\(").replace(")", r"\)")):
        bound_at(**given)
