import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.normalisers import LayerNorm
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, frequencies, latents
from feature_collapse.theory import theorem2
from feature_collapse.theory.landscape import examine
from feature_collapse.theory.types import type_three
from oracles import TorchRisk

Z, MU, LAMBDA = latents.every(3, 2), frequencies.zipf(2), 0.005
TASK = Task.of(Z, MU, 3)


def look(weights, lambda_=LAMBDA, tolerance=1e-8):
    return examine(weights, enumerate_risk(weights, TASK).gradient_M, lambda_, tolerance)


def optimum(d):
    found = theorem2.constants(3, 2, MU, LAMBDA)
    return found, type_three(equiangular(3, d, np.random.default_rng(0)), found.r, Z, found.c)


@pytest.mark.parametrize("d", [2, 3, 8])
def test_claim_h_certifies_the_minimiser_for_every_d(d):
    _, weights = optimum(d)
    point = look(weights)
    assert point.verdict == "global minimiser"
    assert point.unused == d - 2


def test_claim_i_finds_the_descent_at_zero():
    W, U = np.zeros((6, 3)), np.zeros((9, 2, 3))
    point = look(Weights(W, U))
    oracle = TorchRisk(Z, 3, MU, LAMBDA, 3)
    at = oracle.gradient(W, U)[0]
    assert point.verdict == "strict saddle"
    for step in (1e-2, 1e-3):
        drop = (oracle.gradient(step * point.direction.W, step * point.direction.U)[0] - at) / step**2
        assert abs(drop - (LAMBDA - point.operator_norm)) < 2 * step**2  # the next term is O(s⁴)


def saddle(d):
    """A critical point of rank one: the minimiser over d = 1, padded with zeros."""
    _, W, U = TorchRisk(Z, 3, MU, LAMBDA, 1).minimise(0)
    pad = d - 1
    return np.hstack([W, np.zeros((6, pad))]), np.concatenate([U, np.zeros((9, 2, pad))], axis=2)


def test_claim_i_escapes_a_rank_deficient_critical_point():
    W, U = saddle(3)
    point = look(Weights(W, U), tolerance=1e-5)  # L-BFGS stops at a gradient of about 1e-9
    oracle = TorchRisk(Z, 3, MU, LAMBDA, 3)
    assert point.verdict == "strict saddle"
    assert point.unused == 2
    step = 1e-2
    below = oracle.gradient(W + step * point.direction.W, U + step * point.direction.U)[0]
    assert below < oracle.gradient(W, U)[0] - 0.5 * step**2 * (point.operator_norm - LAMBDA)


def test_without_an_unused_direction_nothing_is_claimed():
    W, U = saddle(1)
    assert look(Weights(W, U), tolerance=1e-5).verdict == "undecided"


def test_a_point_that_is_not_critical_is_told():
    _, weights = optimum(3)
    assert look(Weights(1.01 * weights.W, weights.U)).verdict == "not critical"


def test_with_d_above_both_sizes_local_minima_are_global():
    found = theorem2.constants(3, 2, MU, LAMBDA)
    oracle = TorchRisk(Z, 3, MU, LAMBDA, d=7)  # d > min(n_w, K L) = 6
    assert max(oracle.minimise(seed)[0] for seed in range(4)) < found.risk + 1e-7


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"gradient_M": np.zeros((9, 2, 5))}, "gradient_M has shape"),
        ({"gradient_M": np.zeros((9, 3, 6))}, "gradient_M has shape"),
        ({"lambda_": 0.0}, "lambda"),
        ({"gradient_M": np.full((9, 2, 6), np.inf)}, "finite"),
        ({"tolerance": 2.0}, "tolerance"),
        ({"weights": Weights(np.ones((6, 3)), np.zeros((9, 2, 3)), LayerNorm())}, "plain network"),
    ],
)
def test_wrong_input_is_refused(change, match):
    arguments = {
        "weights": Weights(np.zeros((6, 3)), np.zeros((9, 2, 3))),
        "gradient_M": np.zeros((9, 2, 6)),
        "lambda_": 0.1,
    }
    with pytest.raises(InputError, match=match):
        examine(**{**arguments, **change})
