import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.task.frequencies import given, is_uniform, uniform, zipf


def test_zipf_is_proportional_to_inverse_rank():
    mu = zipf(4)
    np.testing.assert_allclose(mu * np.arange(1, 5), mu[0], rtol=1e-15)
    assert mu.sum() == pytest.approx(1, abs=1e-15)


def test_zipf_with_exponent_zero_is_uniform_and_with_one_is_not():
    np.testing.assert_allclose(zipf(7, 0.0), uniform(7), rtol=1e-15)
    assert is_uniform(zipf(7, 0.0))
    assert not is_uniform(zipf(7, 1.0))


def test_given_law_is_scaled_to_sum_one_whatever_its_scale():
    np.testing.assert_allclose(given([1e300, 3e300]), [0.25, 0.75], rtol=1e-15)
    np.testing.assert_allclose(given([1e-300, 3e-300]), [0.25, 0.75], rtol=1e-15)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1.0, 0.0], r"frequencies\[1\] = 0"),
        ([1.0, -2.0], r"frequencies\[1\] = -2"),
        ([float("nan"), 1.0], r"frequencies\[0\] = nan"),
        ([float("inf"), 1.0], r"frequencies\[0\] = inf"),
        ([], "shape"),
        ([[1.0, 2.0]], "shape"),
        (["a"], "list of positive numbers"),
        ([1e-320, 1.0], "float64"),
    ],
)
def test_wrong_frequencies_are_named(values, told):
    with pytest.raises(InputError, match=told):
        given(values)


def test_wrong_length_is_named():
    with pytest.raises(InputError, match="length 2, but must have length s_c"):
        given([1.0, 2.0], s_c=3)


@pytest.mark.parametrize("exponent", [-1.0, float("nan"), float("inf"), "1", 1e6])
def test_wrong_exponent_is_named(exponent):
    with pytest.raises(InputError, match="exponent"):
        zipf(10, exponent)
