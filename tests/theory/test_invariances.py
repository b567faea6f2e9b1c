import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, latents
from feature_collapse.theory import mean_field, theorem2
from feature_collapse.theory.classify import fit_type
from feature_collapse.theory.compare import compare
from feature_collapse.theory.landscape import examine
from feature_collapse.theory.lower_bound import margins
from oracles import random_law

N_C, S_C, L, K, D = 3, 2, 3, 6, 4
few = settings(deadline=None, max_examples=15)
seeds = st.integers(0, 10**6)


def draw(seed):
    rng = np.random.default_rng(seed)
    W, U = rng.standard_normal((N_C * S_C, D)), rng.standard_normal((K, L, D))
    return rng, W, U, latents.random(N_C, L, K, rng), random_law(S_C, rng)


def numbers(W, U, z, mu):
    """Everything that must not change: risk, spectrum, residuals of types, symmetry, equimargin."""
    weights, task = Weights(W, U), Task.of(z, mu, N_C)
    risk = enumerate_risk(weights, task, 0.1)
    point = examine(weights, risk.gradient_M, 0.1)
    symmetry = task.symmetry
    return np.array(
        [
            risk.risk,
            risk.cross_entropy,
            point.operator_norm,
            point.gradient_norm,
            *(fit_type(kind, weights, task).residual for kind in ("I", "III")),
            symmetry.residual_a,
            symmetry.residual_i,
            symmetry.residual_ii,
            symmetry.residual_iii,
            margins(weights, task).equimargin_residual(),
            task.assumption_b.dimension,
        ]
    )


def assert_same(one, other):
    # the frame of a fit is found by an iteration that stops at 1e-15 of its objective: 1e-7 in a residual
    assert np.abs(one - other).max() < 1e-6


@few
@given(seeds)
def test_rotating_the_embedding_space_changes_nothing(seed):
    rng, W, U, z, mu = draw(seed)
    Q = np.linalg.qr(rng.standard_normal((D, D)))[0]
    assert_same(numbers(W, U, z, mu), numbers(W @ Q, U @ Q, z, mu))


@few
@given(seeds)
def test_permuting_concepts_changes_nothing(seed):
    rng, W, U, z, mu = draw(seed)
    order = rng.permutation(N_C)  # concept α becomes order[α]
    moved = np.empty_like(W).reshape(N_C, S_C, D)
    moved[order] = W.reshape(N_C, S_C, D)
    assert_same(numbers(W, U, z, mu), numbers(moved.reshape(-1, D), U, order[z], mu))


@few
@given(seeds)
def test_permuting_words_with_their_frequencies_changes_nothing(seed):
    rng, W, U, z, mu = draw(seed)
    order = rng.permutation(S_C)
    moved = W.reshape(N_C, S_C, D)[:, order].reshape(-1, D)
    assert_same(numbers(W, U, z, mu), numbers(moved, U, z, mu[order]))


@few
@given(seeds)
def test_permuting_positions_changes_nothing(seed):
    rng, W, U, z, mu = draw(seed)
    order = rng.permutation(L)
    assert_same(numbers(W, U, z, mu), numbers(W, U[:, order], z[:, order], mu))


@few
@given(seeds)
def test_permuting_classes_changes_nothing(seed):
    rng, W, U, z, mu = draw(seed)
    order = rng.permutation(K)
    assert_same(numbers(W, U, z, mu), numbers(W, U[order], z[order], mu))


@few
@given(seeds)
def test_permuting_words_without_their_frequencies_does_change_the_risk(seed):
    _, W, U, z, _ = draw(seed)
    mu = np.array([0.9, 0.1])
    moved = W.reshape(N_C, S_C, D)[:, ::-1].reshape(-1, D)
    task = Task.of(z, mu, N_C)
    risks = [enumerate_risk(Weights(embeddings, U), task).risk for embeddings in (W, moved)]
    assert abs(risks[0] - risks[1]) > 1e-9


@few
@given(seeds, st.integers(2, 5), st.integers(1, 4), st.integers(1, 8))
def test_predicted_norms_follow_the_words(seed, n_c, length, s_c):
    rng = np.random.default_rng(seed)
    mu, order = random_law(s_c, rng), rng.permutation(s_c)
    lambda_ = float(np.exp(theorem2.log_lambda_max(n_c, length, mu) - rng.exponential(2.0)))
    one, moved = (
        theorem2.constants(n_c, length, mu, lambda_),
        theorem2.constants(n_c, length, mu[order], lambda_),
    )
    assert np.abs(one.r[order] - moved.r).max() < 1e-11 * one.r.max()
    K_ = max(2, n_c**length // 2)
    a, b = (
        mean_field.constants(n_c, length, K_, mu, lambda_),
        mean_field.constants(n_c, length, K_, mu[order], lambda_),
    )
    assert np.abs(a.r[order] - b.r).max() <= 1e-6 * max(a.r.max(), 1e-300)


@few
@given(seeds)
def test_a_comparison_does_not_see_rotations(seed):
    rng, W, U, z, mu = draw(seed)
    Q = np.linalg.qr(rng.standard_normal((D, D)))[0]
    task = Task.of(z, mu, N_C)
    one, other = (compare(weights, task, 0.001) for weights in (Weights(W, U), Weights(W @ Q, U @ Q)))
    for a, b in zip(one.rows, other.rows, strict=True):
        assert np.abs(np.atleast_1d(a.measured) - np.atleast_1d(b.measured)).max() < 1e-5
