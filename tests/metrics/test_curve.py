"""Length against frequency: p-values of the slopes, and humps that a line does not see."""

import itertools

import numpy as np
import pytest

from feature_collapse.metrics import measure
from feature_collapse.metrics.findings import findings

QUICK = dict(resamples=0, shuffles=199, views=("none",))


def with_lengths(law, n=600, seed=0, noise=0.2):
    generator = np.random.default_rng(seed)
    f = np.exp(2 * generator.normal(size=n))
    x = generator.normal(size=(n, 8))
    x *= (np.exp(law(np.log(f) / 2) + noise * generator.normal(size=n)) / np.linalg.norm(x, axis=1))[:, None]
    return x, np.arange(n) % 4, f


def test_rows_without_frequency_do_not_count_in_the_p_of_the_slope():
    """Version 0.1 (8afd2f2) shuffled frequencies over them too: p = 0.2 and more where 1/200 is right."""
    x, y, f = with_lengths(lambda t: -0.1 * t)
    generator = np.random.default_rng(1)
    unused = np.exp(5 * generator.normal(size=(900, 1))) * generator.normal(size=(900, 8))
    x, y = np.vstack([x, unused]), np.concatenate([y, np.arange(900) % 4])
    value = measure(x, y, np.concatenate([f, np.zeros(900)]), **QUICK)["length_slope"]
    assert value.value == pytest.approx(-0.05, abs=0.02)
    assert value.p == pytest.approx(2 / 200)


def test_labels_stay_where_they_are_in_the_p_of_the_slope_inside_concepts():
    """Version 0.1 (8afd2f2) shuffled labels too: lengths between concepts drowned the slope inside."""
    x, y, f = with_lengths(lambda t: 0.1 * t)
    x = x * np.exp(2.0 * y)[:, None]
    value = measure(x, y, f, **QUICK)["length_slope_within"]
    assert value.value == pytest.approx(0.05, abs=0.02)
    assert value.p == pytest.approx(2 / 200)


def test_a_hump_is_seen_by_the_curve_and_not_by_the_line():
    """Version 0.1 (8afd2f2) had a line only: R² 0.01 here."""
    report = measure(*with_lengths(lambda t: -0.3 * t**2), **QUICK)
    curve = report.detail.curve
    assert curve.r2_line < 0.05 and curve.r2_bins > 0.4
    assert curve.p_no_relation == curve.p_monotone == pytest.approx(1 / 200)
    assert any("neither rising nor falling" in s for s in findings(report))


def test_a_monotone_relation_is_not_called_a_hump_and_none_is_not_called_one():
    rising = measure(*with_lengths(lambda t: 0.3 * np.tanh(t)), **QUICK).detail.curve
    assert rising.p_no_relation <= 0.05 < rising.p_monotone
    p = [measure(*with_lengths(lambda t: 0 * t, seed=s, n=200), **QUICK).detail.curve for s in range(20)]
    assert np.mean([c.p_no_relation <= 0.05 for c in p]) <= 0.2
    assert np.mean([c.p_monotone <= 0.05 for c in p]) <= 0.2


def test_bins_hold_all_entities_with_a_frequency_and_cover_their_mean_length():
    x, y, f = with_lengths(lambda t: 0.3 * t)
    f[:50] = 0
    curve = measure(x, y, f, **QUICK).detail.curve
    assert sum(b.entities for b in curve.bins) == 550
    assert all(b.length_low < b.length < b.length_high for b in curve.bins)
    edges = [(b.low_frequency, b.high_frequency) for b in curve.bins]
    assert all(a[1] < b[0] for a, b in itertools.pairwise(edges))


def test_few_entities_or_one_frequency_have_no_curve():
    x, y, f = with_lengths(lambda t: t, n=12)
    assert measure(x, y, f, **QUICK).detail.curve is None
    x, y, f = with_lengths(lambda t: t, n=100)
    assert measure(x, y, np.ones(100), **QUICK).detail.curve is None
    assert measure(x, y, **QUICK).detail.curve is None


def test_findings_name_the_cause_and_the_cures_of_a_long_tail():
    x, y, f = with_lengths(lambda t: 0.5 * t)
    said = " ".join(findings(measure(x, y, f, **QUICK)))
    assert "Frequent entities are longer" in said and "decay in proportion to frequency" in said
    flat = " ".join(findings(measure(*with_lengths(lambda t: 0 * t), **QUICK)))
    assert "does not follow frequency" in flat and "decay" not in flat
