from dataclasses import replace

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.figures.lambda_path import draw_lambda_path
from feature_collapse.solver.lambda_path import LambdaPath

PATH = LambdaPath(
    lambdas=np.array([1e-1, 1e-2, 1e-3]),
    risk=np.array([1.0, 0.5, 0.2]),
    lower_bound=np.array([1.0, 0.49, 0.2]),
    data_term=np.array([1.0, 0.4, 0.1]),
    rank=np.array([0, 2, 5]),
    singular_values=np.array([[0.0, 0, 0], [2.0, 2, 0], [3.0, 3, 1]]),
    status=("zero", "solved", "solved"),
)


def test_the_path_is_drawn_by_rising_lambda_with_the_rank_of_full_collapse():
    left, middle, right = draw_lambda_path(PATH, n_c=3, lambda_max=0.09).axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), [5, 2, 0])
    assert "full collapse: 2" in [text.get_text() for text in left.get_legend().get_texts()]
    assert len(middle.lines) == 3 + 1  # and λ_max
    np.testing.assert_array_equal(right.lines[0].get_xdata(), [1e-3, 1e-2, 1e-1])


def test_where_the_gap_is_not_proved_the_picture_says_so():
    for status, marked in ((("zero", "solved", "stalled"), [1e-3]), (PATH.status, [])):
        for axes in (draw_lambda_path(replace(PATH, status=status)).axes[i] for i in (0, 2)):
            rings = [line for line in axes.lines if line.get_label() == "gap not proved"]
            assert [x for line in rings for x in line.get_xdata()] == marked


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lambdas": np.array([1e-1, -1e-2, 1e-3])}, "lambdas must be finite and > 0"),
        ({"rank": np.array([0, 2])}, "rank has shape"),
        ({"risk": np.array([1.0, np.nan, 0.2])}, "risk has shape"),
        ({"status": ("solved",)}, "status has 1 entries"),
        ({"singular_values": np.zeros(3)}, "singular values"),
    ],
)
def test_a_path_that_does_not_fit_is_refused(change, named):
    with pytest.raises(InputError, match=named):
        draw_lambda_path(replace(PATH, **change))
