import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_collapse.experiments.presets import select
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.figures.projection import project
from feature_collapse.figures.weights import draw_weights
from feature_collapse.reports.comparison import comparison
from feature_collapse.reports.reproduction import draw_diagrams, draw_record, write_report


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


@pytest.mark.parametrize("settings", [
    Settings(n_w=12, K=6, L=3, d=4, epochs=2),
    Settings(n_c=2, n_w=4, K=3, L=2, d=1, epochs=1, normaliser="none"),
    Settings(n_c=10, n_w=30, K=9, L=3, d=12, epochs=1, normaliser="layernorm", eps=1e-5, word_law="zipf"),
    Settings(vocabulary="food", K=6, L=3, d=4, epochs=1),
])  # fmt: skip
def test_every_record_can_be_drawn_and_twice_gives_the_same_files(tmp_path, settings):
    record = run(settings, tmp_path / "r", device="cpu")
    first = [path.read_bytes() for path in draw_record(record)]
    assert [path.read_bytes() for path in draw_record(record)] == first


def test_the_picture_prints_the_singular_values_and_axes_are_equal(tmp_path):
    record = run(Settings(n_w=12, K=6, L=3, d=4, epochs=2), tmp_path / "r", device="cpu")
    left, right = draw_weights(record).axes
    assert f"{record.summary['singular_values_W'][0]:.1g}"[0] in left.texts[0].get_text()
    assert left.get_aspect() == right.get_aspect() == 1.0


def test_the_report_is_one_file_with_every_picture_inside(tmp_path):
    experiment = select(["figure3"], quick=True)[0]
    record = run(experiment.settings.replace(epochs=2), tmp_path / experiment.name, device="cpu")
    draw_record(record)
    pictures = draw_diagrams(tmp_path, ("figure1", "figure2"))
    rows = comparison([(experiment, record)])
    page = write_report(tmp_path, pictures, [(experiment, record)], rows).read_text()
    assert page.count("data:image/png;base64,") == 4
    assert "http" not in page
    assert "test accuracy" in page
