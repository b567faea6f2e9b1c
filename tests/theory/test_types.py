import numpy as np
import pytest
from scipy.optimize import minimize

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import equiangular, nearest_frame, simplex
from feature_collapse.model.normalisers import LayerNorm, RMSNorm, UnitSphere, make_normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.task import Task, latents
from feature_collapse.theory.classify import classify, fit_type
from feature_collapse.theory.types import type_one, type_three, type_two

Z = latents.random(3, 4, 12, np.random.default_rng(0))
R = np.array([2.0, 1.0, 0.5, 0.1])
TASK = Task.of(Z, np.ones(4), 3)


def frame(d=6, mean_zero=False):
    return equiangular(3, d, np.random.default_rng(1), mean_zero)


CONFIGURATIONS = {
    "I": type_one(frame(), 4, Z, 1.4, 0.4),
    "II": type_two(frame(mean_zero=True), 4, Z, 0.1),
    "III": type_three(frame(), R, Z, 0.3),
}


@pytest.mark.parametrize("kind", ["I", "II", "III"])
def test_a_configuration_is_at_distance_zero_of_its_type(kind):
    weights = CONFIGURATIONS[kind]
    fit = fit_type(kind, weights, TASK)
    assert fit.residual < 1e-13


def test_constants_and_frame_are_recovered():
    fit = fit_type("III", CONFIGURATIONS["III"], TASK)
    assert np.abs(fit.r - R).max() < 1e-13
    assert abs(fit.c - 0.3) < 1e-13
    assert np.abs(fit.frame - frame()).max() < 1e-12
    one = fit_type("I", CONFIGURATIONS["I"], TASK)
    assert abs(one.r[0] - 1.4) < 1e-13
    assert abs(one.c - 0.4) < 1e-13


def test_type_one_is_a_type_three_but_not_the_reverse():
    one, three = CONFIGURATIONS["I"], CONFIGURATIONS["III"]
    assert fit_type("III", one, TASK).residual < 1e-13
    assert fit_type("I", three, TASK).residual > 0.1


@pytest.mark.parametrize("kind", ["I", "II", "III"])
def test_layernorm_leaves_type_two_as_it_is(kind):
    features = LayerNorm().forward(CONFIGURATIONS[kind].W)
    unchanged = np.abs(features - CONFIGURATIONS[kind].W).max() < 1e-12
    assert unchanged == (kind == "II")


@pytest.mark.parametrize("kind", ["I", "II", "III"])
@pytest.mark.parametrize("seed", range(3))
def test_residuals_of_noise_lie_between_zero_and_one(kind, seed):
    rng = np.random.default_rng(seed)
    normaliser = make_normaliser("layernorm" if kind == "II" else "none")
    noise = Weights(rng.standard_normal((12, 6)), rng.standard_normal((12, 4, 6)), normaliser)
    fit = fit_type(kind, noise, TASK)
    assert 0.3 < fit.residual <= 1.0


@pytest.mark.parametrize("kind", ["I", "III"])
def test_no_other_frame_or_constants_are_nearer(kind):
    rng = np.random.default_rng(5)
    near = CONFIGURATIONS[kind]
    W = near.W + 0.4 * rng.standard_normal(near.W.shape)
    U = near.U + 0.2 * rng.standard_normal(near.U.shape)
    best = fit_type(kind, Weights(W, U), TASK).residual
    E, size = simplex(3), 12

    def residual(x):  # squared; a frame from any 6×2 matrix by its polar factor
        left, _, right = np.linalg.svd(x[:size].reshape(6, 2), full_matrices=False)
        F = E @ (left @ right).T
        norms = np.exp(x[size : size + 4] if kind == "III" else np.full(4, x[size]))
        off_W = np.linalg.norm(W - (F[:, None] * norms[:, None]).reshape(12, 6)) / np.linalg.norm(W)
        off_U = np.linalg.norm(U - np.exp(x[-1]) * F[Z]) / np.linalg.norm(U)
        return (off_W**2 + off_U**2) / 2

    found = [
        minimize(residual, rng.standard_normal(size + 5), method="L-BFGS-B").fun ** 0.5 for _ in range(10)
    ]
    assert min(found) > best - 1e-9
    assert min(found) < best + 1e-4


@pytest.mark.parametrize("kind", ["I", "III"])
def test_verdict_names_the_smallest_type_under_noise(kind):
    rng = np.random.default_rng(2)
    near = CONFIGURATIONS[kind]
    W = near.W + 0.02 * rng.standard_normal(near.W.shape)
    U = near.U + 0.01 * rng.standard_normal(near.U.shape)
    assert classify(Weights(W, U), TASK).type == kind


def test_verdict_is_none_for_noise_and_for_zero():
    rng = np.random.default_rng(2)
    noise = Weights(rng.standard_normal((12, 6)), rng.standard_normal((12, 4, 6)))
    assert classify(noise, TASK).type == "none"
    zero = classify(Weights(np.zeros((12, 6)), np.zeros((12, 4, 6))), TASK)
    assert zero.type == "none"
    assert zero.fits["I"].residual == 1.0


def test_normalised_features_are_type_two_or_none():
    two = CONFIGURATIONS["II"]
    assert classify(two, TASK).type == "II"
    half = two.W.copy()
    half[::2] = half[::-1][::2]
    assert classify(Weights(half, two.U, LayerNorm()), TASK).type == "none"


def test_a_frame_that_is_not_mean_zero_is_not_type_two_under_layernorm():
    plain = type_two(frame(), 4, Z, 0.1, RMSNorm())
    assert fit_type("II", plain, TASK).residual < 1e-13
    assert fit_type("II", Weights(plain.W, plain.U, LayerNorm()), TASK).residual > 1e-2


def test_the_norm_of_type_two_is_that_of_the_normaliser():
    sphere = type_two(frame(), 4, Z, 0.1, UnitSphere())
    assert np.abs(np.linalg.norm(sphere.W, axis=1) - 1.0).max() < 1e-12
    fit = fit_type("II", sphere, TASK)
    assert fit.residual < 1e-13
    assert np.abs(fit.r - 1.0).max() < 1e-12
    shrunk = Weights(sphere.W, sphere.U, UnitSphere(eps=3.0))  # features of norm 1/√(1 + 3)
    assert abs(fit_type("II", shrunk, TASK).residual_W - 1.0) < 1e-12


def test_weights_without_a_normaliser_are_never_of_type_two():
    with pytest.raises(InputError, match="no normaliser"):
        fit_type("II", CONFIGURATIONS["I"], TASK)


def test_too_small_a_dimension_fits_no_type():
    fit = fit_type("I", Weights(np.ones((12, 1)), np.ones((12, 4, 1))), TASK)
    assert fit.residual == 1.0
    assert fit.frame is None


@pytest.mark.parametrize("scale", [1e-99, 1e99])
def test_the_scale_of_weights_does_not_matter(scale):
    near = CONFIGURATIONS["III"]
    fit = fit_type("III", Weights(scale * near.W, near.U / scale), TASK)
    assert fit.residual < 1e-13
    assert np.abs(fit.r / scale / R - 1).max() < 1e-12


def test_the_tolerance_decides():
    rng = np.random.default_rng(2)
    near = CONFIGURATIONS["I"]
    W = near.W + 0.1 * rng.standard_normal(near.W.shape)
    assert classify(Weights(W, near.U), TASK, tolerance=0.2).type == "I"
    assert classify(Weights(W, near.U), TASK, tolerance=0.01).type == "none"


def test_a_negative_multiple_is_not_collapse():
    near = CONFIGURATIONS["I"]
    assert fit_type("I", Weights(near.W, -near.U), TASK).residual > 0.5


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: type_one(np.eye(3), 4, Z, 1.0, 1.0), "frame violates"),
        (lambda: type_one(frame(), 4, Z, -1.0, 1.0), "c = -1"),
        (lambda: type_two(frame(), 4, Z, 1.0), "mean-zero"),
        (lambda: type_three(frame(), [-1.0], Z, 1.0), "r has"),
        (lambda: type_three(frame(), [[1.0]], Z, 1.0), "r has shape"),
        (lambda: type_one(frame(), 4, Z + 5, 1.0, 1.0), "latents"),
        (lambda: type_two(frame(), 4, Z, 1.0, make_normaliser("none")), "fixes no norm"),
        (lambda: fit_type("IV", CONFIGURATIONS["I"], TASK), "type = 'IV'"),
        (lambda: classify(CONFIGURATIONS["I"], TASK, tolerance=1.5), "tolerance"),
        (lambda: classify(Weights(np.ones((12, 6)), np.ones((3, 4, 6))), TASK), "n_w"),
        (lambda: nearest_frame(np.ones((1, 3))), "vectors"),
    ],
)
def test_wrong_input_is_refused(call, match):
    with pytest.raises(InputError, match=match):
        call()
