"""Where the theorems give the minimum exactly, the solver reaches it and the bound meets it."""

from __future__ import annotations

import numpy as np
import pytest

from feature_collapse.model.normalisers import LayerNorm, NoNormaliser
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.solve import solve
from setting import (
    all_latents,
    enumerate_sentences,
    parity_code,
    problem_of,
    theorem_one_minimum,
    theorem_three_minimum,
    theorem_two_risk,
)

N_C, S_C, LAMBDA = 3, 2, 1e-3
UNIFORM = np.full(S_C, 1 / S_C)
ZIPF = np.array([2 / 3, 1 / 3])


def planted(latents: np.ndarray, mu: np.ndarray, normaliser=None, d: int = 10) -> Problem:
    words, labels, weights = enumerate_sentences(latents, mu)
    return problem_of(
        words, labels, N_C * S_C, len(latents), LAMBDA, normaliser or NoNormaliser(), d, omega=weights
    )


@pytest.mark.parametrize("latents", [all_latents(3, 2), parity_code(3, 3)], ids=["all", "code"])
def test_theorem_one_is_reached_and_the_bound_meets_it(latents: np.ndarray) -> None:
    exact = theorem_one_minimum(latents, N_C, N_C * S_C, LAMBDA)
    found = solve(planted(latents, UNIFORM), gap=1e-8)
    assert found.status == "solved"
    assert found.risk == pytest.approx(exact, rel=1e-8)
    assert found.lower_bound == pytest.approx(exact, rel=1e-8)
    assert found.rank == N_C - 1


@pytest.mark.parametrize("mu", [UNIFORM, ZIPF], ids=["uniform", "zipf"])
@pytest.mark.parametrize("latents", [all_latents(3, 2), parity_code(3, 3)], ids=["all", "code"])
def test_theorem_three_is_reached_for_any_word_law(latents: np.ndarray, mu: np.ndarray) -> None:
    exact = theorem_three_minimum(latents, N_C, 10, LAMBDA)
    found = solve(planted(latents, mu, LayerNorm()), gap=1e-8)
    assert found.status == "solved"
    assert found.risk == pytest.approx(exact, rel=1e-8)
    assert found.lower_bound == pytest.approx(exact, rel=1e-8)


def test_theorem_two_is_a_global_minimum() -> None:
    exact = theorem_two_risk(N_C, 2, ZIPF, LAMBDA)
    found = solve(planted(all_latents(3, 2), ZIPF), gap=1e-8)
    assert found.risk == pytest.approx(exact, rel=1e-8)
    assert found.lower_bound == pytest.approx(exact, rel=1e-8)


def test_words_collapse_at_the_planted_minimum() -> None:
    W = solve(planted(all_latents(3, 2), UNIFORM), gap=1e-9).W.reshape(N_C, S_C, -1)
    assert np.abs(W - W[:, :1]).max() < 1e-3 * np.abs(W).max()  # the gap bounds the squared distance


def test_without_symmetry_the_formula_is_missed() -> None:
    latents = all_latents(3, 2)[[0, 1, 2, 3]]  # neither a code nor all
    found = solve(planted(latents, UNIFORM), gap=1e-8)
    assert abs(found.risk - theorem_one_minimum(latents, N_C, N_C * S_C, LAMBDA)) > 1e-3 * found.risk


def test_without_normalisation_the_word_law_matters() -> None:
    uniform = theorem_one_minimum(all_latents(3, 2), N_C, N_C * S_C, LAMBDA)
    assert solve(planted(all_latents(3, 2), ZIPF), gap=1e-8).risk < uniform * (1 - 1e-3)
