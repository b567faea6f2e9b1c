"""The units of the solver's variables: a linear map, its transpose for gradients, and what it saves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_collapse.model.normalisers import LayerNorm, NoNormaliser
from feature_collapse.risk.class_sums import class_sums
from feature_collapse.risk.problem import Problem
from feature_collapse.solver import objective
from feature_collapse.solver.models import make_model
from feature_collapse.solver.solve import solve
from feature_collapse.task import make_task
from setting import problem_of, random_data

EACH = pytest.mark.parametrize("normaliser", [NoNormaliser(), LayerNorm()], ids=lambda n: n.name)


def made(normaliser, rank=3):
    problem = problem_of(*random_data(8), 12, 6, 0.01, normaliser, 9)
    rng = np.random.default_rng(0)
    V = torch.from_numpy(rng.standard_normal((problem.n_w, rank)))
    U = torch.from_numpy(rng.standard_normal((problem.K * problem.L, rank)))
    if problem.radius is not None:
        V *= problem.radius / V.norm(dim=1, keepdim=True)
    model = make_model(problem, single=False)
    return model, *model.units(V, U)


@EACH
def test_variables_and_weights_are_each_others_inverse(normaliser):
    model, V, U, units = made(normaliser)
    back = model.weights(units, model.variables(units, V, U))
    np.testing.assert_allclose(back[0], V, rtol=0, atol=1e-12)
    np.testing.assert_allclose(back[1], U, rtol=0, atol=1e-12)
    assert float(units.along.max()) < 0.95  # control: there is something to undo


@EACH
def test_the_gradient_is_that_by_the_variables(normaliser):
    model, V, U, units = made(normaliser)
    x = model.variables(units, V, U)
    at = model.evaluate(units, x)
    step = torch.from_numpy(np.random.default_rng(1).standard_normal(len(x)))
    step *= 1e-6 / step.norm()
    ahead, behind = (model.evaluate(units, x + sign * step).value for sign in (1, -1))
    assert float(at.gradient @ step) == pytest.approx((ahead - behind) / 2.0, rel=1e-5)
    raw, cut = units.of_weights(at.gradient), V.numel()
    np.testing.assert_allclose(units.gradient(raw[:cut], raw[cut:]), at.gradient, atol=1e-12)


def test_class_sums_are_those_of_a_loop_also_for_a_class_without_sentences():
    words, labels = random_data(8)
    labels = np.where(labels == 2, 3, labels)
    problem = problem_of(words, labels, 12, 6, 0.01, NoNormaliser(), 9)
    problem = replace(problem, omega=np.random.default_rng(0).dirichlet(np.ones(len(labels))))
    V = torch.from_numpy(np.random.default_rng(1).standard_normal((12, 3)))
    sums = class_sums(words, labels, torch.from_numpy(problem.omega), 6, V).reshape(6, -1)
    for k in range(6):
        own = [(x, omega) for x, y, omega in zip(words, labels, problem.omega, strict=True) if y == k]
        expected = sum((omega * V[x].numpy().reshape(-1) for x, omega in own), np.zeros(sums.shape[1]))
        np.testing.assert_allclose(sums[k], expected, atol=1e-15)
    assert not sums[2].any()


@pytest.mark.parametrize("normaliser", ["none", "layernorm"])
def test_a_unit_along_a_class_s_own_sentences_saves_a_quarter_of_the_evaluations(normaliser, monkeypatch):
    problem = Problem.of(
        make_task(n_w=30, K=200, L=8, seed=0), n_spl=5, lambda_=3e-3, normaliser=normaliser, d=9
    )
    with_it = len(solve(problem, gap=1e-6).history)
    monkeypatch.setattr(objective, "UNSURE", 0.0)
    assert with_it <= 0.75 * len(solve(problem, gap=1e-6).history)
