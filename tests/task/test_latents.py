from itertools import product

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.task import codes, latents


def rng():
    return np.random.default_rng(0)


def test_random_latents_may_repeat_and_distinct_ones_do_not():
    assert len(np.unique(latents.random(2, 3, 8, rng()), axis=0)) < 8
    assert len(np.unique(latents.distinct(2, 3, 8, rng()), axis=0)) == 8


@pytest.mark.parametrize("K", [1, 100, 700, 729])
def test_distinct_latents_are_distinct_at_every_density(K):
    assert len(np.unique(latents.distinct(3, 6, K, rng()), axis=0)) == K


def test_distinct_latents_reach_every_latent_evenly():
    drawn = [
        tuple(row) for seed in range(600) for row in latents.distinct(2, 5, 2, np.random.default_rng(seed))
    ]
    counts = np.array([drawn.count(z) for z in product(range(2), repeat=5)])
    assert counts.min() > 0
    # chi-squared with 31 degrees of freedom exceeds 61.1 with probability 0.001
    assert ((counts - 37.5) ** 2 / 37.5).sum() < 61.1


def test_all_latents_are_the_product_in_order():
    assert latents.every(3, 2).tolist() == [list(z) for z in product(range(3), repeat=2)]


def test_more_distinct_latents_than_there_are_is_refused():
    with pytest.raises(InputError, match=r"K = 9 distinct latents, but there are only n_c\^L = 2\^3 = 8"):
        latents.distinct(2, 3, 9, rng())


@pytest.mark.parametrize(
    ("name", "n_c", "L", "weights"),
    [
        ("repetition", 5, 3, {0: 1, 3: 4}),
        ("parity", 3, 4, {0: 1, 2: 12, 3: 8, 4: 6}),
        ("tetracode", 3, 4, {0: 1, 3: 8}),
        ("simplex", 2, 7, {0: 1, 4: 7}),
        ("simplex", 3, 13, {0: 1, 9: 26}),
        ("hamming", 2, 7, {0: 1, 3: 7, 4: 7, 7: 1}),
        ("hamming", 5, 6, None),
        ("golay", 3, 11, {0: 1, 5: 132, 6: 132, 8: 330, 9: 110, 11: 24}),
    ],
)
def test_named_codes_have_their_weight_enumerators(name, n_c, L, weights):
    words = codes.codewords(codes.generator(name, n_c, L), n_c)
    assert len(np.unique(words, axis=0)) == len(words)
    found = np.bincount((words != 0).sum(axis=1))
    if weights is None:  # a Hamming code corrects one error: minimum weight 3
        assert found[1] == found[2] == 0 < found[3]
    else:
        assert {int(r): int(found[r]) for r in np.flatnonzero(found)} == weights


def test_hamming_is_dual_to_simplex():
    product_ = codes.generator("hamming", 3, 13) @ codes.generator("simplex", 3, 13).T
    assert not (product_ % 3).any()


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: codes.generator("parity", 4, 3), "n_c = 4, but must be prime"),
        (lambda: codes.generator("hamming", 3, 5), "L = 5, but a hamming code over n_c = 3"),
        (lambda: codes.generator("golay", 3, 12), "golay code has n_c = 3 and L = 11"),
        (lambda: codes.generator("tetracode", 2, 4), "n_c = 3 and L = 4"),
        (lambda: codes.generator("haming", 3, 4), r"did you mean 'hamming'"),
        (lambda: codes.codewords(np.array([[1, 2], [2, 1]]), 3), "dependent"),
        (lambda: codes.codewords(np.array([[1, 3]]), 3), "entries from 1 to 3"),
        (lambda: codes.codewords(np.array([[0.5, 1.0]]), 3), "integers"),
        (lambda: codes.codewords(codes.generator("parity", 3, 40), 3), r"K·L must be"),
        (lambda: latents.given(np.array([[0, 3]]), 3), "entries from 0 to 3"),
        (lambda: latents.given(np.array([0, 1]), 3), "K×L"),
        (lambda: latents.every(3, 40), "n_c"),
        (lambda: latents.random(1, 3, 2, rng()), "n_c = 1"),
        (lambda: latents.random(2, 0, 2, rng()), "L = 0"),
        (lambda: latents.random(2, 3, 0, rng()), "K = 0"),
    ],
)
def test_wrong_designs_are_told(call, told):
    with pytest.raises(InputError, match=told):
        call()
