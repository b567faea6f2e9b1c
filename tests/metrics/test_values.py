"""The values against literal transcriptions of their published formulas, and on data with a known answer."""

import json

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import linregress, spearmanr

from feature_collapse.errors import InputError
from feature_collapse.metrics import measure
from feature_collapse.metrics.frames import frame_alignment, residual_shared_lengths
from feature_collapse.model.geometry import nearest_frame
from metrics.planted import clusters, frame, literal


def plain(x, y, **options):
    return measure(x, y, resamples=0, shuffles=0, **options)


@pytest.mark.parametrize(
    ("c", "members", "d", "seed"), [(4, 7, 10, 0), (3, 5, 40, 1), (6, 9, 4, 2), (2, 30, 3, 3)]
)
def test_every_value_agrees_with_its_published_formula(c, members, d, seed):
    x, y = clusters(c, members, d, 0.8, seed)
    x, y = x[:-3], y[:-3]  # concepts of different sizes
    classifier = np.random.default_rng(seed).normal(size=(c, d))
    report = plain(x, y, classifier=classifier)
    for key, expected in literal(x, y, classifier).items():
        assert report[key].value == pytest.approx(expected, abs=1e-6, rel=1e-6), key


def test_values_after_layernorm_are_those_of_normalised_features():
    import torch

    x, y = clusters(3, 8, 12, 0.5, 0)
    eps = 1e-5
    normalised = torch.nn.functional.layer_norm(torch.tensor(x), (12,), eps=eps).numpy()
    view = plain(x, y, normaliser="layernorm", eps=eps).views["layernorm"].values
    for key, expected in literal(normalised, y).items():
        assert view[key].value == pytest.approx(expected, abs=1e-6), key


def test_values_after_rmsnorm_with_epsilon_are_those_of_normalised_features():
    x, y = clusters(3, 8, 12, 0.5, 0)
    x[::2] *= 1e-3
    normalised = x / np.sqrt(np.mean(x**2, axis=1, keepdims=True) + 1e-4)
    view = plain(x, y, normaliser="rmsnorm", eps=1e-4).views["rmsnorm"].values
    for key, expected in literal(normalised, y).items():
        assert view[key].value == pytest.approx(expected, abs=1e-6), key


def test_length_against_frequency_agrees_with_scipy():
    x, y = clusters(3, 30, 8, 1.0, 4)
    f = np.random.default_rng(0).zipf(2.0, size=90).astype(float)
    x *= f[:, None] ** 0.2
    report = plain(x, y, frequencies=f)
    length = np.log(np.linalg.norm(x, axis=1))
    assert report["length_slope"].value == pytest.approx(linregress(np.log(f), length).slope, abs=1e-10)
    assert report["length_rank_correlation"].value == pytest.approx(spearmanr(f, length).statistic, abs=1e-10)
    design = np.column_stack([np.log(f), *(y == k for k in range(3))])
    within = np.linalg.lstsq(design, length, rcond=None)[0][0]
    assert report["length_slope_within"].value == pytest.approx(within, abs=1e-10)
    assert report.views["sphere"].values["length_slope"].value == 0.0


def test_fitted_frame_is_the_best_of_all_equiangular_frames():
    generator = np.random.default_rng(0)
    sums = generator.normal(size=(4, 6))
    best = nearest_frame(sums)
    np.testing.assert_allclose(best @ best.T, np.eye(4) * 4 / 3 - 1 / 3, atol=1e-12)
    assert np.sum(best * sums) == pytest.approx(frame_alignment(sums), abs=1e-12)
    start = frame(4, 6, generator)

    def loss(a):
        skew = np.zeros((6, 6))
        skew[np.triu_indices(6, 1)] = a
        skew -= skew.T
        rotation = np.linalg.solve(np.eye(6) + skew, np.eye(6) - skew)
        return -np.sum((start @ rotation) * sums)

    tries = [minimize(loss, generator.normal(size=15)).fun for _ in range(5)]
    assert min(tries) == pytest.approx(-frame_alignment(sums), abs=1e-5)
    assert min(tries) >= -frame_alignment(sums) - 1e-9


def test_fitted_frame_stays_equiangular_where_the_sums_do_not_determine_it():
    sums = np.zeros((4, 5))
    sums[0, 0], sums[1, 0] = 1.0, -1.0
    best = nearest_frame(sums)
    np.testing.assert_allclose(best @ best.T, np.eye(4) * 4 / 3 - 1 / 3, atol=1e-12)


def test_residual_to_type_one_is_the_distance_after_fitting_frame_and_length():
    x, y = clusters(3, 6, 5, 0.6, 5)
    sums = np.array([x[y == k].sum(axis=0) for k in range(3)])
    f = nearest_frame(sums)
    c = np.sum(sums * f) / len(x)
    expected = np.linalg.norm(x - c * f[y]) / np.linalg.norm(x)
    assert plain(x, y)["type_I"].value == pytest.approx(expected, abs=1e-10)


def test_shared_lengths_are_recovered_and_own_lengths_are_not_shared():
    generator = np.random.default_rng(0)
    f = frame(3, 8, generator)
    r = generator.uniform(0.5, 3, size=20)
    y, slots = np.repeat(np.arange(3), 20), np.tile(np.arange(20), 3)
    assert residual_shared_lengths(r[slots, None] * f[y], y, slots) < 1e-7
    own = generator.uniform(0.5, 3, size=60)
    assert residual_shared_lengths(own[:, None] * f[y], y, slots) > 0.2


def test_perfect_simplex_is_neural_collapse_in_every_value():
    f = frame(5, 9, np.random.default_rng(0))
    y = np.repeat(np.arange(5), 4)
    report = plain(f[y], y, classifier=3 * f)
    for key in (
        "spread",
        "direction_spread",
        "length_spread",
        "nc1",
        "nc1_trace_ratio",
        "cdnv",
        "nc2_norms",
        "nc2_angles",
        "nc2_angle_error",
        "nc2_etf",
        "nc3",
        "alignment",
        "frame_norms",
        "frame_angle_error",
    ):
        assert report[key].value == pytest.approx(0, abs=1e-12), key
    for key in ("type_I", "type_III", "classifier"):
        assert report[key].value == pytest.approx(0, abs=1e-7), key
    assert report["nc4"].value == report["nearest_centre"].value == 1
    assert report["effective_rank"].value == pytest.approx(4, abs=1e-9)
    assert report["participation_ratio"].value == pytest.approx(4, abs=1e-9)


def test_features_collapsed_to_a_point_are_called_a_point_and_not_a_type():
    report = measure(np.tile([0.1, 0.7, -3.3], (12, 1)), np.repeat([0, 1, 2], 4))
    assert report.verdict == "point"
    assert np.isnan(report["nc1"].value) and np.isnan(report["spread"].value)
    json.dumps(report.to_dict(), allow_nan=False)


def test_a_single_concept_has_no_verdict_and_says_why():
    report = measure(np.random.default_rng(0).normal(size=(9, 4)), ["only"] * 9)
    assert report.verdict == "undefined" and "one concept" in report.reason
    assert np.isnan(report["cdnv"].value)
    assert report["effective_rank"].value > 1


def test_duplicated_entities_change_no_literal_value():
    x, y = clusters(3, 10, 6, 0.7, 0)
    once, twice = plain(x, y), plain(np.vstack([x, x]), np.concatenate([y, y]))
    for key in (
        "nc1",
        "nc1_trace_ratio",
        "cdnv",
        "nc2_etf",
        "type_I",
        "type_III",
        "effective_rank",
        "participation_ratio",
    ):
        assert twice[key].value == pytest.approx(once[key].value, abs=1e-10), key


def test_entities_alone_in_their_concept_are_left_out_and_named():
    x, y = clusters(3, 6, 5, 0.5, 0)
    more = np.vstack([x, [[9.0, 9, 9, 9, 9]]])
    report = plain(more, [*y, "alone"])
    assert any("alone" in note and "one member" in note for note in report.notes)
    assert report["nc1"].value == pytest.approx(plain(x, y)["nc1"].value, abs=1e-12)
    assert len(report.views["none"].concepts) == 3


def test_concepts_all_with_one_member_have_no_verdict():
    report = measure(np.random.default_rng(0).normal(size=(5, 9)), range(5))
    assert report.verdict == "undefined" and "two members" in report.reason


def test_too_few_dimensions_for_a_frame_are_said_clearly():
    x, y = clusters(6, 5, 3, 0.01, 0)
    report = measure(x, y, resamples=20, shuffles=20)
    assert report.verdict == "undefined"
    assert "need at least 5 dimensions" in report.reason
    assert any("fits into 3 dimensions" in note for note in report.notes)
    assert np.isnan(report["type_I"].value)
    assert report["direction_spread"].value < 0.01


def test_zero_vectors_and_constant_vectors_are_counted():
    x, y = clusters(2, 6, 4, 0.5, 0)
    x[0], x[1] = 0.0, 0.1
    report = measure(x, y, resamples=20, shuffles=20)
    assert any("1 zero vector" in n for n in report.notes)
    assert any("1 vector(s) with equal coordinates" in n for n in report.notes)
    assert np.isfinite(report.views["layernorm"].values["spread"].value)


def test_one_dimension_and_two_entities_do_not_break_anything():
    for x, y in (([[1.0], [2.0]], [0, 0]), ([[1.0], [-1.0], [2.0], [-2.0]], [0, 1, 0, 1]), ([[3.0]], ["a"])):
        json.dumps(
            measure(x, y, frequencies=np.ones(len(x)), resamples=20, shuffles=20).to_dict(), allow_nan=False
        )


def test_tensors_are_taken_without_conversion_by_the_user():
    import torch

    x, y = clusters(3, 6, 5, 0.5, 0)
    single = torch.nn.Parameter(torch.tensor(x, dtype=torch.bfloat16))
    report = plain(single, torch.tensor(y))
    assert report["nc1"].value == pytest.approx(
        plain(single.detach().double().numpy(), y)["nc1"].value, abs=1e-12
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (dict(embeddings=[[1.0, 2], [3, np.nan]], concepts=[0, 1]), "row 1, column 1 is nan"),
        (dict(embeddings=[[1.0, np.inf]], concepts=[0]), "not finite|must be finite"),
        (dict(embeddings=[1.0, 2], concepts=[0, 1]), r"shape \(2,\)"),
        (dict(embeddings=np.zeros((0, 3)), concepts=[]), "N ≥ 1"),
        (dict(embeddings=np.zeros((3, 0)), concepts=[0, 1, 2]), "N ≥ 1"),
        (dict(embeddings=[[1, 2], [3]], concepts=[0, 1]), "equal length"),
        (dict(embeddings=[["a", "b"]], concepts=[0]), "dtype"),
        (dict(embeddings=[[1j, 2]], concepts=[0]), "complex"),
        (dict(embeddings=[[1e200, 2]], concepts=[0]), "rescale"),
        (dict(embeddings=np.eye(3), concepts=[0, 1]), r"must be \(3,\)"),
        (dict(embeddings=np.eye(3), concepts="abc"), "sequence"),
        (dict(embeddings=np.eye(3), concepts=None), "sequence"),
        (dict(embeddings=np.eye(3), concepts=["a", None, "b"]), "missing label.*row 1"),
        (dict(embeddings=np.eye(3), concepts=[0.0, np.nan, 1.0]), "missing label"),
        (dict(embeddings=np.eye(3), concepts=["a", "", "b"]), "missing label"),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], frequencies=[1, 2]), "one per row"),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], frequencies=[1, -2, 3]), r"frequencies\[1\] = -2"),
        (
            dict(embeddings=np.eye(3), concepts=[0, 0, 1], classifier=np.eye(3)),
            "one for each of the 2 concepts",
        ),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], classifier=np.eye(2)), "must have d = 3"),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], classifier=(np.eye(3), [0, 1, 7])), "do not have: 7"),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], classifier=(np.eye(3),)), "tuple of 1"),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], normaliser="layer_norm"), "did you mean 'layernorm'"),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], eps=-1), "eps"),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], resamples=-1), "resamples"),
        (dict(embeddings=np.eye(3), concepts=[0, 0, 1], seed=0.5), "seed"),
    ],
)
def test_wrong_input_is_one_sentence(arguments, words):
    with pytest.raises(InputError, match=words) as caught:
        measure(**arguments)
    assert "\n" not in str(caught.value)


def test_weights_that_are_all_zero_have_no_shared_lengths():
    assert np.isnan(
        residual_shared_lengths(np.zeros((6, 4)), np.repeat(np.arange(3), 2), np.tile(np.arange(2), 3))
    )
