"""Intervals cover, or are withheld with their reason; value and chance are like with like."""

import numpy as np
import pytest

from feature_collapse.metrics import measure
from feature_collapse.metrics.definitions import DEFINITIONS
from feature_collapse.metrics.intervals import Errors, interval, jeffreys
from feature_collapse.metrics.nearest_centre import Looked, NearestCentre, ShareErrors
from feature_collapse.metrics.scales import scale_of
from metrics.planted import clusters


def covers(key, truth, draw, sets=40):
    """How many of the intervals that are given hold the truth, and how many are given."""
    hits = []
    for seed in range(sets):
        value = measure(*draw(seed), shuffles=0, resamples=60, seed=seed, views=("none",))[key]
        if np.isfinite(value.low):
            hits.append(value.low <= truth <= value.high)
        else:
            assert value.withheld
    return sum(hits), len(hits)


def gaussian(n):
    def draw(seed):
        generator = np.random.default_rng(seed)
        y = np.repeat(np.arange(4), n)
        return 2 * np.eye(4, 6)[y] + generator.normal(size=(4 * n, 6)), y

    return draw


def test_interval_of_the_spread_covers_with_five_members():
    """Truth: 6/(6 + 4·4·(3/4)/3) = 0.6. Of 40 intervals at 93% or better, 33 cover with probability 0.98."""
    hits, given = covers("spread", 6 / (6 + 4), gaussian(5))
    assert given == 40 and hits >= 33


def test_interval_of_cdnv_covers_or_is_withheld():
    """Truth: 6/8. Version 0.1 (8afd2f2) covered in none of these cases with five members."""
    hits, given = covers("cdnv", 6 / 8, gaussian(5))
    assert given <= 4
    hits, given = covers("cdnv", 6 / 8, gaussian(100), sets=20)
    assert given == 20 and hits >= 15


def test_heavy_tails_withhold_the_spread_but_not_the_direction():
    x, y = clusters(5, 20, 6, 0.5, 0)
    x *= np.exp(1.5 * np.random.default_rng(0).normal(size=(100, 1)))
    report = measure(x, y, shuffles=0, resamples=60, views=("none",))
    assert "few entities" in report["spread"].withheld and np.isnan(report["spread"].low)
    assert np.isfinite(report["direction_spread"].low)


def test_a_share_has_jeffreys_interval_which_is_never_a_point():
    """Version 0.1 (8afd2f2) gave 1 … 1 where all were right."""
    assert jeffreys(1.0, 100).low == pytest.approx(0.9752, abs=1e-4) and jeffreys(1.0, 100).high == 1
    half = jeffreys(0.5, 100)
    assert half.low == pytest.approx(0.4032, abs=1e-3) and half.high == pytest.approx(0.5968, abs=1e-3)
    x, y = clusters(3, 60, 6, 0.05, 0)
    value = measure(x, y, shuffles=0, resamples=20, views=("none",))["nearest_centre"]
    assert value.value == value.high == 1 and 0.97 < value.low < 1


def test_small_groups_widen_errors_and_decide_the_freedom_unless_entities_weigh_the_same():
    even = Errors.of(np.full(8, 5))
    assert (even.widened, even.freedom) == pytest.approx((1.25, 32))
    assert (even.widened_by_entity, even.freedom_by_entity) == pytest.approx((1.25, 32))
    uneven = Errors.of(np.array([4, 200]))
    assert uneven.freedom < 4 and 1.3 < uneven.widened < 4 / 3
    assert uneven.freedom_by_entity > 200 and uneven.widened_by_entity < 1.01


def test_chance_is_that_of_all_entities_above_a_million_numbers_too():
    """Version 0.1 (8afd2f2) shuffled a subsample: 10.6 beside a value of 13.3, where all give 47.6."""
    x, y = clusters(40, 300, 100, 6.0, 0)
    assert x.size > 1e6
    value = measure(x, y, resamples=0, shuffles=20, views=("none",))["nc1_trace_ratio"]
    generator = np.random.default_rng(1)
    slow = []
    for _ in range(5):
        shuffled = generator.permutation(y)
        means = np.array([x[shuffled == k].mean(axis=0) for k in range(40)])
        within = np.sum((x - means[shuffled]) ** 2) / len(x)
        slow.append(within / (np.sum((means - x.mean(axis=0)) ** 2) / 40))
    assert value.chance == pytest.approx(np.mean(slow), rel=0.02)


def test_a_part_gives_no_interval_and_no_chance_on_another_scale(monkeypatch):
    import importlib

    monkeypatch.setattr(importlib.import_module("feature_collapse.metrics.measure"), "LIMIT", 3000)
    x, y = clusters(5, 400, 10, 0.7, 0)
    report = measure(x, y, resamples=40, shuffles=40, views=("none",))
    assert any("of the entities" in n for n in report.notes)
    ratio, spread = report["nc1_trace_ratio"], report["spread"]
    assert np.isnan(ratio.chance) and ratio.p <= 0.05 and "part" in ratio.withheld
    assert spread.chance == pytest.approx(1, abs=0.05) and np.isnan(spread.low)


def test_a_share_that_differs_between_concepts_has_the_error_of_its_concepts():
    """Half of the concepts are always right, half in three cases of four: 0.875 with 6/7 of the variance."""
    looked = np.repeat(np.arange(4), 400)
    missed = np.concatenate((np.repeat(0, 100), np.repeat(1, 100)))
    centre = NearestCentre(np.eye(4), np.full(4, 400))
    centre.add(Looked(np.ones(1600, bool), None, [missed * 4 + 3]))
    n, p = 1600, 1 - 200 / 1600
    expected = 2 * 400 * 0.25 * 0.75 * 400 / 399 / (n * p * (1 - p))
    assert centre.errors(looked).inside == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx(6 / 7, abs=0.003)
    even = NearestCentre(np.eye(4), np.full(4, 400))  # control: as many misses in each
    even.add(Looked(np.ones(1600, bool), None, [np.repeat(np.arange(4), 50) * 4]))
    assert even.errors(looked).inside == pytest.approx(1.0, abs=0.003)
    assert NearestCentre(np.eye(4), np.full(4, 400)).errors(looked) == ShareErrors()


def test_the_interval_of_a_share_is_around_the_mean_of_left_out_and_counted_in():
    x, y = gaussian(100)(0)
    value = measure(x, y, shuffles=0, resamples=20, views=("none",))["nearest_centre"]
    means = np.stack([x[y == k].mean(0) for k in range(4)])
    squares = ((x[:, None] - means) ** 2).sum(-1)
    other = np.where(np.eye(4, dtype=bool)[y], np.inf, squares).min(1)
    own = squares[np.arange(400), y]
    left_out, counted_in = np.mean(own * (100 / 99) ** 2 < other), np.mean(own < other)
    assert value.value == pytest.approx(left_out) and counted_in > left_out
    missed = np.bincount(y[own * (100 / 99) ** 2 >= other], minlength=4)
    inside = np.sum(missed * (100 - missed) / 99) / (missed.sum() * (1 - missed.sum() / 400))
    middle = jeffreys((left_out + counted_in) / 2, 400 / min(1.0, inside))
    assert (value.low, value.high) == pytest.approx((middle.low, middle.high), rel=1e-12)
    assert value.low > jeffreys(left_out, 400).low  # control: not that of the share left out


def test_the_scale_of_a_mean_cosine_goes_there_and_back_and_knows_its_lower_end():
    forth, back = scale_of("sum", 5)
    cosines = np.array([-0.2499, -0.1, 0.0, 0.5, 1.0])
    np.testing.assert_allclose(back(forth(cosines)), cosines, atol=1e-12)
    errors, replicates = Errors.of(np.full(5, 40)), np.random.default_rng(0).normal(-0.2, 0.03, 400)
    found = interval(DEFINITIONS["frame_cosine"], -0.2, replicates[replicates > -0.25], errors)
    assert -0.25 < found.low < -0.2 < found.high
    assert found.high - -0.2 > -0.2 - found.low  # errors are larger above: the sum cannot be shorter than 0


def test_a_mean_cosine_is_not_corrected_for_a_bias_that_is_not_told_from_none():
    errors, even = Errors.of(np.full(5, 40)), np.random.default_rng(0).normal(0.0, 0.02, 400)
    even -= even.mean()
    shifted = [
        interval(DEFINITIONS["frame_cosine"], 0.1, 0.1 + even + 0.02 * b, errors) for b in (0, 0.2, 0.4)
    ]
    assert shifted[1].low == pytest.approx(shifted[0].low, rel=0.02)
    assert shifted[2].low < shifted[0].low - 0.004  # control: one that is told
