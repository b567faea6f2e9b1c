"""Intervals cover, or are withheld with their reason; value and chance are like with like."""

import numpy as np
import pytest

from feature_collapse.metrics import measure
from feature_collapse.metrics.intervals import Errors, jeffreys
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
