"""Batched, merged and whole-array results agree; wrong batches change nothing."""

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.metrics import FeatureStatistics, measure
from metrics.planted import clusters


def data(eps=0.0, offset=0.0):
    x, y = clusters(5, 60, 12, 0.7, 0)
    generator = np.random.default_rng(1)
    x = (x + offset) * generator.uniform(0.5, 2, size=(300, 1))
    order = generator.permutation(300)
    return x[order], y[order], generator.zipf(2.0, 300).astype(float)


def in_batches(x, y, f, eps, size, workers=1):
    parts = [FeatureStatistics(5, 12, eps=eps, sample_rows=100) for _ in range(workers)]
    for k, start in enumerate(range(0, len(x), size)):
        rows = slice(start, start + size)
        parts[k % workers].update(x[rows], y[rows], f[rows])
    while len(parts) > 1:
        parts[0].merge(parts.pop())
    return parts[0]


def flat(report):
    return {(v, k): value.value for v, view in report.views.items() for k, value in view.values.items()} | {
        (v, c.name, k): value.value
        for v, view in report.views.items()
        for c in view.concepts
        for k, value in c.values.items()
    }


@pytest.mark.parametrize("eps", [0.0, 1e-3])
@pytest.mark.parametrize("offset", [0.0, 100.0])
@pytest.mark.parametrize(("size", "workers"), [(1, 1), (7, 1), (300, 1), (13, 3), (1, 4)])
def test_batches_and_merges_agree_with_the_whole_array(eps, offset, size, workers):
    x, y, f = data(eps, offset)
    whole = flat(in_batches(x, y, f, eps, 300).finalize())
    other = flat(in_batches(x, y, f, eps, size, workers).finalize())
    assert whole.keys() == other.keys()
    for key, value in whole.items():
        assert other[key] == pytest.approx(value, rel=1e-10, abs=1e-10, nan_ok=True), key


def test_one_pass_agrees_with_measure():
    x, y, f = data()
    streamed = in_batches(x, y, f, 0.0, 37).finalize()
    whole = measure(x, y, f, resamples=0, shuffles=0)
    keys = set(streamed.views["none"].values) - {"uniformity"}  # the samples differ in size here
    assert {"nc1", "length_slope", "length_slope_within", "rankme", "type_III"} <= keys
    for view in streamed.views:
        for key in keys & set(streamed.views[view].values):
            assert streamed.views[view].values[key].value == pytest.approx(
                whole.views[view].values[key].value, rel=1e-10, abs=1e-10
            ), (view, key)


def test_the_sample_does_not_depend_on_order_or_batches():
    x, y, f = data()
    one = in_batches(x, y, f, 0.0, 300).sample
    order = np.random.default_rng(5).permutation(300)
    other = in_batches(x[order], y[order], f[order], 0.0, 11, 3).sample
    np.testing.assert_array_equal(one.rows, other.rows)
    assert len(one.rows) == 100


def test_the_sample_is_fair():
    """Mean of the sampled first coordinate: within 4 standard errors of the whole's."""
    x = np.random.default_rng(0).normal(size=(20_000, 3))
    s = FeatureStatistics(1, 3, sample_rows=2000).update(x, np.zeros(20_000, dtype=int)).sample
    assert abs(s.rows[:, 0].mean() - x[:, 0].mean()) < 4 / np.sqrt(2000)


def test_a_spread_far_smaller_than_the_mean_is_not_lost():
    generator = np.random.default_rng(0)
    x = 1e6 + 1e-3 * generator.normal(size=(2000, 4))
    s = FeatureStatistics(1, 4)
    for start in range(0, 2000, 50):
        s.update(x[start : start + 50], np.zeros(50, dtype=int))
    expected = np.sum((x - x.mean(axis=0)) ** 2)
    assert s.moments("none").m2[0] == pytest.approx(expected, rel=1e-6)


def test_single_precision_batches_are_summed_in_double():
    x, y, f = data()
    single = x.astype(np.float32)
    a = flat(in_batches(single, y, f, 0.0, 10).finalize())
    b = flat(in_batches(single.astype(np.float64), y, f, 0.0, 300).finalize())
    for key, value in b.items():
        assert a[key] == pytest.approx(value, rel=1e-10, abs=1e-10, nan_ok=True), key


def test_empty_concepts_are_named_and_count_for_nothing():
    x, y = clusters(3, 6, 5, 0.5, 0)
    report = FeatureStatistics(5, 5).update(x, y).finalize(["a", "b", "c", "empty one", "empty two"])
    assert any("no member" in n and "empty one, empty two" in n for n in report.notes)
    assert report.n_concepts == 3
    assert report["nc1"].value == pytest.approx(
        measure(x, y, resamples=0, shuffles=0)["nc1"].value, abs=1e-12
    )


def test_fewer_views_give_the_same_values():
    x, y, _ = data()
    full = FeatureStatistics(5, 12).update(x, y).finalize()
    part = FeatureStatistics(5, 12, views=("rmsnorm",)).update(x, y).finalize(normaliser="rmsnorm")
    assert set(part.views) == {"rmsnorm"}
    for key, value in part.views["rmsnorm"].values.items():
        assert value.value == pytest.approx(full.views["rmsnorm"].values[key].value, abs=1e-12), key


@pytest.mark.parametrize(
    ("features", "ids", "words"),
    [
        (np.ones((2, 3)), [0, 1], "must have d = 4"),
        (np.ones((2, 4)), [0, 5], "0 to 4"),
        (np.ones((2, 4)), [-1, 0], "0 to 4"),
        (np.ones((2, 4)), [0.0, 1.0], "integers"),
        (np.ones((2, 4)), [0], "2 integers"),
        (np.full((2, 4), np.nan), [0, 1], "8 values are not"),
    ],
)
def test_a_wrong_batch_is_refused_and_changes_nothing(features, ids, words):
    s = FeatureStatistics(5, 4).update(np.eye(4), [0, 0, 1, 1])
    before = flat(s.finalize())
    with pytest.raises(InputError, match=words):
        s.update(features, ids)
    assert str(flat(s.finalize())) == str(before)


def test_a_bad_row_far_into_a_large_batch_changes_nothing():
    x = np.ones((30_000, 100), dtype=np.float32)
    x[-1, -1] = np.inf
    s = FeatureStatistics(1, 100, views=("none",))
    with pytest.raises(InputError, match="row 29999, column 99 is inf"):
        s.update(x, np.zeros(30_000, dtype=int))
    assert s.rows == 0


def test_merging_different_settings_or_itself_is_refused():
    s = FeatureStatistics(5, 4)
    for other, words in (
        (FeatureStatistics(6, 4), "n_concepts"),
        (FeatureStatistics(5, 3), "d ="),
        (FeatureStatistics(5, 4, eps=1e-5), "eps"),
        (FeatureStatistics(5, 4, sample_rows=10), "sample_rows"),
        (FeatureStatistics(5, 4, views=("none",)), "views"),
        (s, "themselves"),
    ):
        with pytest.raises(InputError, match=words):
            s.merge(other)


def test_finalize_before_any_update_and_wrong_names_are_refused():
    with pytest.raises(InputError, match="call update"):
        FeatureStatistics(2, 3).finalize()
    with pytest.raises(InputError, match="1 names"):
        FeatureStatistics(2, 3).update(np.eye(3), [0, 0, 1]).finalize(["a"])
