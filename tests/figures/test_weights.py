import pytest

from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.figures.weights import draw_weights, what_ran


def test_the_picture_prints_the_singular_values_and_axes_are_equal(tmp_path):
    record = run(Settings(n_w=12, K=6, L=3, d=4, epochs=2), tmp_path / "r", device="cpu")
    left, right = draw_weights(record).axes
    value = record.summary["singular_values_W"][0]
    assert (f"{value:.3g}" if value >= 0.01 else f"{value:.1e}") in left.texts[0].get_text()
    assert left.get_aspect() == right.get_aspect() == 1.0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (Settings(), "h, uniform words, 5 sentences per class"),
        (Settings(word_law="zipf", n_spl=50), "h, Zipf words, 50 sentences per class"),
        (Settings(word_law="zipf", exponent=1.5), "h, Zipf(1.5) words, 5 sentences per class"),
        (Settings(normaliser="layernorm", eps=1e-5, n_spl=1), "h*, uniform words, 1 sentence per class"),
        (Settings(vocabulary="food"), "h, food vocabulary, 5 sentences per class"),
    ],
)
def test_what_ran_is_told_from_the_settings(settings, words):
    assert what_ran(settings) == words
