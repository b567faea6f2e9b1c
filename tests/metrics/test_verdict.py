"""Verdicts on planted configurations, and that noise is never called collapse."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from feature_collapse.errors import InputError
from feature_collapse.metrics import measure, measure_record, read_tables
from metrics.planted import clusters, frame, mean_zero_frame

QUICK = dict(resamples=0, shuffles=40)


def planted(kind, seed=0, n_c=3, s_c=40, d=20, noise=0.02):
    generator = np.random.default_rng(seed)
    f = mean_zero_frame(n_c, d, generator)
    y = np.repeat(np.arange(n_c), s_c)
    x = f[y] * 1.4
    if kind != "I":
        x *= np.tile(1 / np.sqrt(np.arange(1, s_c + 1)), n_c)[:, None]
    if kind == "none":
        x = x + 0.3 * generator.normal(size=x.shape)
    if kind == "II":
        x = x + generator.normal(size=(len(x), 1))  # LayerNorm takes the mean of the coordinates away
    return (
        x + noise * np.linalg.norm(x, axis=1, keepdims=True) * generator.normal(size=x.shape) / np.sqrt(d),
        y,
        f,
    )


def test_planted_type_one_is_recognised():
    x, y, f = planted("I")
    assert measure(x, y, classifier=2 * f, **QUICK).verdict == "I"


def test_planted_type_three_is_recognised():
    x, y, f = planted("III")
    assert measure(x, y, classifier=2 * f, **QUICK).verdict == "III"


def test_planted_type_two_is_recognised_only_after_the_normaliser():
    x, y, f = planted("II")
    report = measure(x, y, classifier=2 * f, normaliser="layernorm", **QUICK)
    assert report.verdict == "II"
    assert report.views["none"].verdict == report.views["sphere"].verdict == "none"


def test_dispersed_linear_weights_forbid_a_type():
    x, y, f = planted("I")
    generator = np.random.default_rng(1)
    rows = np.repeat(f, 50, axis=0) + 0.3 * generator.normal(size=(150, 20))
    report = measure(x, y, classifier=(rows, np.repeat(np.arange(3), 50)), **QUICK)
    assert report.verdict == "none" and "linear weights are dispersed" in report.reason


def test_a_classifier_on_another_frame_forbids_a_type():
    x, y, f = planted("I")
    assert measure(x, y, classifier=np.roll(f, 1, axis=0), **QUICK).verdict == "none"


def test_collapsed_concepts_that_are_not_equiangular_are_no_type():
    y = np.repeat(np.arange(3), 10)
    means = np.eye(4)[:3] + 2.0
    report = measure(means[y], y, **QUICK)
    assert report.verdict == "none"
    assert report["direction_spread"].value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("ratio", [0.5, 1, 2, 5, 10, 100])
@pytest.mark.parametrize("d", [1, 2, 8, 40])
def test_pure_noise_is_never_collapse(ratio, d):
    """Larger ones are in docs/metrics.md, from benchmarks/bench_metrics.py."""
    for seed in range(2):
        generator = np.random.default_rng(seed)
        n = max(4, int(ratio * d))
        for c in {2, min(5, n // 2), min(n // 2, 50)}:
            y = generator.permutation(np.arange(n) % c)
            report = measure(generator.normal(size=(n, d)), y, resamples=0, shuffles=20)
            assert report.verdict in ("none", "undefined"), (n, d, c, report.reason)


def test_spread_of_noise_is_one_on_average_at_any_sample_size():
    generator = np.random.default_rng(0)
    for n, d in ((10, 40), (40, 40), (400, 4)):
        values = [
            measure(generator.normal(size=(n, d)), np.arange(n) % 5, resamples=0, shuffles=0)["spread"].value
            for _ in range(20)
        ]
        assert np.mean(values) > 0.9


def test_p_value_of_noise_is_not_small_and_of_structure_is():
    generator = np.random.default_rng(0)
    noise = [
        measure(generator.normal(size=(30, 6)), np.arange(30) % 3, resamples=0, shuffles=39)["spread"].p
        for _ in range(15)
    ]
    assert np.mean(np.array(noise) <= 0.05) <= 0.2
    x, y = clusters(3, 10, 6, 0.5, 0)
    assert measure(x, y, resamples=0, shuffles=99)["spread"].p == pytest.approx(0.01)


def test_worst_concept_is_named():
    x, y = clusters(4, 30, 10, 0.2, 0)
    generator = np.random.default_rng(0)
    x[y == 2] += 2 * generator.normal(size=(30, 10))
    names = np.array(["ant", "bee", "cat", "dog"])[y]
    report = measure(x, names, **QUICK)
    assert report.views["none"].worst["direction_spread"] == "cat"
    rows = {c.name: c for c in report.views["none"].concepts}
    assert rows["cat"].values["spread"].value > 2 * rows["ant"].values["spread"].value


def test_interval_of_the_mean_cosine_covers_the_truth():
    """95% intervals: 20 trials, at least 15 covers has probability above 0.9999 for a true 95% interval."""
    hits = 0
    for seed in range(20):
        generator = np.random.default_rng(seed)
        y = np.arange(200) % 2
        x = generator.normal(size=(200, 3)) + np.where(y[:, None] == 0, [2.0, 0, 0], [0, 2.0, 0])
        value = measure(x, y, resamples=80, shuffles=0)["nc1_trace_ratio"]
        hits += (
            value.low <= 3.0 / 2.0 <= value.high
        )  # tr Σ_W = 3; Σ_B: half the squared distance 8 / 2 / 2 = 2
    assert hits >= 15


def test_same_seed_gives_the_same_report_and_another_seed_another_interval():
    x, y = clusters(3, 10, 6, 0.5, 0)
    a, b, c = (measure(x, y, resamples=30, shuffles=20, seed=s).to_dict() for s in (1, 1, 2))
    assert a == b
    assert a["views"]["none"]["values"]["spread"]["low"] != c["views"]["none"]["values"]["spread"]["low"]


def write_record(folder, kind, normaliser="none", dispersed=False, **settings):
    x, _, f = planted(kind)
    generator = np.random.default_rng(3)
    latents = generator.integers(3, size=(30, 6))
    u = 0.5 * f[latents] + (0.4 * generator.normal(size=(30, 6, 20)) if dispersed else 0)
    mu = 1 / np.arange(1, 41)
    save_file({"W": x.astype(np.float32), "U": u.astype(np.float32)}, folder / "weights.safetensors")
    save_file({"latents": latents, "mu": mu / mu.sum()}, folder / "task.safetensors")
    (folder / "config.json").write_text(
        json.dumps({"settings": {"normaliser": normaliser, "eps": 1e-5, **settings}})
    )
    return folder


@pytest.mark.parametrize(
    ("kind", "normaliser", "dispersed", "verdict"),
    [
        ("I", "none", False, "I"),
        ("III", "none", False, "III"),
        ("none", "none", True, "none"),
        ("II", "layernorm", False, "II"),
    ],
)
def test_records_of_the_four_figures_get_their_verdicts(tmp_path, kind, normaliser, dispersed, verdict):
    report = measure_record(write_record(tmp_path, kind, normaliser, dispersed), **QUICK)
    assert report.verdict == verdict, report.reason
    assert any("definition 3" in n for n in report.notes)


def test_a_record_that_does_not_fit_together_is_refused(tmp_path):
    write_record(tmp_path, "I")
    save_file({"latents": np.full((30, 6), 9), "mu": np.ones(40)}, tmp_path / "task.safetensors")
    with pytest.raises(InputError, match="from 0 to 2"):
        read_tables(tmp_path)
    save_file({"latents": np.zeros((30, 6), dtype=int), "mu": np.ones(7)}, tmp_path / "task.safetensors")
    with pytest.raises(InputError, match="does not fit together"):
        read_tables(tmp_path)
    save_file({"mu": np.ones(7)}, tmp_path / "task.safetensors")
    with pytest.raises(InputError, match="tensor latents"):
        read_tables(tmp_path)
    (tmp_path / "config.json").write_text("{")
    write_record(tmp_path, "I", "batchnorm")
    with pytest.raises(InputError, match="batchnorm"):
        read_tables(tmp_path)
    (tmp_path / "task.safetensors").unlink()
    with pytest.raises(InputError, match=r"task.safetensors is missing"):
        read_tables(tmp_path)


def test_frame_helper_is_equiangular():
    f = frame(4, 5, np.random.default_rng(0))
    np.testing.assert_allclose(f @ f.T, np.eye(4) * 4 / 3 - 1 / 3, atol=1e-12)
