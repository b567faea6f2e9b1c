"""R6-R8: collapse without symmetry. Independent optimisers on the enumerated true risk are the oracle."""

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.normalisers import LayerNorm, RMSNorm, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.solver.solve import solve
from feature_collapse.task import Task, frequencies, latents
from feature_collapse.theory import theorem1
from feature_collapse.theory.predict import predict
from feature_collapse.theory.reduction import concept_averaged, reduce, which_result
from feature_collapse.theory.types import type_one
from oracles import TorchRisk, random_law

SEVEN = np.array([[2, 0, 0], [0, 0, 2], [2, 1, 0], [0, 0, 1], [1, 1, 0], [0, 2, 2], [0, 0, 1]])


def spread(W, n_c):
    """How far words are from their concept's mean, relative to the longest word where that is above 1."""
    words = W.reshape(n_c, -1, W.shape[1])
    return np.abs(words - words.mean(1, keepdims=True)).max() / max(np.abs(W).max(), 1.0)


def small(seed):
    """Any latents, repeated ones among them, of small sizes, and any word law."""
    rng = np.random.default_rng(seed)
    n_c, L, K, s_c = (int(rng.integers(low, high)) for low, high in ((2, 5), (1, 3), (2, 6), (2, 4)))
    z = latents.random(n_c, L, K, rng)
    return rng, z, n_c, random_law(s_c, rng), float(np.exp(rng.uniform(-6.0, -3.0)))


@pytest.mark.parametrize("seed", range(50))
def test_minimisers_of_the_true_risk_are_collapsed_and_agree_with_the_reduced_problem(seed):
    _, z, n_c, mu, lambda_ = small(seed)
    proportional = seed % 2 == 1  # R8; else R6
    s_c = len(mu)
    mu = mu if proportional else frequencies.uniform(s_c)
    decay = s_c * mu if proportional else None
    task = Task.of(z, mu, n_c)
    oracle = TorchRisk(z, n_c, mu, lambda_, d=n_c, decay=decay)
    best, W, U = min((oracle.minimise(start) for start in range(2)), key=lambda found: found[0])
    gradient, W, U = oracle.polish(W, U)
    assert gradient < 1e-10
    best = min(best, oracle.gradient(W, U)[0])
    reduced = reduce(task, lambda_, n_c, decay=decay)
    assert reduced.result == ("R8" if proportional else "R6")
    found = solve(reduced.problem, gap=1e-9)
    assert found.lower_bound - 1e-10 < best
    assert abs(best - found.risk) < 1e-8
    assert spread(W, n_c) < 1e-9
    lifted = reduced.lift(found.weights)
    a = None if decay is None else np.tile(decay, n_c)
    assert abs(enumerate_risk(lifted, task, lambda_, a).risk - found.risk) < 1e-10


@pytest.mark.parametrize("power", [0.0, 2.0])
@pytest.mark.parametrize("seed", range(25))
def test_without_decay_in_proportion_minimisers_are_not_collapsed(seed, power):
    _, z, n_c, mu, lambda_ = small(seed)  # where no two words of a concept are equally frequent
    decay = (len(mu) * mu) ** power
    oracle = TorchRisk(z, n_c, mu, lambda_, d=n_c, decay=decay)
    _, W, U = min((oracle.minimise(start) for start in range(2)), key=lambda found: found[0])
    gradient, W, U = oracle.polish(W, U)
    assert gradient < 1e-10
    told_apart = len(np.unique(z, axis=0)) > 1  # else zero weights are the minimiser, collapsed of course
    assert (np.abs(W).max() > 0.1) == told_apart
    assert (spread(W, n_c) > 5e-3) == told_apart
    assert which_result(Task.of(z, mu, n_c), decay=decay) == ""


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("proportional", [False, True])
def test_a_gradient_in_w_that_vanishes_means_collapse_at_any_u(seed, proportional):
    rng, z, n_c, mu, lambda_ = small(seed)
    s_c = len(mu)
    mu = mu if proportional else frequencies.uniform(s_c)
    decay = s_c * mu if proportional else np.ones(s_c)
    task, U, a = Task.of(z, mu, n_c), rng.standard_normal((*z.shape, 3)), np.tile(decay, n_c)
    W = rng.standard_normal((n_c * s_c, 3))
    for _ in range(50):  # for fixed U the risk is strictly convex in W
        gradient = enumerate_risk(Weights(W, U), task, lambda_, a).gradient_V
        if np.abs(gradient).max() < 1e-9 * lambda_:
            break
        W = newton(W, U, task, lambda_, a, gradient)
    assert np.abs(gradient).max() < 1e-9 * lambda_
    assert spread(W, n_c) < 1e-6  # gradient over λ, the least curvature


def newton(W, U, task, lambda_, a, gradient):
    """A damped Newton step with a Hessian by differences of the gradient."""
    size, h = W.size, 1e-5
    H = np.empty((size, size))
    for i in range(size):
        step = np.zeros(size)
        step[i] = h
        up, down = (
            enumerate_risk(Weights(W + sign * step.reshape(W.shape), U), task, lambda_, a).gradient_V
            for sign in (1, -1)
        )
        H[:, i] = ((up - down) / (2 * h)).ravel()
    step = np.linalg.solve(H, gradient.ravel()).reshape(W.shape)
    at = enumerate_risk(Weights(W, U), task, lambda_, a).risk
    t = 1.0
    while t > 1e-6 and enumerate_risk(Weights(W - t * step, U), task, lambda_, a).risk > at + 1e-13:
        t /= 2
    return W - t * step


@pytest.mark.parametrize("seed", range(30))
def test_concept_averaging_never_raises_the_true_risk_where_a_result_applies(seed):
    rng, z, n_c, mu, lambda_ = small(seed)
    s_c, d = len(mu), n_c + 3
    W, U = rng.standard_normal((n_c * s_c, d)), rng.standard_normal((*z.shape, d))
    cases = [
        (Weights(W, U), frequencies.uniform(s_c), None),
        (Weights(W, U), mu, np.tile(s_c * mu, n_c)),
        *((Weights(W, U, phi), mu, None) for phi in (LayerNorm(), RMSNorm(), UnitSphere())),
    ]
    for weights, law, a in cases:
        task = Task.of(z, law, n_c)
        averaged = concept_averaged(weights, task)
        before, after = (enumerate_risk(w, task, lambda_, a) for w in (weights, averaged))
        assert after.cross_entropy <= before.cross_entropy + 1e-12
        assert after.risk <= before.risk + 1e-12
        assert spread(averaged.features(), n_c) < 1e-12


def test_concept_averaging_can_raise_the_penalty_with_equal_decay_and_unequal_words():
    mu = np.array([0.9, 0.1])
    task = Task.of(SEVEN, mu, 3)
    # frequent words long, rare ones short: the mean is nearly as long as the frequent ones, twice
    W = np.repeat(np.eye(3), 2, axis=0) * np.tile([1.0, 0.0], 3)[:, None]
    weights = Weights(W, np.zeros((7, 3, 3)))
    before, after = (enumerate_risk(w, task, 0.1) for w in (weights, concept_averaged(weights, task)))
    assert after.cross_entropy <= before.cross_entropy + 1e-15
    assert after.risk > before.risk + 0.05


@pytest.mark.parametrize(("law", "proportional"), [(frequencies.uniform, False), (frequencies.zipf, True)])
def test_the_seven_latents_have_the_minimum_of_the_theory(law, proportional):
    mu = law(4)
    reduced = reduce(Task.of(SEVEN, mu, 3), 0.001, decay=4 * mu if proportional else None)
    found = solve(reduced.problem, gap=1e-9)
    assert abs(found.risk - 0.242618678) < 0.6e-9
    assert found.risk - found.lower_bound < 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_r7_holds_for_any_latents_and_word_law_under_layernorm(seed):
    _, z, n_c, mu, _ = small(seed)
    lambda_, d = 0.02, n_c + 2
    task = Task.of(z, mu, n_c)
    found = solve(reduce(task, lambda_, d, LayerNorm()).problem, gap=1e-8)
    best = min(
        TorchRisk(z, n_c, mu, lambda_, d, layernorm=True).minimise(start, scale=1.0)[0] for start in range(3)
    )
    assert best > found.lower_bound - 1e-9
    assert best < found.risk + 1e-4  # flat in the norm of W, so slower than for h
    lifted = reduce(task, lambda_, d, LayerNorm()).lift(found.weights)
    assert abs(enumerate_risk(lifted, task, lambda_).risk - found.risk) < 1e-10


def test_under_assumption_a_the_reduced_problem_is_theorem_1():
    task = Task.of(latents.every(3, 3), frequencies.zipf(4), 3)
    found = solve(reduce(task, 0.001, decay=4 * task.mu).problem, gap=1e-9)
    assert abs(found.risk / theorem1.constants(3, 12, 3, 27, 0.001).risk - 1) < 1e-9


def test_wrong_input_is_refused():
    task = Task.of(SEVEN, [0.8, 0.2], 3)
    with pytest.raises(InputError, match="no reduction"):
        reduce(task, 0.01)
    with pytest.raises(InputError, match="decay must be"):
        reduce(task, 0.01, decay=[1.0])
    with pytest.raises(InputError, match="lambda"):
        reduce(task, 0.0, normaliser=LayerNorm())
    weights = Weights(np.random.default_rng(0).standard_normal((6, 3)), np.ones((7, 3, 3)), LayerNorm())
    with pytest.raises(InputError, match="to restore the norms"):
        concept_averaged(weights, task)
    with pytest.raises(InputError, match="eps"):
        concept_averaged(Weights(weights.W, weights.U, LayerNorm(0.1)), task)
    with pytest.raises(InputError, match="reduced problem"):
        reduce(task, 0.01, normaliser=LayerNorm()).lift(weights)


@pytest.mark.parametrize("rate", [0.25, 1.0, 7.0])
def test_r8_holds_for_every_decay_in_proportion_to_frequency(rate):
    task = Task.of(latents.every(3, 2), mu=[0.7, 0.2, 0.1], n_c=3)
    decay = rate * task.s_c * task.mu
    found = predict(task, 1e-2, decay=decay)["theorem1"]
    exact = solve(reduce(task, 1e-2, decay=decay).problem, gap=1e-9)
    assert (found.applies, which_result(task, decay=decay)) == (True, "R8")
    assert found.risk == pytest.approx(exact.risk, rel=1e-8)
    c, c_prime = found.constants["c"], found.constants["c_prime"]
    weights = type_one(equiangular(3, 5), task.s_c, task.latents, c, c_prime)
    at = enumerate_risk(weights, task, 1e-2, decay=np.tile(decay, 3))
    assert at.risk == pytest.approx(found.risk, rel=1e-12)
    assert max(np.abs(at.gradient_V).max(), np.abs(at.gradient_U).max()) < 1e-12
    doubled = predict(task, 1e-2, decay=decay * [1.0, 1.0, 2.0])["theorem1"]
    assert not doubled.applies and "not in proportion" in doubled.reason
