"""The residuals of collapse: zero at the types that they belong to, and nowhere else."""

import numpy as np
import pytest
import torch

from feature_collapse.model.geometry import equiangular
from feature_collapse.model.residuals import RESIDUALS, collapse_residuals

FRAME = equiangular(3, 4)  # (n_c, d)


def of(features):
    return dict(zip(RESIDUALS, collapse_residuals(torch.as_tensor(np.asarray(features)), 3), strict=True))


def words(lengths, frame=FRAME):
    return (frame[:, None, :] * np.asarray(lengths)[None, :, None]).reshape(-1, frame.shape[1])


def test_one_vector_for_each_concept_on_an_equiangular_frame_has_none():
    assert max(of(words([2.0, 2.0, 2.0, 2.0])).values()) < 1e-7


def test_words_of_one_direction_but_many_lengths_spread_in_length_alone():
    found = of(words([4.0, 2.0, 1.0, 0.5]))
    assert found["direction_spread"] < 1e-7
    assert found["frame_residual"] < 1e-7
    lengths = np.array([4.0, 2.0, 1.0, 0.5])
    assert found["spread"] == pytest.approx(np.sqrt(lengths.var() / np.mean(lengths**2)))


def test_collapsed_words_on_a_skewed_frame_have_a_frame_residual_alone():
    found = of(words([1.0, 1.0], np.eye(4)[:3]))  # at right angles: cos is 0 where -1/2 is asked for
    assert found["spread"] < 1e-7
    assert found["frame_residual"] == pytest.approx(0.5)


def test_words_that_know_nothing_of_their_concepts_have_nearly_all_of_the_spread():
    found = of(np.random.default_rng(0).standard_normal((3 * 50, 100)))
    assert found["spread"] == pytest.approx(np.sqrt(1 - 1 / 50), abs=0.01)
    assert found["direction_spread"] == pytest.approx(np.sqrt(1 - 1 / 50), abs=0.01)


@pytest.mark.parametrize("scale", [1e-200, 1e30, 1e200])
def test_the_scale_of_the_words_does_not_matter(scale):
    features = np.random.default_rng(1).standard_normal((12, 5))
    assert list(of(features * scale).values()) == pytest.approx(list(of(features).values()))


def test_rotations_do_not_matter():
    rng = np.random.default_rng(2)
    features, turn = rng.standard_normal((12, 5)), np.linalg.qr(rng.standard_normal((5, 5)))[0]
    assert list(of(features @ turn).values()) == pytest.approx(list(of(features).values()))


def test_there_is_no_number_for_words_that_are_all_zero_or_not_finite():
    assert np.isnan(list(of(np.zeros((6, 2))).values())).all()
    assert np.isnan(list(of(np.full((6, 2), np.inf)).values())).all()
