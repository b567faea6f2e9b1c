"""Certificates at the edge: under- and overflow, misclassified sentences, tiny gradients, odd layouts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from feature_collapse.certificates.bound import Bound
from feature_collapse.certificates.certify import certificate
from feature_collapse.certificates.definite import largest_eigenvalue_bound
from feature_collapse.certificates.dual_point import UNIT
from feature_collapse.certificates.gradient_pass import dual_point
from feature_collapse.certificates.gram import add_gram, exact_products
from feature_collapse.certificates.sphere import _proved, _sum
from feature_collapse.errors import InputError
from feature_collapse.model.normalisers import LayerNorm, RMSNorm, UnitSphere
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.task.sentences import Sentences
from setting import bound_at, problem_of, random_data, random_weights

N_W, K, LAMBDA = 12, 6, 0.01


@pytest.mark.parametrize("size", [2.7e-162, 1e-300, 1e155, 1e300])
@pytest.mark.parametrize("normaliser", [LayerNorm(), RMSNorm(), UnitSphere()], ids=lambda n: n.name)
def test_the_scale_of_normalised_words_changes_nothing(normaliser, size: float) -> None:
    words, labels = random_data(0)
    W, U = random_weights(0, scale=0.5)
    one, scaled = (bound_at(w, U, words, labels, LAMBDA, normaliser) for w in (W, size * W))
    assert scaled.risk == pytest.approx(one.risk, rel=1e-12)
    assert scaled.lower_bound <= scaled.risk


@pytest.mark.parametrize("omega_of_it", [0.0, 1e-6])
def test_a_sentence_misclassified_by_more_than_700_has_its_loss(omega_of_it: float) -> None:
    words, labels = np.array([[0], [1], [2]]), np.array([0, 1, 0])
    omega = np.array([0.5, 0.5 - omega_of_it, omega_of_it])
    W, U = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 3000.0]]), np.array([[[9.0, 0.0]], [[0.0, 9.0]]])
    bound = bound_at(W, U, words, labels, LAMBDA, omega=omega)
    expected = math.log1p(math.exp(-9.0)) * (1 - omega_of_it) + omega_of_it * 27000.0
    assert bound.data_term == pytest.approx(expected, rel=1e-12)
    assert 0.0 <= bound.lower_bound <= bound.risk


def test_a_start_that_misclassifies_a_sentence_of_weight_zero_does_not_abort_the_solver() -> None:
    words, labels = random_data(1)
    omega = np.full(30, 1 / 29)
    omega[0] = 0.0
    W, U = random_weights(1, scale=40.0)
    problem, start = problem_of(words, labels, N_W, K, LAMBDA, omega=omega), Weights(W, U)
    assert solve(problem, gap=1e-4, start=start).status == "solved"
    at_once = solve(problem, gap=1e-4, start=start, options=SolverOptions(time_limit=1e-9))
    assert at_once.status == "time_limit"  # certified where it misclassifies
    assert 0.0 <= at_once.lower_bound <= at_once.risk


@pytest.mark.parametrize("margin", [300.0, 340.0, 365.0, 371.0, 380.0, 744.0])
@pytest.mark.parametrize("normaliser", [None, UnitSphere()], ids=["none", "sphere"])
def test_a_gradient_whose_gram_matrix_is_denormal_is_certified(normaliser, margin: float) -> None:
    words, labels = np.array([[0], [1]]), np.array([0, 1])
    W, U = np.eye(2), margin / 2 * np.array([[[1.0, -1.0]], [[-1.0, 1.0]]])
    bound = bound_at(W, U, words, labels, LAMBDA, normaliser)
    assert 0.0 <= bound.lower_bound <= bound.risk
    assert math.isfinite(bound.operator_norm)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("lambda_", [1e-320, 1e-300, 1e-200, 1e-150])
@pytest.mark.parametrize("margin", [372.0, 400.0, 700.0])
@pytest.mark.parametrize("normaliser", [None, UnitSphere()], ids=["none", "sphere"])
def test_a_gram_matrix_that_underflows_is_not_taken_for_zero(
    normaliser, margin: float, lambda_: float
) -> None:
    """The gradient is some e^-margin, λ is smaller, but its squares are no floats."""
    words, labels = np.array([[0], [1]]), np.array([0, 1])
    U = margin / 2 * np.array([[[1.0, -1.0]], [[-1.0, 1.0]]])
    bound = bound_at(np.eye(2), U, words, labels, lambda_, normaliser)
    assert bound.operator_norm >= 0.5 * math.exp(-margin)
    assert 0.0 <= bound.lower_bound <= bound.risk


@pytest.mark.parametrize("decay", [1e-320, 1e-101, 1e51, 1e308])
def test_a_decay_whose_squares_are_no_floats_is_refused(decay: float) -> None:
    words, labels = np.array([[0], [1]]), np.array([0, 1])
    with pytest.raises(InputError, match=r"decay\[1\] = .*, but must be 0 or from 1e-100 to 1e\+50"):
        problem_of(words, labels, 2, 2, LAMBDA, decay=np.array([1.0, decay]))


@pytest.mark.parametrize("normaliser", [LayerNorm(), UnitSphere()], ids=lambda n: n.name)
def test_badly_scaled_gradients_are_certified(normaliser) -> None:
    words, labels = random_data(2)
    omega = 10.0 ** np.linspace(0.0, -290.0, 30)
    W, U = random_weights(2)
    for scale in (1e-200, 1.0, 1e3):
        bound = bound_at(W, scale * U, words, labels, 1e-8, normaliser, omega=omega / omega.sum())
        assert 0.0 <= bound.lower_bound <= bound.risk


def test_a_cross_entropy_is_never_negative_and_its_rounding_is_that_of_the_scores() -> None:
    words, labels = random_data(3)
    W, U = random_weights(3, scale=3000.0)
    bound = bound_at(W, U, words, labels, 1e-6)
    assert bound.data_term >= 0.0
    scores = np.einsum("nld,kld->nk", W[words].astype(np.longdouble), U.astype(np.longdouble))
    losses = np.logaddexp.reduce(scores, axis=1) - scores[np.arange(30), labels]
    assert abs(float(losses.mean()) - bound.data_term) <= bound.rounding
    assert bound.rounding <= 1e6 * UNIT * float(np.abs(scores).max())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("size", [1e8, 1e12, 1e14])
def test_huge_scores_have_a_risk_within_its_stated_rounding(size: float, seed: int) -> None:
    words, labels = random_data(seed)
    W, U = random_weights(seed, scale=1.0)
    W[0], U[:, :, 0] = size * W[0], 1e-3 * U[:, :, 0]
    scores = np.einsum("nld,kld->nk", W[words].astype(np.longdouble), U.astype(np.longdouble))
    losses = np.logaddexp.reduce(scores, axis=1) - scores[np.arange(30), labels]
    bound = bound_at(W, U, words, labels, LAMBDA)
    assert abs(float(losses.mean()) - bound.data_term) <= bound.rounding
    assert 0.0 <= bound.lower_bound <= bound.risk < math.inf
    assert 0.0 <= bound.relative_gap <= 1.0


def test_an_unknown_risk_has_no_gap_of_zero() -> None:
    assert math.isnan(Bound(math.nan, 0.0, math.nan, math.nan).relative_gap)
    assert Bound(0.0, 0.0, 0.0, 0.0).relative_gap == 0.0


@pytest.mark.parametrize("margin", [20.0, 60.0, 200.0])
def test_tiny_cross_entropies_keep_their_digits(margin: float) -> None:
    words, labels = np.array([[0], [1]]), np.array([0, 1])
    U = margin / 2 * np.array([[[1.0, -1.0]], [[-1.0, 1.0]]])
    bound = bound_at(np.eye(2), U, words, labels, 1e-30)
    assert bound.data_term == pytest.approx(math.exp(-margin), rel=1e-8)


def test_the_allowance_of_an_entropy_holds_log_k() -> None:
    words, labels = random_data(4)
    problem = problem_of(words, labels, N_W, 4096, LAMBDA)
    U = torch.zeros(4096, 4 * 5, dtype=torch.float64)
    point = dual_point(torch.zeros(N_W, 5, dtype=torch.float64), U, problem)
    assert point.largest >= math.log(4096)
    exact = math.log(4096)
    assert exact - 1e-9 <= point.entropy() <= exact - 4096 * UNIT * exact


def test_the_sum_of_many_nus_is_proved() -> None:
    n = 1200
    A = torch.eye(n, dtype=torch.float64)
    nu = torch.full((n,), 1.0 + 1e-9, dtype=torch.float64)
    # n·u, which 1e-13 does not cover, is in it
    assert _sum(_proved(A, nu, 0.0)) >= n * (1.0 + 1e-9) * (1.0 + n * UNIT)


def test_float32_products_do_not_depend_on_the_users_precision(monkeypatch) -> None:
    G = torch.randn(2, 50, 40, generator=torch.Generator().manual_seed(0))
    found, used, product = [], set(), torch.mm

    def watched(*factors, **options):
        used.add(torch.get_float32_matmul_precision())  # not every processor rounds to less where it may
        return product(*factors, **options)

    monkeypatch.setattr(torch, "mm", watched)
    before = torch.get_float32_matmul_precision()
    try:
        for precision in ("highest", "medium"):
            torch.set_float32_matmul_precision(precision)
            gram = torch.zeros(50, 50, dtype=torch.float64)
            add_gram(gram, G)
            found.append(gram)
            assert torch.get_float32_matmul_precision() == precision
    finally:
        torch.set_float32_matmul_precision(before)
    assert torch.equal(*found)
    assert used == {"highest"}


def test_of_two_at_once_the_last_to_end_gives_the_precision_back() -> None:
    before = torch.get_float32_matmul_precision()
    first, second = exact_products(), exact_products()
    try:
        torch.set_float32_matmul_precision("medium")
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert torch.get_float32_matmul_precision() == "highest"  # the other is still at work
        second.__exit__(None, None, None)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


def test_eigenvalue_bounds_hold_for_denormal_and_huge_matrices() -> None:
    rng = np.random.default_rng(5)
    B = rng.standard_normal((8, 8))
    A = B @ B.T
    top = float(np.linalg.eigvalsh(A)[-1])
    for scale in (1e-320, 1e-300, 1e-100, 1e100, 1e290):
        bound = largest_eigenvalue_bound(torch.from_numpy(scale * A))
        assert scale * top <= bound
        assert bound <= scale * top * (1 + 1e-8) or scale < 1e-250


def test_views_and_foreign_byte_orders_are_read() -> None:
    words, labels = random_data(6)
    W, U = random_weights(6)
    expected = bound_at(W, U, words, labels, LAMBDA)
    for w, u in (
        (W[::-1].copy()[::-1], np.repeat(U, 2, axis=0)[::2]),
        (W.astype(">f8"), U.astype(">f8")),
        (np.asfortranarray(W), np.asfortranarray(U)),
    ):
        found = certificate(Weights(w, u), Sentences(words[::-1][::-1].astype(">i4"), labels), LAMBDA)
        assert found.risk == expected.risk
        assert found.lower_bound == expected.lower_bound


class Clipped:
    """docs/extending.md's: the norm is free below 1."""

    name, centred = "clipped", False

    def forward(self, v):
        return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1.0)

    def vjp(self, v, g):
        raise NotImplementedError

    def radius(self, d):
        return None


class Doubled(Clipped):
    """φ(v) = 2v."""

    name = "doubled"

    def forward(self, v):
        return 2.0 * v


@pytest.mark.parametrize("normaliser", [Clipped(), Doubled()], ids=lambda n: n.name)
def test_a_normaliser_that_the_theory_does_not_cover_is_refused(normaliser) -> None:
    words, labels = random_data(7)
    W, U = random_weights(7)
    with pytest.raises(InputError, match="nothing is proved of such a network"):
        Problem(Sentences(words, labels), N_W, K, LAMBDA, normaliser)
    with pytest.raises(InputError, match="nothing is proved of such a network"):
        certificate(Weights(W, U, normaliser), Sentences(words, labels), LAMBDA)


def test_a_problem_of_another_network_is_refused() -> None:
    words, labels = random_data(8)
    W, U = random_weights(8)
    problem = problem_of(words, labels, N_W, K, LAMBDA)
    with pytest.raises(InputError, match="but the problem has none and d = 100"):
        certificate(Weights(W, U, UnitSphere()), problem)
    with pytest.raises(InputError, match=r"the weights have \(n_w, K, L\)"):
        certificate(Weights(W[:5], U), problem)


def test_scores_whose_differences_are_rounding_are_refused() -> None:
    words, labels = random_data(0)
    W, U = random_weights(0, scale=1.0)
    assert math.isfinite(bound_at(1e4 * W, 1e4 * U, words, labels, LAMBDA, None).risk)
    with pytest.raises(InputError, match=r"scores reach .* must be below 1e\+17"):
        bound_at(1e9 * W, 1e9 * U, words, labels, LAMBDA, None)
