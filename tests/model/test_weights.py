"""Weights are checked once; features, penalty, spectrum and compression are what they say."""

import numpy as np
import pytest
import torch

from feature_collapse.errors import InputError
from feature_collapse.model.normalisers import LayerNorm, NoNormaliser
from feature_collapse.model.weights import Weights
from feature_collapse.task import Sentences, make_task

RNG = np.random.default_rng(0)
W, U = RNG.standard_normal((6, 5)), RNG.standard_normal((4, 2, 5))


def scores(weights, words):
    return np.einsum("kld,nld->nk", weights.U, weights.features()[words])


def test_sizes_are_read_off_the_arrays():
    weights = Weights(W, U)
    assert (weights.n_w, weights.K, weights.L, weights.d) == (6, 4, 2, 5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_precision_and_everything_else_becomes_float64(dtype):
    assert Weights(W.astype(dtype), U).W.dtype == dtype
    assert Weights(torch.from_numpy(W).to(torch.bfloat16), U).W.dtype == np.float64
    assert Weights([[1, 0]], [[[1, 2]]]).W.dtype == np.float64


def test_parameters_that_require_gradients_and_foreign_strides_are_taken():
    weights = Weights(torch.nn.Parameter(torch.from_numpy(W)), U[::2])
    np.testing.assert_array_equal(weights.W, W)
    assert weights.U.flags["C_CONTIGUOUS"]
    assert Weights(W[::-1], np.asfortranarray(U)).W.flags["C_CONTIGUOUS"]


@pytest.mark.parametrize(
    ("W", "U", "text"),
    [
        (W[0], U, "W has shape"), (W, U[0], "U has shape"), (W[:, :3], U, "with one d"),
        (W * np.nan, U, "W has entries"),
        (W, "x", "U must be an array"), (np.zeros((0, 5)), U, "not be empty"),
        (W * 1e101, U, "W has entries beyond"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_sentence(W, U, text):
    with pytest.raises(InputError, match=text):
        Weights(W, U)


def test_embeddings_of_any_size_are_taken_where_a_normaliser_removes_it():
    np.testing.assert_allclose(
        Weights(W * 1e200, U, LayerNorm()).features(), Weights(W, U, LayerNorm()).features()
    )


def test_the_penalty_leaves_out_embeddings_that_a_normaliser_rescales():
    assert Weights(W, U).penalty(0.2) == pytest.approx(0.1 * ((W**2).sum() + (U**2).sum()))
    assert Weights(W, U, LayerNorm()).penalty(0.2) == pytest.approx(0.1 * (U**2).sum())


def test_the_penalty_weighs_each_word_by_its_decay():
    a = np.arange(6.0)
    assert Weights(W, U).penalty(0.2, a) == pytest.approx(0.1 * (a @ (W**2).sum(1) + (U**2).sum()))
    with pytest.raises(InputError, match="decay has shape"):
        Weights(W, U).penalty(0.2, a[:3])


def test_the_spectrum_is_that_of_the_features_and_of_all_linear_weights():
    found = Weights(W, U, LayerNorm()).spectrum()
    features = LayerNorm().forward(W)
    np.testing.assert_allclose(found.features, np.linalg.svd(features)[1], atol=1e-6)
    np.testing.assert_allclose(found.linear, np.linalg.svd(U.reshape(-1, 5))[1], rtol=1e-10)
    assert len(Weights(W, U).spectrum(2).features) == 2


@pytest.mark.parametrize("normaliser", [NoNormaliser(), LayerNorm()])
def test_compressed_weights_give_the_same_scores_in_fewer_coordinates(normaliser):
    flat = Weights(W[:, :2] @ RNG.standard_normal((2, 5)), U, normaliser)
    small = flat.compressed()
    assert small.d <= 3 < flat.d
    words = RNG.integers(6, size=(9, 2))
    np.testing.assert_allclose(scores(small, words), scores(flat, words), atol=1e-12)


def test_zero_weights_compress_to_one_coordinate():
    assert Weights(0 * W, U).compressed().d == 1


def test_sizes_of_another_task_or_sentences_out_of_range_are_refused():
    weights = Weights(W, U)
    weights.check_task(make_task(n_w=6, L=2, K=4))
    with pytest.raises(InputError, match=r"the task has \(6, 5, 2\)"):
        weights.check_task(make_task(n_w=6, L=2, K=5))
    with pytest.raises(InputError, match="length 3"):
        weights.check_sentences(Sentences([[0, 1, 2]], [0]))
    with pytest.raises(InputError, match="words run from 0 to 6"):
        weights.check_sentences(Sentences([[0, 6]], [0]))
