"""R4: theorem 1 holds exactly for linear codes, with K far below n_c^L."""

import time

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.geometry import equiangular
from feature_collapse.model.weights import Weights
from feature_collapse.risk.population import enumerate_risk
from feature_collapse.task import Task, codes, frequencies, make_task
from feature_collapse.task.weight_enumerators import code_symmetry
from feature_collapse.theory import theorem1
from feature_collapse.theory.distance_law import Spheres
from feature_collapse.theory.landscape import examine
from feature_collapse.theory.types import type_one
from oracles import TorchRisk

CODES = [
    ("tetracode", 3, 4, 2),
    ("parity", 3, 4, 2),
    ("simplex", 2, 7, 1),
    ("hamming", 2, 7, 1),
    ("repetition", 5, 3, 2),
    ("parity", 2, 4, 2),
]


def setting(matrix, n_c, s_c, lambda_):
    z = codes.codewords(matrix, n_c)
    law = Spheres(code_symmetry(matrix, n_c).sizes)
    found = theorem1.constants(n_c, n_c * s_c, z.shape[1], len(z), lambda_, law)
    frame = equiangular(n_c, n_c, np.random.default_rng(0))
    return z, found, type_one(frame, s_c, z, found.c, found.c_prime)


@pytest.mark.parametrize(("name", "n_c", "L", "s_c"), CODES)
def test_type_one_is_a_certified_global_minimiser(name, n_c, L, s_c):
    z, found, weights = setting(codes.generator(name, n_c, L), n_c, s_c, 0.001)
    risk = enumerate_risk(weights, Task.of(z, frequencies.uniform(s_c), n_c), 0.001)
    assert abs(risk.risk / found.risk - 1) < 1e-12
    assert examine(weights, risk.gradient_M, 0.001).verdict == "global minimiser"


@pytest.mark.parametrize(("name", "n_c", "L", "s_c"), CODES)
def test_predicted_risk_is_the_minimised_risk(name, n_c, L, s_c):
    z, found, _ = setting(codes.generator(name, n_c, L), n_c, s_c, 0.01)
    oracle = TorchRisk(z, n_c, np.full(s_c, 1 / s_c), 0.01, d=n_c)
    best = min(oracle.minimise(seed)[0] for seed in range(2))
    assert abs(best - found.risk) < 1e-9


def test_a_code_that_is_not_transitive_breaks_it():
    matrix = np.array([[1, 1, 0], [0, 0, 1]])
    assert not code_symmetry(matrix, 3).lemma_b
    z, found, weights = setting(matrix, 3, 2, 0.01)
    risk = enumerate_risk(weights, Task.of(z, [0.5, 0.5], 3), 0.01)
    assert np.abs(risk.gradient_U).max() > 1e-4
    best = min(TorchRisk(z, 3, np.full(2, 0.5), 0.01, d=3).minimise(seed)[0] for seed in range(2))
    assert best < found.risk - 1e-4


def test_the_formula_of_assumption_a_is_wrong_for_a_code():
    matrix = codes.generator("tetracode", 3, 4)
    _, found, _ = setting(matrix, 3, 2, 0.01)
    assert abs(theorem1.constants(3, 6, 4, 9, 0.01).risk - found.risk) > 1e-3


def test_without_assumption_b_there_are_other_minimisers():
    # {(a, 2a)} over five elements, where B fails: columns of W with any Gram matrix of the solution space do
    # as well
    z, found, _ = setting(np.array([[1, 2]]), 5, 1, 0.01)
    angles = 2 * np.pi * np.arange(5) / 5
    frame = np.column_stack([np.cos(angles), np.sin(angles)])  # five unit vectors of the plane
    frame = np.hstack([frame, np.zeros((5, 2))])
    twisted = np.column_stack([frame[:, :2], np.zeros((5, 2))])
    weights = Weights(found.c * twisted, found.c_prime * twisted[z])
    plane = enumerate_risk(weights, Task.of(z, [1.0], 5), 0.01).risk
    assert abs(plane - found.risk) < 1e-12
    assert np.abs(twisted @ twisted.T + 0.25).max() > 0.3  # not equiangular


@pytest.mark.parametrize(
    ("name", "n_c", "L"),
    [
        ("repetition", 5, 4),
        ("parity", 3, 6),
        ("simplex", 3, 13),
        ("hamming", 2, 7),
        ("tetracode", 3, 4),
        ("golay", 3, 11),
    ],
)
def test_the_dimension_of_a_code_is_known_without_building_it(name, n_c, L):
    assert codes.dimension(name, n_c, L) == len(codes.generator(name, n_c, L))


@pytest.mark.parametrize(
    "sizes", [{"design": "parity", "L": 50_000}, {"design": "simplex", "L": (3**14 - 1) // 2}]
)
def test_a_code_that_is_too_large_is_refused_at_once(sizes):
    started = time.process_time()
    with pytest.raises(InputError):
        Settings(**sizes)
    with pytest.raises(InputError):
        make_task(n_w=6, **sizes)
    assert time.process_time() - started < 5.0  # 83 s of elimination, or 18 GB, before
