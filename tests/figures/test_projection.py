import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_collapse.figures.projection import project


@given(st.integers(0, 200), st.integers(3, 6))
def test_the_projection_does_not_depend_on_a_rotation_of_the_embedding_space(seed, d):
    rng = np.random.default_rng(seed)
    rows, concepts = rng.standard_normal((12, d)) * np.arange(1, d + 1), np.arange(12) % 3
    q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    points, values = project(rows, concepts)
    turned, same = project(rows @ q, concepts)
    np.testing.assert_allclose(same, values, rtol=1e-8)
    np.testing.assert_allclose(turned, points, atol=1e-7)


def test_the_projection_puts_the_first_concept_up_and_the_second_left():
    rng = np.random.default_rng(0)
    means = np.array([[3.0, 0, 0], [-1.5, 2.6, 0], [-1.5, -2.6, 0]])
    concepts = np.arange(30) % 3
    points, _ = project(means[concepts] + 0.01 * rng.standard_normal((30, 3)), concepts)
    assert points[concepts == 0][:, 1].min() > 2.9
    assert points[concepts == 1][:, 0].max() < -2.5


def test_one_dimension_and_an_absent_concept_can_be_drawn():
    points, values = project(np.ones((4, 1)), np.array([0, 0, 2, 2]))
    assert points.shape == (4, 2)
    assert values == pytest.approx([2.0])
