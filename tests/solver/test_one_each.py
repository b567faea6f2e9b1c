"""The minimum of few words with one sentence each, found with numpy: the general solver is the oracle."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_collapse.certificates.certify import certificate
from feature_collapse.certificates.definite import factorises, largest_eigenvalue_bound, top_eigenvalue
from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.certificates.one_each import dual_point_of
from feature_collapse.model.geometry import simplex
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, RMSNorm, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.one_each import OneEach, has_one_each
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.one_each import minimum_near
from feature_collapse.solver.solve import solve
from feature_collapse.task import Sentences, latents

NORMALISERS = [NoNormaliser(), LayerNorm(), RMSNorm(), UnitSphere()]


def of(n_w=3, L=3, K=12, seed=0, lambda_=0.01, normaliser=NORMALISERS[0], **more):
    z = latents.random(n_w, L, K, np.random.default_rng(seed))
    return Problem(Sentences(z, np.arange(K)), n_w, K, lambda_, normaliser, 20, **more)


def near(problem, seed=0, size=1.0):
    rng, r = np.random.default_rng(seed), problem.n_w
    V, U = rng.standard_normal((problem.n_w, r)), rng.standard_normal((problem.K, problem.L, r))
    return Weights(size * V, size * U)


def theorems(problem):
    """Weights as the theorems have them: a simplex frame, at a length that is not quite right."""
    frame = simplex(problem.n_w)
    length = problem.radius or 1.5
    return Weights(length * frame, 0.4 / length * frame[problem.words])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("normaliser", NORMALISERS, ids=lambda n: n.name)
def test_its_minimum_is_that_of_the_general_solver(seed, normaliser):
    rng = np.random.default_rng(seed)
    n_w, L, K = int(rng.integers(2, 6)), int(rng.integers(3, 6)), int(rng.integers(12, 30))
    problem = of(n_w, L, K, seed, float(np.exp(rng.uniform(-7, -5))), normaliser)
    theirs, ours = solve(problem, gap=1e-8), minimum_near(problem, theorems(problem), 1e-8)
    assert ours is not None
    weights, bound = ours
    assert bound.risk == pytest.approx(theirs.risk, rel=2e-8)
    assert bound.lower_bound <= theirs.risk
    assert theirs.lower_bound <= bound.risk
    assert (weights.n_w, weights.K, weights.L) == (n_w, K, L)
    assert weights.d == (n_w - 1 if normaliser.radius(20) is None else 20)
    again = certificate(weights, problem)
    assert again.risk == pytest.approx(bound.risk, rel=1e-12)
    assert again.lower_bound == pytest.approx(bound.lower_bound, rel=1e-7)


@pytest.mark.parametrize("size", [0.0, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("omega", [None, "random"])
def test_its_risk_and_gradients_are_the_empirical_ones(size, omega):
    share = None if omega is None else np.random.default_rng(3).dirichlet(np.ones(12))
    problem = of(omega=share)
    start = near(problem, size=size)
    V, U = start.W, start.U.reshape(12, -1)
    ours = OneEach(problem).value_and_gradient(V, U)
    risk = EmpiricalRisk(problem, dtype=torch.float64)
    theirs = risk.value_and_gradient(torch.from_numpy(V), torch.from_numpy(U))
    assert ours[0] == pytest.approx(theirs[0], rel=1e-13)
    for a, b in zip(ours[1:], theirs[1:], strict=True):
        np.testing.assert_allclose(a, b.numpy(), rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("size", [0.0, 0.1, 1.0, 1.5])
def test_its_dual_point_is_that_of_the_general_certificate_with_bounds_of_the_same_order(size):
    problem = of(n_w=4, L=5, K=40)
    start = near(problem, size=size)
    V, U = start.W, start.U.reshape(40, -1)
    ours = dual_point_of(OneEach(problem), V, U)
    theirs = dual_point(torch.from_numpy(V), torch.from_numpy(U), problem)
    assert ours is not None
    np.testing.assert_allclose(ours.gram, theirs.gram.numpy(), rtol=1e-11, atol=1e-16)
    for name in ("data_term", "other", "off_label", "omega", "occurs"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-11, atol=1e-13)
    for name in ("gram_error", "unit", "underflow", "largest"):
        assert 0.3 < getattr(ours, name) / getattr(theirs, name) < 3.0, name
    for theta in (0.0, 0.3, 0.999, 1.0):
        assert ours.entropy(theta) == pytest.approx(theirs.entropy(theta), rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("seed", range(20))
def test_its_bound_on_the_gram_matrix_covers_that_of_extended_precision(seed):
    rng = np.random.default_rng(seed)
    problem = of(n_w=3, L=4, K=20, seed=seed)
    start = near(problem, seed, float(np.exp(rng.uniform(-2.0, 1.0))))
    V, U = start.W, start.U.reshape(20, -1)
    point = dual_point_of(OneEach(problem), V, U)
    assert point is not None
    if np.finfo(np.longdouble).eps > 1e-18:
        pytest.skip("this machine has no wider float")
    scores = np.longdouble(V[problem.words].reshape(20, -1) @ U.T)
    scores -= scores.diagonal().copy()[:, None]
    p = np.exp(scores)
    p /= p.sum(1, keepdims=True)
    p[np.arange(20), np.arange(20)] -= 1
    G = np.zeros((20, 4, 3), dtype=np.longdouble)
    for i, words in enumerate(problem.words):
        for place, word in enumerate(words):
            G[:, place, word] += p[i] / 20
    G = G.reshape(-1, 3)
    off = np.abs(np.float64(G.T @ G - point.gram)).max()
    # the scores' own rounding is not in the bound: any outputs are ones that the certificate holds for
    assert off <= 3 * point.gram_error + 1e-13 * np.abs(point.gram).max()
    assert point.gram_error < 1e-10 * np.trace(point.gram)


def test_problems_of_other_kinds_and_starts_too_far_are_left_to_the_general_solver():
    problem = of()
    start = theorems(problem)
    assert minimum_near(problem, start, 1e-6) is not None  # the control
    turned = replace(problem, sentences=Sentences(problem.words, np.roll(np.arange(12), 1)))
    twice = Sentences(np.concatenate([problem.words] * 2), np.tile(np.arange(12), 2))
    assert not has_one_each(turned)
    assert minimum_near(turned, start, 1e-6) is None
    assert minimum_near(replace(problem, sentences=twice), start, 1e-6) is None
    assert minimum_near(replace(problem, decay=np.full(3, 2.0)), start, 1e-6) is None
    many = of(n_w=20, K=30)
    assert minimum_near(many, theorems(many), 1e-6) is None
    assert minimum_near(problem, near(problem, size=1e30), 1e-6) is None  # scores beyond every exponential


def test_a_start_without_a_direction_that_the_minimum_needs_proves_nothing():
    problem = of(n_w=4, L=5, K=40, lambda_=1e-3)
    start = theorems(problem)
    flat = Weights(start.W[:, :1], start.U[:, :, :1])
    assert minimum_near(problem, flat, 1e-6) is None
    assert minimum_near(problem, start, 1e-6) is not None


@pytest.mark.parametrize("n", [1, 3, 12])
def test_proofs_of_definiteness_are_the_same_on_numpys_arrays(n):
    A = np.random.default_rng(n).standard_normal((2 * n, n))
    A = A.T @ A
    for B in (A, -A, A - np.eye(n) * np.linalg.eigvalsh(A)[0] * 1.01):
        assert factorises(B) == factorises(torch.from_numpy(B))
    assert factorises(A)
    assert not factorises(-A)
    ours, theirs = (f(A) for f in (largest_eigenvalue_bound, top_eigenvalue))
    assert ours >= theirs
    assert ours == pytest.approx(largest_eigenvalue_bound(torch.from_numpy(A)), rel=1e-12)
    assert theirs == pytest.approx(top_eigenvalue(torch.from_numpy(A)), rel=1e-12)


@pytest.mark.parametrize(
    ("command", "unloaded"),
    [
        ("limit", {"torch", "scipy"}),
        ("limit --word-law zipf --normaliser layernorm", {"torch", "scipy"}),
        ("limit --word-law zipf --decay-exponent 1", {"torch", "scipy"}),
        ("theory", {"torch"}),
        ("theory --word-law zipf", {"torch"}),
    ],
)
def test_limit_and_theory_do_not_load_what_takes_longer_to_load_than_they_to_answer(
    command, unloaded, tmp_path
):
    arguments = ["feature-collapse", *command.split(), "--K", "50", "--n-w", "30", "--L", "6"]
    code = (
        f"import sys\nsys.argv = {arguments}\nfrom feature_collapse.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
        "print('loaded', *sorted(set(sys.modules) & {'torch', 'scipy'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert not set(done.stdout.splitlines()[-1].split()) & unloaded
    assert "minimum of the true risk" in done.stdout
