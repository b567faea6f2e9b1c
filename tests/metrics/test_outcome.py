"""Outcomes on planted data: a common mean hides nothing, and noise is not called collapse."""

import numpy as np
import pytest

from feature_collapse.metrics import measure
from feature_collapse.metrics.frames import shape
from feature_collapse.metrics.outcome import COLLAPSED, OUTCOMES
from metrics.planted import frame

QUICK = dict(resamples=0, shuffles=40, views=("none",))
C, D, N = 5, 16, 30
Y = np.repeat(np.arange(C), N)


def planted(kind, noise=0.02, seed=0):
    generator = np.random.default_rng(seed)
    f = frame(C, D, generator)
    off = generator.normal(size=D)
    off /= np.linalg.norm(off)
    means = {
        "frame": f,
        "centred frame": f + off,
        "orthogonal": np.linalg.qr(generator.normal(size=(D, D)))[0][:C],
        "clustered": f * np.array([1, 3, 1, 0.3, 2])[:, None] + np.roll(f, 1, axis=0),
        "directions": f,
        "partly": f,
        "none": 0 * f,
    }[kind]
    lengths = generator.uniform(0.1, 3, size=(C * N, 1)) if kind == "directions" else 1.0
    noise = {"partly": 0.25, "none": 1.0}.get(kind, noise)
    return lengths * (means[Y] + noise * generator.normal(size=(C * N, D)))


@pytest.mark.parametrize(
    "kind", ["frame", "centred frame", "orthogonal", "clustered", "directions", "partly", "none"]
)
def test_planted_outcomes_are_named(kind):
    """Version 0.1 (8afd2f2) said "none" of every one but "frame" and "directions"."""
    for seed in range(3):
        report = measure(planted(kind, seed=seed), Y, **QUICK)
        assert report.outcome == kind, (seed, report.outcome_reason)


def test_a_common_mean_changes_the_shape_but_not_the_clustering():
    x = planted("frame")
    far = measure(x + 100.0, Y, **QUICK)
    assert far.outcome == "centred frame"
    assert far["spread"].value == pytest.approx(measure(x, Y, **QUICK)["spread"].value, rel=1e-6)


def test_few_dimensions_have_no_frame_but_may_have_clusters():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(C, 2))[Y] + 0.01 * generator.normal(size=(C * N, 2))
    report = measure(x, Y, **QUICK)
    assert report.outcome == "clustered" and "too few dimensions" in report.outcome_reason
    assert report.verdict == "undefined"


def test_noise_is_called_collapse_in_at_most_five_percent():
    """Small groups, where luck is likeliest; the table in docs/metrics.md has more."""
    called = []
    for seed in range(100):
        generator = np.random.default_rng(seed)
        c, n, d = (2, 3, 5), (2, 4, 10), (1, 3, 20)
        c, n, d = c[seed % 3], n[seed // 3 % 3], d[seed // 9 % 3]
        report = measure(generator.normal(size=(c * n, d)), np.arange(c * n) % c, **QUICK)
        called.append(report.outcome in COLLAPSED)
    assert np.mean(called) <= 0.05


def test_residuals_of_shapes_are_zero_for_them_and_only_for_them():
    generator = np.random.default_rng(1)
    f, q = frame(C, D, generator), np.linalg.qr(generator.normal(size=(D, D)))[0][:C]
    assert shape(3 * f).frame < 1e-7 and shape(3 * f).orthogonal > 0.2
    assert shape(2 * q).orthogonal < 1e-7 and shape(2 * q).centred < 1e-7 and shape(2 * q).frame > 0.3
    assert shape(f + 1.0).centred < 1e-7 and shape(f + 1.0).frame > 0.3
    uneven = f * np.arange(1, C + 1)[:, None]
    assert min(shape(uneven).frame, shape(uneven).centred, shape(uneven).orthogonal) > 0.2


@pytest.mark.parametrize("layernorm", [False, True])
def test_a_trained_classifier_with_batchnorm_and_relu_is_called_collapsed(layernorm):
    """Version 0.1 (8afd2f2): NC1 0.01 and "no collapse", since ReLU's features have a common mean."""
    import torch

    torch.manual_seed(0)
    centres = torch.randn(6, 20)
    y = torch.arange(6).repeat(40)
    x = centres[y] + 0.5 * torch.randn(240, 20)
    norm = torch.nn.LayerNorm(32) if layernorm else torch.nn.BatchNorm1d(32)
    body = torch.nn.Sequential(torch.nn.Linear(20, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32), norm)
    body.append(torch.nn.ReLU())
    head = torch.nn.Linear(32, 6)
    optimiser = torch.optim.Adam([*body.parameters(), *head.parameters()], lr=3e-3, weight_decay=1e-4)
    for _ in range(300):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(head(body(x)), y).backward()
        optimiser.step()
    report = measure(body(x), y, resamples=0, shuffles=40)
    assert report.outcome in COLLAPSED, report.outcome_reason
    assert report["shape_centred"].value < report["shape_frame"].value


def test_every_outcome_has_its_sentence():
    assert set(COLLAPSED) < set(OUTCOMES)
