import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_collapse.errors import InputError
from feature_collapse.model.geometry import (
    equiangular,
    equiangular_residual,
    from_mean_zero,
    is_equiangular,
    nearest_frame,
    simplex,
    to_mean_zero,
)


@settings(deadline=None, max_examples=30)
@given(n_c=st.integers(2, 12), extra=st.integers(0, 20), mean_zero=st.booleans(), seed=st.integers(0, 10**6))
def test_constructed_frames_satisfy_equation_4(n_c, extra, mean_zero, seed):
    d = n_c - 1 + mean_zero + extra
    frame = equiangular(n_c, d, np.random.default_rng(seed), mean_zero)
    assert frame.shape == (n_c, d)
    assert equiangular_residual(frame, mean_zero) < 1e-13  # rounding of d-term sums


def test_a_frame_that_is_not_mean_zero_is_told_from_one_that_is():
    frame = equiangular(3, 5, np.random.default_rng(0))
    assert is_equiangular(frame)
    assert not is_equiangular(frame, mean_zero=True)


def test_a_perturbed_frame_is_not_equiangular():
    frame = equiangular(4, 6, np.random.default_rng(0))
    frame[0, 0] += 1e-6
    assert not is_equiangular(frame)


@pytest.mark.parametrize(("n_c", "d", "mean_zero"), [(4, 2, False), (4, 3, True)])
def test_too_small_a_dimension_is_refused(n_c, d, mean_zero):
    with pytest.raises(InputError, match=f"d = {d}"):
        equiangular(n_c, d, mean_zero=mean_zero)


def test_random_rotations_differ_and_share_their_seed():
    one, same, other = (equiangular(3, 5, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert np.abs(one - other).max() > 1e-2


@pytest.mark.parametrize("mean_zero", [False, True])
def test_nearest_frame_beats_random_frames(mean_zero):
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((3, 5))
    best = np.linalg.norm(vectors - nearest_frame(vectors, mean_zero))
    others = [np.linalg.norm(vectors - equiangular(3, 5, rng, mean_zero)) for _ in range(300)]
    assert equiangular_residual(nearest_frame(vectors, mean_zero), mean_zero) < 1e-13
    assert best < min(others)


def test_nearest_frame_of_a_frame_is_itself():
    frame = equiangular(5, 9, np.random.default_rng(0), mean_zero=True)
    assert np.abs(nearest_frame(3 * frame, mean_zero=True) - frame).max() < 1e-13


def test_rank_deficient_vectors_still_give_a_frame():
    vectors = np.zeros((4, 6))
    vectors[0, 0] = 1.0
    assert is_equiangular(nearest_frame(vectors, mean_zero=True), mean_zero=True)


def test_mean_zero_coordinates_are_an_isometry():
    rows = np.random.default_rng(0).standard_normal((4, 7))
    centred = rows - rows.mean(axis=1, keepdims=True)
    assert np.abs(from_mean_zero(to_mean_zero(rows)) - centred).max() < 1e-14


def test_the_simplex_sums_to_zero():
    assert np.abs(simplex(7).sum(axis=0)).max() < 1e-14
