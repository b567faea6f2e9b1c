"""What the solver does with odd data, limits, interruptions and wrong input."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_collapse.errors import InputError
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import LayerNorm, RMSNorm, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.lift import lift
from feature_collapse.solver.options import PLAIN, Part, SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.solver.spectral import lambda_max
from feature_collapse.solver.trace import COLUMNS
from feature_collapse.task.task import make_task
from setting import bound_at, problem_of, random_data, slow_gradient

N_W, L, K, LAMBDA = 12, 4, 6, 0.01


def problem(seed: int = 0, **changes) -> Problem:
    words, labels = random_data(seed)
    return replace(problem_of(words, labels, N_W, K, LAMBDA), **changes)


def test_solution_is_what_certify_says() -> None:
    for normaliser in (None, LayerNorm(), RMSNorm(), UnitSphere()):
        p = problem(1) if normaliser is None else problem(1, normaliser=normaliser, d=9)
        found = solve(p, gap=1e-6)
        again = bound_at(found.W, found.U, p.words, p.labels, LAMBDA, p.normaliser)
        assert again.risk == pytest.approx(found.risk, rel=1e-12)
        assert again.relative_gap <= 2e-6  # ν is searched for again, to another tolerance
        assert found.relative_gap <= 1e-6


def test_lambda_zero_is_refused_with_the_reason() -> None:
    with pytest.raises(InputError, match="no minimiser"):
        problem(lambda_=0)


def test_lambda_max_is_the_norm_of_the_gradient_at_zero() -> None:
    p = problem(2)
    _, G, _ = slow_gradient(np.zeros((N_W, 1)), np.zeros((K, L, 1)), p.words, p.labels)
    assert lambda_max(p) == pytest.approx(np.linalg.norm(G, 2), rel=1e-6)


def test_from_lambda_max_on_the_answer_is_zero_and_says_so() -> None:
    p = problem(3)
    found = solve(replace(p, lambda_=1.001 * lambda_max(p)))
    assert (found.status, found.rank) == ("zero", 0)
    assert "lambda_max" in found.message
    assert found.risk == pytest.approx(np.log(K))
    assert not found.W.any()


def test_just_below_lambda_max_the_answer_is_not_zero() -> None:
    p = problem(3)
    found = solve(replace(p, lambda_=0.99 * lambda_max(p)), gap=1e-7)
    assert found.rank >= 1
    assert found.risk < np.log(K)


def test_a_normalised_network_is_never_zero() -> None:
    p = problem(3, normaliser=LayerNorm(), d=9)
    found = solve(replace(p, lambda_=10.0))
    assert found.status == "solved"
    assert np.abs(found.U).max() > 0


def test_a_class_without_sentences_is_pushed_down() -> None:
    words, labels = random_data(4)
    found = solve(problem_of(words, labels, N_W, K + 1, LAMBDA), gap=1e-6)
    assert found.status == "solved"
    scores = np.einsum("nld,kld->nk", found.W[words], found.U)
    assert scores[:, K].mean() < scores.mean()


def test_a_word_that_never_occurs_keeps_no_plain_embedding() -> None:
    words, labels = random_data(5)
    found = solve(problem_of(words, labels, N_W + 2, K, LAMBDA), gap=1e-6)
    assert found.status == "solved"
    assert np.abs(found.W[N_W:]).max() <= 1e-12 * np.abs(found.W).max()


def test_a_word_that_never_occurs_is_somewhere_on_the_sphere() -> None:
    words, labels = random_data(5)
    without = solve(problem_of(words, labels, N_W, K, LAMBDA, LayerNorm(), 9), gap=1e-6)
    found = solve(problem_of(words, labels, N_W + 2, K, LAMBDA, LayerNorm(), 9), gap=1e-6)
    assert found.risk == pytest.approx(without.risk, rel=3e-6)
    np.testing.assert_allclose(np.linalg.norm(found.W, axis=1), 3.0)


def test_one_sentence_and_one_class_work() -> None:
    one = solve(problem_of(np.array([[0, 1]]), np.array([0]), 2, 2, 0.01), gap=1e-6)
    assert one.status == "solved"
    alone = solve(problem_of(np.array([[0, 1]]), np.array([0]), 2, 1, 0.01), gap=1e-6)
    assert (alone.status, alone.risk) == ("zero", 0.0)


def test_time_limit_is_kept_and_said() -> None:
    p = problem(6)
    found = solve(p, gap=1e-10, options=SolverOptions(time_limit=1e-6))
    assert found.status == "time_limit"
    assert "time limit" in found.message
    assert found.lower_bound <= solve(p, gap=1e-8).risk <= found.risk


def test_the_same_seed_gives_the_same_bits() -> None:
    a, b = solve(problem(7), gap=1e-6), solve(problem(7), gap=1e-6)
    np.testing.assert_array_equal(a.W, b.W)
    assert a.risk == b.risk


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch) -> None:
    options = SolverOptions(schedule=replace(PLAIN, rounds=(4,)))
    p, file = problem(8), tmp_path / "checkpoint.safetensors"

    def interrupt(progress) -> None:
        if progress.iteration >= 12:
            raise KeyboardInterrupt

    monkeypatch.setattr(
        time, "monotonic", iter(np.arange(0.0, 1e6, 0.2)).__next__
    )  # so that every step is reported
    with pytest.raises(KeyboardInterrupt):
        solve(p, gap=1e-9, options=options, checkpoint=file, callback=interrupt)
    assert file.is_file()
    seen = []
    found = solve(p, gap=1e-9, options=options, checkpoint=file, callback=seen.append)
    assert seen[0].iteration >= 12
    assert found.status == "solved"
    assert found.risk == pytest.approx(solve(p, gap=1e-9).risk, rel=2e-9)


def test_a_checkpoint_of_other_data_is_not_used(tmp_path) -> None:
    file = tmp_path / "checkpoint.safetensors"
    solve(problem(9), gap=1e-6, checkpoint=file)
    other, fresh = solve(problem(10), gap=1e-6, checkpoint=file), solve(problem(10), gap=1e-6)
    np.testing.assert_array_equal(other.W, fresh.W)


def test_a_broken_checkpoint_is_not_used(tmp_path) -> None:
    file = tmp_path / "checkpoint.safetensors"
    file.write_bytes(b"not a checkpoint")
    assert solve(problem(9), gap=1e-6, checkpoint=file).status == "solved"


def test_history_falls_and_bounds_stay_below() -> None:
    h = solve(problem(11), gap=1e-8).history
    risks, lower = h[:, 2], h[~np.isnan(h[:, 3]), 3]
    assert np.all(np.diff(risks) <= 1e-9)
    assert np.all(np.diff(lower) >= 0)
    assert lower[-1] <= risks.min() + 1e-12


def test_solving_a_part_first_gives_the_same_minimum() -> None:
    task = make_task(n_w=30, K=20, L=4, word_law="zipf", seed=1)
    data = task.train_set(80)
    p = problem_of(data.words, data.labels, 30, 20, 1e-3)
    parts = replace(PLAIN, parts=(Part(5, 1e-2), Part(20, 1e-3)))
    stepwise = solve(p, gap=1e-6, options=SolverOptions(schedule=parts))
    phases = stepwise.history[:, COLUMNS.index("phase")]
    assert list(dict.fromkeys(phases)) == [1.0, 2.0, 0.0]
    assert np.all(np.diff(stepwise.history[:, 0]) >= 0)  # the iteration number says nothing of the phase
    direct = solve(p, gap=1e-6, options=SolverOptions(schedule=replace(PLAIN, parts=())))
    assert not np.any(direct.history[:, COLUMNS.index("phase")])
    assert stepwise.risk == pytest.approx(direct.risk, rel=2e-6)


def test_single_precision_closes_the_gap_too() -> None:
    found = solve(problem(12), gap=1e-5, options=SolverOptions(schedule=replace(PLAIN, small=0.0)))
    assert found.risk == pytest.approx(solve(problem(12), gap=1e-8).risk, rel=1e-5)


def test_the_part_of_a_data_set_has_the_first_sentences_of_each_class() -> None:
    labels = np.array([2, 0, 0, 1, 2, 2, 0])
    p = problem_of(np.arange(7)[:, None], labels, 7, 4, 0.1)
    np.testing.assert_array_equal(p.first_of_each_class(2).words[:, 0], [0, 1, 2, 3, 4])


@pytest.mark.parametrize("mean_zero", [False, True])
def test_lifting_keeps_scores_and_norms(mean_zero: bool) -> None:
    rng = np.random.default_rng(13)
    V, U = rng.standard_normal((5, 3)), rng.standard_normal((2, 4, 3))
    W, T = lift(V, U, 7, mean_zero=mean_zero)
    np.testing.assert_allclose(W @ W.T, V @ V.T, atol=1e-13)
    np.testing.assert_allclose(np.einsum("wd,kld->wkl", W, T), np.einsum("wd,kld->wkl", V, U), atol=1e-13)
    assert (np.abs(W.sum(1)).max() < 1e-13) == mean_zero


def test_lifting_into_too_few_dimensions_is_refused() -> None:
    with pytest.raises(InputError, match="d = 3, but must be an integer ≥ 4"):
        lift(np.zeros((5, 3)), np.zeros((2, 4, 3)), 3, mean_zero=True)


def test_a_layernorm_network_makes_of_the_solution_what_the_solver_saw() -> None:
    p = problem(14, normaliser=LayerNorm(), d=9)
    found = solve(p, gap=1e-6)
    network = Network(N_W, L, K, 9, LayerNorm(), dtype=torch.float64)
    network.load(torch.from_numpy(found.W), torch.from_numpy(found.U))
    assert network.cross_entropy(p.words, p.labels) == pytest.approx(found.bound.data_term, rel=1e-12)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lambda_": -1.0}, "lambda = -1, but must be a number > 0"),
        ({"lambda_": float("nan")}, "lambda"),
        ({"normaliser": LayerNorm(1e-5)}, "eps = 1e-05, but the certified solver needs eps = 0"),
        ({"normaliser": LayerNorm(), "d": 1}, "d = 1, but must be an integer ≥ 2"),
        ({"omega": np.ones(30)}, "with sum 1"),
        ({"device": "tpu9"}, "device = 'tpu9'"),
        ({"K": 0}, "K = 0"),
    ],
)
def test_wrong_problem_is_named(change, said: str) -> None:
    with pytest.raises(InputError) as told:
        problem(**change)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"gap": 0.0}, "gap = 0, but must be"),
        ({"options": {"time_limit": 0.0}}, "time_limit = 0, but must be"),
        ({"start": Weights(np.zeros((3, 2)), np.zeros((K, L, 2)))}, "start has (n_w, K, L) = (3, 6, 4)"),
        ({"options": {"memory_limit": 1e6 - 1}}, "memory_limit"),
    ],
)
def test_wrong_option_is_named(option, said: str) -> None:
    with pytest.raises(InputError) as told:
        if "options" in option:
            option = {"options": SolverOptions(**option["options"])}
        solve(problem(), **option)
    assert said in str(told.value)
