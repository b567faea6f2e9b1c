"""A Gram matrix of many words and classes, in blocks of float32 products: within its error of a dense one."""

import numpy as np
import pytest
import torch

from feature_collapse.certificates import large_gradient, memory
from feature_collapse.certificates.certify import certificate
from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.errors import InputError
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.solve import solve
from feature_collapse.task import make_task
from setting import random_weights

N_W, L, K, LAMBDA = 24, 3, 20, 0.01


@pytest.fixture
def large(monkeypatch):
    """Take every problem for a large one, in blocks of 7 classes, strips of 3, chunks of 15."""
    monkeypatch.setattr(memory, "_SINGLE_FROM", 0.0)
    monkeypatch.setattr(memory, "_LARGE_BLOCK", 7)
    for module in (memory, large_gradient):
        monkeypatch.setattr(module, "STRIP", 3)
        monkeypatch.setattr(module, "CHUNK", 15)
    monkeypatch.setattr("feature_collapse.certificates.gradient_pass.ROWS", 5)


def problem(decay=None):
    return Problem.of(make_task(3, N_W, L, K, word_law="zipf", seed=0), n_spl=5, lambda_=LAMBDA, decay=decay)


def weights_of(seed, scale=1.0):
    return Weights(*random_weights(seed, N_W, L, K, scale=scale))


def point(p, weights):
    V, U = torch.from_numpy(weights.W), torch.from_numpy(weights.U).flatten(1)
    return dual_point(V, U, p)


def dense(p, weights):
    """GᵀG by a loop over the sentences, in units of the words."""
    G = np.zeros((K, L, N_W))
    for words, label in zip(p.sentences.words, p.sentences.labels, strict=True):
        s = np.einsum("kld,ld->k", weights.U, weights.W[words])
        e = np.exp(s - s.max())
        q = e / e.sum()
        q[label] -= 1.0
        for position, word in enumerate(words):
            G[:, position, word] += q / len(p.sentences.labels)
    if p.decay is not None:
        G /= np.sqrt(p.decay)
    flat = G.reshape(-1, N_W)
    return flat.T @ flat


@pytest.mark.parametrize("least", [1e-50, 1e-100])
@pytest.mark.parametrize("single", [True, False])
def test_a_decay_that_float32_cannot_hold_proves_no_more_than_is_true(
    large, monkeypatch, single, least
) -> None:
    """A Gram matrix that was not finite proved the entropy itself."""
    if not single:
        monkeypatch.setattr(memory, "_SINGLE_FROM", 1e300)
    task = make_task(3, N_W, L, K, word_law="zipf", seed=0)
    p = Problem.of(task, n_spl=5, lambda_=LAMBDA, decay=np.geomspace(1.0, least, task.n_w))
    reached = certificate(solve(Problem.of(task, n_spl=5, lambda_=LAMBDA), gap=0.1).weights, p).risk
    for weights in (weights_of(5), weights_of(5, 1e-3)):
        bound = certificate(weights, p)
        assert 0.0 <= bound.lower_bound <= reached < np.log(K)


@pytest.mark.parametrize("decay", [None, 1.0])
@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_it_is_the_dense_one_within_its_stated_error(large, scale, decay) -> None:
    p, weights = problem(decay), weights_of(1, scale)
    found = point(p, weights)
    error = np.linalg.norm(found.gram.numpy() - dense(p, weights), 2)
    assert 0.0 < error <= found.gram_error  # rounded to float32, and no more
    assert found.gram_error <= 1e-4 * float(found.gram.diagonal().sum())


def test_its_other_numbers_are_those_of_the_small_way(large, monkeypatch) -> None:
    p, weights = problem(), weights_of(2)
    one = point(p, weights)
    monkeypatch.setattr(memory, "_SINGLE_FROM", 1e300)
    other = point(p, weights)
    assert one.data_term == pytest.approx(other.data_term, rel=1e-14)
    assert np.allclose(one.other, other.other, rtol=1e-12)
    assert np.allclose(one.off_label, other.off_label, rtol=1e-14)
    assert torch.allclose(one.gram, other.gram, rtol=1e-4, atol=1e-6 * float(other.gram.max()))
    assert not torch.equal(one.gram, other.gram)


def test_the_number_of_threads_does_not_change_a_bit(large) -> None:
    p, weights, before = problem(), weights_of(3), torch.get_num_threads()
    found = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            found.append(point(p, weights))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(found[0].gram, one.gram) for one in found)
    assert all(np.array_equal(found[0].other, one.other) for one in found)


def test_its_bound_is_below_that_of_double_precision_and_near_it(large, monkeypatch) -> None:
    p, weights = problem(), weights_of(4)
    single = certificate(weights, p).lower_bound
    monkeypatch.setattr(memory, "_SINGLE_FROM", 1e300)
    double = certificate(weights, p).lower_bound
    assert double * (1 - 1e-3) <= single < double


def test_a_memory_limit_that_holds_no_class_is_refused(large) -> None:
    p, weights = problem(), weights_of(4)
    with pytest.raises(InputError, match="memory_limit = 1e-05 GB, but the certificate of n_w = 24 words"):
        memory.classes_per_block(p, 1e4)
    assert memory.classes_per_block(p, 1e9) == 7
    assert certificate(weights, p, memory_limit=4e6).lower_bound > 0
