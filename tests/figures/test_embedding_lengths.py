import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from feature_collapse.experiments.settings import Settings
from feature_collapse.figures.embedding_lengths import draw_embedding_lengths
from feature_collapse.task.frequencies import zipf
from feature_collapse.theory import theorem2
from figures.records import planted_record

ALL = Settings(n_w=30, L=3, design="all", word_law="zipf", d=4)  # every latent: theorem 2 holds


def test_every_word_and_the_prediction_are_drawn():
    found = theorem2.constants(3, 3, zipf(10), ALL.lambda_)
    axes = draw_embedding_lengths(planted_record(ALL, np.tile(found.r, (3, 1)))).axes[0]
    assert sum(len(points.get_offsets()) for points in axes.collections) == 30
    line = axes.lines[0]
    np.testing.assert_allclose(np.sort(line.get_ydata()), np.sort(found.r), rtol=1e-12)
    assert (np.diff(line.get_ydata()) > 0).all()
    assert axes.get_xscale() == axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_legend().get_texts()][-1] == "theorem 2"


def test_words_without_a_norm_are_left_out():
    norms = np.ones((3, 10))
    norms[0, 0] = 0.0
    axes = draw_embedding_lengths(planted_record(ALL, norms)).axes[0]
    assert sum(len(points.get_offsets()) for points in axes.collections) == 29


@pytest.mark.parametrize("s_c", [2, 5, 20, 50, 150, 400, 2000])
def test_tick_labels_do_not_collide(s_c):
    settings = ALL.replace(n_w=3 * s_c)
    norms = np.tile(np.sqrt(zipf(s_c)), (3, 1))
    figure = draw_embedding_lengths(planted_record(settings, norms))
    FigureCanvasAgg(figure).draw()
    renderer = figure.canvas.get_renderer()
    for axis in (figure.axes[0].xaxis, figure.axes[0].yaxis):
        ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
        low, high = sorted(axis.get_view_interval())
        shown = [t.label1 for t in ticks if t.label1.get_text() and low <= t.get_loc() <= high]
        boxes = [label.get_window_extent(renderer) for label in shown]
        assert len(boxes) >= 2
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
