"""Problems at the edge: one class, one word, no gradient, far trials of a line search, saddles at small λ."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from feature_collapse.certificates.definite import top_eigenpairs, top_eigenvalue
from feature_collapse.errors import InputError
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser, RMSNorm, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.task import make_task
from setting import bound_at, problem_of, random_data

NORMALISERS = [NoNormaliser(), LayerNorm(), RMSNorm(), UnitSphere()]


def labelled(*labels: int) -> np.ndarray:
    return np.array(labels)


@pytest.mark.parametrize(("dtype", "far"), [(torch.float32, 200.0), (torch.float64, 800.0)])
def test_a_far_trial_leaves_no_trace_in_later_evaluations(dtype, far: float) -> None:
    risk = EmpiricalRisk(problem_of(np.zeros((1, 1), dtype=int), labelled(0), 1, 2, 1.0), dtype=dtype)
    one, U = torch.ones(1, 1, dtype=torch.float64), torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    first = risk.value_and_gradient(one, U)
    for u in (U + far, U - far):
        assert risk.value_and_gradient(one, u)[0] == pytest.approx(first[0], rel=1e-3)
    again = risk.value_and_gradient(one, U)
    assert again[0] == pytest.approx(first[0], rel=1e-6)
    assert torch.allclose(again[1], first[1], rtol=1e-5)


def test_a_change_of_rank_within_the_padding_leaves_no_trace() -> None:
    words, labels = random_data(0)
    risk = EmpiricalRisk(problem_of(words, labels, 12, 6, 1.0), dtype=torch.float64)
    rng = torch.Generator().manual_seed(0)
    wide = [torch.randn(n, r, generator=rng, dtype=torch.float64) for n, r in ((12, 3), (6, 12))]
    narrow = wide[0][:, :2].clone(), torch.randn(6, 8, generator=rng, dtype=torch.float64)
    fresh = EmpiricalRisk(problem_of(words, labels, 12, 6, 1.0), dtype=torch.float64).value_and_gradient(
        *narrow
    )
    risk.value_and_gradient(math.nan * wide[0], wide[1])
    assert risk.value_and_gradient(*narrow)[0] == pytest.approx(fresh[0], rel=1e-14)


@pytest.mark.parametrize(
    "problem",
    [
        problem_of(np.zeros((11, 1), dtype=int), labelled(0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0), 1, 2, 0.005),
        problem_of(np.array([[1, 1, 1, 1]]), labelled(1), 2, 4, 0.07942323152486352),
        problem_of(
            np.array([[5], [5], [4], [6], [4], [2], [6]]),
            labelled(0, 0, 0, 0, 1, 1, 1),
            7,
            2,
            0.00032931364496885206,
            LayerNorm(),
            38,
        ),
    ],
    ids=["one word", "one sentence", "small lambda on the sphere"],
)
def test_a_start_along_the_gradient_is_not_taken_for_the_end(problem: Problem) -> None:
    assert solve(problem, gap=1e-5).status == "solved"


@pytest.mark.parametrize("normaliser", NORMALISERS, ids=lambda n: n.name)
def test_one_class_has_no_risk(normaliser) -> None:
    words = np.random.default_rng(0).integers(0, 5, (40, 3))
    found = solve(problem_of(words, np.zeros(40, dtype=int), 5, 1, 0.01, normaliser, 6))
    assert found.risk == pytest.approx(0.0, abs=1e-9)
    assert found.lower_bound <= found.risk


def test_a_sentence_with_every_label_has_its_minimum_at_zero() -> None:
    found = solve(problem_of(np.repeat([[0, 1, 2, 3]], 4, axis=0), np.arange(4), 5, 4, 0.01))
    assert found.status == "zero"
    assert found.risk == pytest.approx(math.log(4), rel=1e-12)


def test_eigenvalues_of_a_zero_matrix_are_zero() -> None:
    zero = torch.zeros(301, 301, dtype=torch.float64)
    assert top_eigenvalue(zero) == 0.0
    assert not top_eigenpairs(zero, 3)[0].any()


def test_a_checkpoint_of_the_same_bytes_in_another_shape_is_not_used(tmp_path) -> None:
    one = problem_of(np.array([[1], [1]]), labelled(1, 0), 2, 2, 0.02)
    other = problem_of(
        np.array([[1], [0], [1], [0]], np.int32), labelled(1, 0, 0, 0).astype(np.int32), 2, 2, 0.02
    )
    solve(one, checkpoint=tmp_path / "c")
    assert solve(other, checkpoint=tmp_path / "c").risk == pytest.approx(solve(other).risk, rel=1e-3)


def test_a_resumed_zero_is_still_zero(tmp_path) -> None:
    words, labels = random_data(0)
    p = problem_of(words, labels, 12, 6, 10.0)
    assert [solve(p, checkpoint=tmp_path / "c").status for _ in range(2)] == ["zero", "zero"]


@pytest.mark.parametrize("weights", [np.full(30, math.nan), np.full(29, 1 / 29), np.full(30, 1.0), "many"])
def test_wrong_weights_of_sentences_are_named(weights) -> None:
    words, labels = random_data(0)
    with pytest.raises(InputError, match="omega must be 30 numbers"):
        bound_at(np.ones((12, 2)), np.ones((6, 4, 2)), words, labels, 0.01, omega=weights)
    with pytest.raises(InputError, match="omega must be 30 numbers"):
        problem_of(words, labels, 12, 6, 0.01, omega=weights)


def test_negative_weights_of_sentences_are_refused() -> None:
    words, labels = random_data(0)
    omega = np.full(30, 1 / 30)
    omega[:2] = -0.5, 0.5 + 2 / 30
    with pytest.raises(InputError, match="omega"):
        bound_at(np.ones((12, 2)), np.ones((6, 4, 2)), words, labels, 0.01, omega=omega)


@pytest.mark.parametrize("memory", [math.nan, math.inf, 0.0])
def test_a_memory_limit_that_is_no_size_is_named(memory: float) -> None:
    words, labels = random_data(0)
    with pytest.raises(InputError, match="memory_limit"):
        bound_at(np.ones((12, 2)), np.ones((6, 4, 2)), words, labels, 0.01, memory_limit=memory)


@pytest.mark.parametrize(
    ("W", "U", "said"),
    [
        (np.full((12, 2), math.nan), np.ones((6, 4, 2)), "not finite"),
        (np.full((12, 2), 1e200), np.ones((6, 4, 2)), "beyond ±1e.100"),
        (np.ones((12, 4)), np.ones((6, 4, 4)), "at most 3"),
    ],
)
def test_a_wrong_start_is_named_before_any_work(W: np.ndarray, U: np.ndarray, said: str) -> None:
    words, labels = random_data(0)
    with pytest.raises(InputError, match=said):
        solve(problem_of(words, labels, 12, 6, 0.01, d=3), start=Weights(W, U))


def test_random_tiny_problems_are_solved() -> None:
    rng = np.random.default_rng(7)
    for _ in range(40):
        n_w, K, L, N = (int(rng.integers(1, top)) for top in (9, 6, 4, 30))
        p = problem_of(
            rng.integers(0, n_w, (N, L)),
            rng.integers(0, K, N),
            n_w,
            K,
            float(10.0 ** rng.uniform(-4, 0)),
            NORMALISERS[int(rng.integers(4))],
            40,
        )
        found = solve(p, gap=1e-4)
        assert found.status in ("solved", "zero"), (p, found.message)


def test_a_limit_too_small_for_the_certificate_is_refused_before_the_descent() -> None:
    problem = Problem.of(make_task(3, 300, 4, 6, seed=0), n_spl=2, lambda_=0.01)
    with pytest.raises(InputError, match="needs at least"):
        solve(problem, options=SolverOptions(memory_limit=1e6), callback=lambda at: pytest.fail("it began"))
