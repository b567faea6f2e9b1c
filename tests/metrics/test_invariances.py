"""What must not change the values: rotation, common scale, order of entities, names of concepts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feature_collapse.metrics import measure
from metrics.planted import clusters

BUT_LAYERNORM = ("none", "sphere", "rmsnorm")
shapes = st.tuples(
    st.integers(2, 4), st.integers(2, 6), st.integers(1, 7), st.floats(0.05, 3), st.integers(0, 10**6)
)


def values(x, y, **options):
    report = measure(x, y, resamples=0, shuffles=0, **options)
    return {v: {k: value.value for k, value in view.values.items()} for v, view in report.views.items()}


def same(a, b, views=("none", "layernorm", "rmsnorm", "sphere"), tolerance=1e-6):
    """1e-6: residuals near 0 are square roots of rounding errors of about 1e-15."""
    for view in views:
        for key in a[view]:
            if not (
                np.isfinite(a[view][key]) and abs(a[view][key]) > 1e6
            ):  # a ratio over a vanishing denominator
                assert b[view][key] == pytest.approx(
                    a[view][key], rel=tolerance, abs=tolerance, nan_ok=True
                ), (
                    view,
                    key,
                )


def drawn(shape):
    c, members, d, noise, seed = shape
    x, y = clusters(c, members, d, noise, seed)
    classifier = np.random.default_rng(seed).normal(size=(c, d))
    frequencies = np.random.default_rng(seed).uniform(1, 100, size=len(y))
    return x, y, classifier, frequencies, np.random.default_rng(seed + 1)


@settings(max_examples=20, deadline=None)
@given(shapes)
def test_rotating_the_features_changes_no_value(shape):
    x, y, w, f, generator = drawn(shape)
    q = np.linalg.qr(generator.normal(size=(x.shape[1],) * 2))[0]
    same(
        values(x, y, classifier=w, frequencies=f),
        values(x @ q, y, classifier=w @ q, frequencies=f),
        BUT_LAYERNORM,
    )


def test_rotating_does_change_layernorm():
    x, y, _, _, generator = drawn((3, 6, 5, 0.5, 0))
    q = np.linalg.qr(generator.normal(size=(5, 5)))[0]
    assert values(x, y)["layernorm"]["nc1"] != pytest.approx(values(x @ q, y)["layernorm"]["nc1"], rel=1e-3)


@settings(max_examples=20, deadline=None)
@given(shapes, st.floats(1e-6, 1e6))
def test_a_common_scale_changes_no_value(shape, scale):
    x, y, w, f, _ = drawn(shape)
    same(values(x, y, classifier=w, frequencies=f), values(scale * x, y, classifier=w, frequencies=f))


def test_a_scale_of_each_entity_does_change_type_one_but_no_direction():
    x, y, _, _, generator = drawn((3, 6, 5, 0.5, 0))
    scaled = x * generator.uniform(0.5, 2, size=(len(x), 1))
    a, b = values(x, y), values(scaled, y)
    assert a["none"]["type_I"] != pytest.approx(b["none"]["type_I"], rel=1e-3)
    assert a["none"]["direction_spread"] == pytest.approx(b["none"]["direction_spread"], abs=1e-12)
    same(a, b, ("sphere", "layernorm"))


@settings(max_examples=20, deadline=None)
@given(shapes)
def test_the_order_of_entities_changes_no_value(shape):
    x, y, w, f, generator = drawn(shape)
    p = generator.permutation(len(x))
    same(values(x, y, classifier=w, frequencies=f), values(x[p], y[p], classifier=w, frequencies=f[p]))


@settings(max_examples=20, deadline=None)
@given(shapes)
def test_the_names_of_concepts_change_no_value(shape):
    x, y, w, f, generator = drawn(shape)
    rename = generator.permutation(len(w))
    new = np.empty_like(w)
    new[rename] = w
    same(values(x, y, classifier=w, frequencies=f), values(x, rename[y], classifier=new, frequencies=f))


def test_chance_and_intervals_do_not_depend_on_rotation():
    x, y = clusters(3, 60, 6, 0.8, 0)
    q = np.linalg.qr(np.random.default_rng(1).normal(size=(6, 6)))[0]
    a, b = (measure(z, y, resamples=30, shuffles=30)["nc1"] for z in (x, x @ q))
    assert (a.low, a.high, a.chance, a.p) == pytest.approx((b.low, b.high, b.chance, b.p), rel=1e-8)
