from itertools import product

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, codes, latents
from feature_collapse.theory.distance_law import Spheres
from feature_collapse.theory.lower_bound import (
    bound,
    lemma_d,
    lemma_f,
    lemma_m,
    margins,
    mean_margin_product,
    theorem_d,
)
from feature_collapse.theory.types import type_one, type_three, type_two

TETRACODE = codes.codewords(codes.generator("tetracode", 3, 4), 3)
SETS = [
    ("all", latents.every(3, 2), 3),
    ("tetracode", TETRACODE, 3),
    ("all, two concepts", latents.every(2, 3), 2),
]
MU, UNIFORM = np.array([0.7, 0.3]), np.array([0.5, 0.5])


def random_weights(z, n_c, seed, centred=True):
    rng = np.random.default_rng(seed)
    W, U = rng.standard_normal((2 * n_c, 3)), rng.standard_normal((*z.shape, 3))
    return Weights(W, U - U.mean(axis=0) * centred)


@pytest.mark.parametrize(("name", "z", "n_c"), SETS)
@pytest.mark.parametrize("seed", range(5))
def test_theorem_d_and_lemma_d_bound_the_risk(name, z, n_c, seed):
    weights, task = random_weights(z, n_c, seed), Task.of(z, MU, n_c)
    spheres = Spheres(task.symmetry.sizes)
    risk = enumerate_risk(weights, task).cross_entropy
    by_margins = lemma_d(risk, margins(weights, task), spheres)
    by_product = theorem_d(risk, mean_margin_product(weights, task), spheres, n_c)
    assert by_margins.slack > 0
    assert by_product.slack > 0
    assert abs(by_margins.left - by_product.left) < 1e-12  # lemma E makes the two bounds the same


@pytest.mark.parametrize(("name", "z", "n_c"), SETS)
def test_equality_holds_with_the_equimargin_property(name, z, n_c):
    weights = type_one(equiangular(n_c, 3, np.random.default_rng(0)), 2, z, 1.2, 0.4)
    task = Task.of(z, MU, n_c)
    spheres = Spheres(task.symmetry.sizes)
    found = margins(weights, task)
    risk = enumerate_risk(weights, task).cross_entropy
    assert found.equimargin_residual() < 1e-14
    assert abs(lemma_d(risk, found, spheres).slack) < 1e-14
    assert abs(theorem_d(risk, mean_margin_product(weights, task), spheres, n_c).slack) < 1e-14


def test_equality_fails_without_the_equimargin_property():
    z = latents.every(3, 2)
    weights = type_three(equiangular(3, 3, np.random.default_rng(0)), np.array([2.0, 0.5]), z, 0.4)
    task = Task.of(z, MU, 3)
    found = margins(weights, task)
    risk = enumerate_risk(weights, task).cross_entropy
    assert found.equimargin_residual() > 0.1
    assert lemma_d(risk, found, Spheres(task.symmetry.sizes)).slack > 1e-3


def test_theorem_d_needs_the_matrices_u_k_to_sum_to_zero():
    z = latents.every(3, 2)
    task = Task.of(z, MU, 3)
    spheres = Spheres(task.symmetry.sizes)
    violated = []
    for seed in range(30):
        at = random_weights(z, 3, seed, centred=False)
        weights = Weights(at.W, at.U + 3 * at.W.reshape(3, 2, 3)[0].mean(axis=0))
        risk = enumerate_risk(weights, task).cross_entropy
        violated.append(theorem_d(risk, mean_margin_product(weights, task), spheres, 3).slack < 0)
    assert any(violated)


@pytest.mark.parametrize(("name", "z", "n_c"), SETS)
def test_lemma_e_gives_the_averaged_margins(name, z, n_c):
    weights, task = random_weights(z, n_c, 0), Task.of(z, MU, n_c)
    found = margins(weights, task)
    product = mean_margin_product(weights, task)
    symmetry = task.symmetry
    for r in range(1, z.shape[1] + 1):
        if symmetry.sizes[r]:
            assert abs(found.averaged()[r] - (1 - symmetry.theta[r] / symmetry.sizes[r]) * product) < 1e-13


def test_lemma_e_fails_for_asymmetric_latents():
    z = latents.distinct(3, 2, 5, np.random.default_rng(0))
    weights, task = random_weights(z, 3, 0), Task.of(z, MU, 3)
    found, product = margins(weights, task), mean_margin_product(weights, task)
    assert abs(found.averaged()[1] - 1 / 2 * 3 / 2 * product) > 1e-2


def test_margins_agree_with_sentences():
    z = latents.random(3, 3, 6, np.random.default_rng(0))
    weights = random_weights(z, 3, 1)
    W, U = weights.W, weights.U
    found = margins(weights, Task.of(z, MU, 3))
    for k, j in [(0, 1), (2, 5), (3, 3)]:
        values, weights = [], []
        for betas in product(range(2), repeat=3):
            words = [z[k, i] * 2 + b for i, b in enumerate(betas)]
            values.append(sum((U[k, i] - U[j, i]) @ W[w] for i, w in enumerate(words)))
            weights.append(np.prod(MU[list(betas)]))
        assert abs(found.low[k, j] - min(values)) < 1e-13
        assert abs(found.high[k, j] - max(values)) < 1e-13
        assert abs(found.mean[k, j] - np.dot(values, weights)) < 1e-13


@pytest.mark.parametrize("seed", range(10))
def test_lemma_f_bounds_the_product_with_equality_on_type_one(seed):
    z = latents.every(3, 2)
    task = Task.of(z, UNIFORM, 3)
    assert lemma_f(random_weights(z, 3, seed), task).slack > 0
    # equality needs ‖W‖ = ‖U‖: c² n_w = c'² K L
    at = type_one(equiangular(3, 3, np.random.default_rng(seed)), 2, z, 1.3, 1.3 * np.sqrt(6 / 18))
    assert abs(lemma_f(at, task).slack) < 1e-12


@pytest.mark.parametrize("seed", range(10))
def test_lemma_m_bounds_the_product_with_equality_on_type_two(seed):
    z = latents.every(3, 2)
    task = Task.of(z, MU, 3)
    assert lemma_m(random_weights(z, 3, seed), task).slack > 0
    at = type_two(equiangular(3, 4, np.random.default_rng(seed), mean_zero=True), 2, z, 0.3)
    assert abs(lemma_m(at, task).slack) < 1e-12


def test_lemma_f_needs_every_concept_equally_often():
    z = np.zeros((4, 2), dtype=int)  # only concept 1
    W = np.zeros((6, 2))
    W[:2, 0] = 1.0
    U = np.zeros((4, 2, 2))
    U[:, :, 0] = 0.5
    assert lemma_f(Weights(W, U), Task.of(z, UNIFORM, 3)).slack < 0


def test_g_increases():
    spheres = Spheres([1, 0, 0, 8, 0])
    values = [bound(x, spheres, 3) for x in np.linspace(-50, 5, 40)]
    assert (np.diff(values) > 0).all()
    assert abs(values[-1] - np.log1p(8 * np.exp(3 / 4 * 1.5 * 5))) < 1e-12


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="x"):
        bound(float("nan"), Spheres([1, 2]), 3)
    with pytest.raises(InputError, match="n_c"):
        bound(1.0, Spheres([1, 2]), 1)
    weights = Weights(np.zeros((5, 2)), np.zeros((9, 2, 2)))
    with pytest.raises(InputError, match="n_w"):
        margins(weights, Task.of(latents.every(3, 2), MU, 3))
    with pytest.raises(InputError, match="uniform words"):
        lemma_f(weights, Task.of(latents.every(3, 2), MU, 3))
