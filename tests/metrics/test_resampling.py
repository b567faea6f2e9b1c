"""Replicates against slow, independent ones: the same draws, every value recomputed from the rows."""

import numpy as np
import pytest

from feature_collapse.metrics import measure
from feature_collapse.metrics.data import Data
from feature_collapse.metrics.measure import choose_part
from feature_collapse.metrics.resampling import Resampler
from feature_collapse.metrics.views import Lens, Rows
from metrics.planted import clusters, literal

RAW = Rows("none")
SLOW = ("nc1", "nc1_trace_ratio", "cdnv", "nc2_norms", "nc2_angles", "nc2_etf", "spread", "direction_spread",
        "length_spread", "alignment", "frame_angle_error")  # fmt: skip


def resampler(x, y, classifier=None):
    return Resampler(Data.of(x, y, None, classifier), [Lens.of("none", 0.0, x.shape[1])])


class Draws:
    """A generator that remembers what it drew."""

    def __init__(self, seed):
        self.inner, self.drawn, self.permuted = np.random.default_rng(seed), [], []

    def random(self, n):
        self.drawn.append(self.inner.random(n))
        return self.drawn[-1]

    def permutation(self, x):
        self.permuted.append(self.inner.permutation(x))
        return self.permuted[-1]


def test_bootstrap_replicates_are_the_values_of_the_drawn_entities():
    x, y = clusters(3, 12, 5, 0.7, 0)
    draws = Draws(0)
    out = resampler(x, y).bootstrap(5, draws)[RAW]
    for k in range(5):
        rows = (np.array([0, 12, 24])[y] + draws.drawn[k] * 12).astype(int)
        expected = literal(x[rows], y[rows])
        for key in SLOW:
            assert out[k].overall[key] == pytest.approx(expected[key], rel=1e-8, abs=1e-8), key


def test_shuffled_replicates_are_the_values_under_the_shuffled_labels():
    x, y = clusters(3, 12, 5, 0.7, 0)
    w = np.random.default_rng(0).normal(size=(3, 5))
    draws = Draws(0)
    out = resampler(x, y, w).shuffle(4, draws)[RAW]
    for k in range(4):
        labels, rows = draws.permuted[2 * k], draws.permuted[2 * k + 1]
        expected = literal(x, labels, w[np.argsort(rows)])
        for key in (*SLOW, "nc3", "nc4", "nearest_centre"):
            assert out[k].overall[key] == pytest.approx(expected[key], rel=1e-8, abs=1e-8), key


def test_first_order_spectrum_is_close_to_the_resampled_one():
    """First order: the error is that of squared perturbations, about 1/n of the value (n = 600)."""
    x, y = clusters(3, 200, 6, 0.7, 0)
    x = x * np.array([3, 2, 1, 0.5, 0.3, 0.2])
    draws = Draws(1)
    out = resampler(x, y).bootstrap(20, draws)[RAW]
    exact, quick = [], []
    for k in range(20):
        rows = (np.array([0, 200, 400])[y] + draws.drawn[k] * 200).astype(int)
        s = np.linalg.eigvalsh(np.cov(x[rows].T))
        exact.append(s.sum() ** 2 / np.sum(s**2))
        quick.append(out[k].overall["participation_ratio"])
    assert np.max(np.abs(np.array(exact) - quick)) < 0.02 * np.mean(exact)
    assert np.corrcoef(exact, quick)[0, 1] > 0.99


def test_part_keeps_at_least_four_members_of_every_concept_it_keeps():
    codes = np.repeat(np.arange(200), 8)
    part = choose_part(codes, 100, np.random.default_rng(0))
    count = np.bincount(codes[part], minlength=200)
    assert set(count) == {0, 4} and 64 <= len(part) <= 150


def test_concepts_of_two_members_keep_their_size_and_give_finite_intervals():
    x, y = clusters(6, 2, 8, 0.5, 0)
    value = measure(x, y, resamples=50, shuffles=20)["spread"]
    assert value.low <= value.value <= value.high
