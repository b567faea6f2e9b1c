import matplotlib as mpl
import pytest

from feature_collapse.errors import InputError
from feature_collapse.figures.collapse_types import draw_collapse_types
from feature_collapse.figures.style import render


@pytest.mark.parametrize("concepts", [(2,), (2, 3, 4), (4, 2)])
def test_there_are_three_types_for_each_number_of_concepts(concepts):
    figure = draw_collapse_types(concepts)
    assert len(figure.axes) == 3 * len(concepts)
    assert [axes.get_title().split("\n")[0] for axes in figure.axes[:3]] == ["type I", "type II", "type III"]


def test_pictures_are_the_same_each_time_and_leave_the_users_style_alone():
    size = mpl.rcParams["font.size"]
    first, second = (render(draw_collapse_types((3,)), "png", dpi=40) for _ in range(2))
    assert first == second
    assert mpl.rcParams["font.size"] == size


@pytest.mark.parametrize("concepts", [(), (5,), (1,), (2.5,)])
def test_wrong_numbers_of_concepts_are_refused(concepts):
    with pytest.raises(InputError):
        draw_collapse_types(concepts)
