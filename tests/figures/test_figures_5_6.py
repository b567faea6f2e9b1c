import matplotlib as mpl
import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.figures.collapse_types import figure6
from feature_collapse.figures.embedding_lengths import figure5
from feature_collapse.figures.style import render
from feature_collapse.task.frequencies import zipf
from feature_collapse.theory import theorem2


def test_figure_5_draws_every_word_and_the_prediction():
    mu = zipf(10)
    found = theorem2.solve(3, 3, mu, 0.001)
    axes = figure5(mu, np.tile(found.r, (3, 1)), found.r, theory="theorem 2").axes[0]
    assert sum(len(points.get_offsets()) for points in axes.collections) == 30
    line = axes.lines[0]
    assert np.array_equal(np.sort(line.get_ydata()), np.sort(found.r))
    assert (np.diff(line.get_ydata()) > 0).all()
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()][-1] == "theorem 2"


def test_figure_5_leaves_out_words_without_norm():
    norms = np.ones((2, 4))
    norms[0, 0] = 0.0
    axes = figure5(zipf(4), norms, None).axes[0]
    assert sum(len(points.get_offsets()) for points in axes.collections) == 7


@pytest.mark.parametrize("concepts", [(2,), (2, 3, 4), (4, 2)])
def test_figure_6_has_three_types_for_each_number_of_concepts(concepts):
    figure = figure6(concepts)
    assert len(figure.axes) == 3 * len(concepts)
    assert [axes.get_title().split("\n")[0] for axes in figure.axes[:3]] == ["type I", "type II", "type III"]


def test_pictures_are_the_same_each_time_and_leave_the_users_style_alone():
    size = mpl.rcParams["font.size"]
    assert render(figure6((3,)), "png", dpi=40) == render(figure6((3,)), "png", dpi=40)
    assert mpl.rcParams["font.size"] == size


@pytest.mark.parametrize(
    ("mu", "norms", "r"),
    [
        (zipf(3), np.ones((2, 4)), None),
        (zipf(3), np.ones(3), None),
        (zipf(3), np.ones((2, 3)), np.ones(2)),
        (np.zeros(3), np.ones((2, 3)), None),
        (zipf(3), np.full((2, 3), np.nan), None),
        (np.zeros(0), np.zeros((2, 0)), None),
    ],
)
def test_figure_5_refuses_wrong_input(mu, norms, r):
    with pytest.raises(InputError, match="norms"):
        figure5(mu, norms, r)


@pytest.mark.parametrize("concepts", [(), (5,), (1,), (2.5,)])
def test_figure_6_refuses_wrong_input(concepts):
    with pytest.raises(InputError):
        figure6(concepts)
