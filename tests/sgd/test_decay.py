"""Decay of the words in SGD: of every row, and lazy, which has the penalty of q = 1 in the mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from feature_collapse.errors import InputError
from feature_collapse.model.decay import Decay
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import LayerNorm
from feature_collapse.sgd.step import Step
from feature_collapse.sgd.train import SGDSettings, train_sgd
from feature_collapse.task import make_task

TASK = make_task(3, 30, 5, 20, word_law="zipf", seed=2)
TRAIN = TASK.train_set(5)
RATE, LAMBDA = 0.3, 1e-2


def network(scale: float = 0.1) -> Network:
    return Network(30, 5, 20, 8, dtype=torch.float64).start(np.random.default_rng(0), scale)


def batch(rows: slice) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(TRAIN.words[rows]).long(), torch.from_numpy(TRAIN.labels[rows]).long()


def moved(decay, lazy: bool, rows: slice = slice(0, 12)) -> torch.Tensor:
    one = network()
    Step(one, RATE, LAMBDA, decay, lazy)(*batch(rows))
    return one.W.detach()


def test_weighted_decay_is_the_gradient_step_of_the_weighted_penalty() -> None:
    decay = np.random.default_rng(1).lognormal(0, 1, 30)
    one, (words, labels) = network(), batch(slice(0, 12))
    loss = torch.nn.functional.cross_entropy(one(words), labels)
    penalty = LAMBDA / 2 * (torch.from_numpy(decay) * one.W.square().sum(1)).sum()
    (gradient,) = torch.autograd.grad(loss + penalty, one.W)
    torch.testing.assert_close(moved(decay, False), one.W.detach() - RATE * gradient, rtol=1e-12, atol=1e-14)


def test_equal_weights_are_plain_decay() -> None:
    torch.testing.assert_close(moved(np.ones(30), False), moved(None, False), rtol=1e-13, atol=0.0)


def test_lazy_decay_leaves_words_outside_the_batch_and_has_theory_r8s_factor() -> None:
    rows = slice(0, 12)
    words = TRAIN.words[rows]
    occurrences = np.bincount(words.ravel(), minlength=30)
    without = moved(np.zeros(30), False, rows)
    factor = torch.from_numpy(RATE * LAMBDA * 30 * occurrences / words.size).unsqueeze(1)
    expected = without - factor * network().W.detach()
    torch.testing.assert_close(moved(None, True, rows), expected, rtol=1e-12, atol=1e-14)
    absent = torch.from_numpy(occurrences == 0)
    assert torch.equal(moved(None, True, rows)[absent], network().W.detach()[absent])


def test_lazy_decay_is_decay_by_frequency_in_the_mean_over_an_epoch_of_batches() -> None:
    lost = torch.zeros(30, dtype=torch.float64)
    start = network().W.detach()
    for first in range(0, 100, 20):
        rows = slice(first, first + 20)
        lost += ((moved(np.zeros(30), False, rows) - moved(None, True, rows)) / start)[:, 0] / 5
    a = torch.from_numpy(Decay(1.0, "data").weights(TASK, TRAIN))
    torch.testing.assert_close(lost, RATE * LAMBDA * a, rtol=1e-9, atol=1e-12)


def test_training_with_decay_is_reproducible_and_differs_from_plain() -> None:
    settings = SGDSettings(epochs=5, batch_size=12, learning_rate=0.5)
    found = []
    for chosen in (settings, replace(settings, lazy=True), replace(settings, lazy=True)):
        one = network()
        train_sgd(one, TRAIN, TASK.test_set(2), chosen)
        found.append(one.W.detach().clone())
    assert torch.equal(found[1], found[2])
    assert not torch.equal(found[0], found[1])


@pytest.mark.parametrize(
    ("decay", "lazy", "message"),
    [
        (np.ones(29), False, "decay must be 30 finite numbers"),
        (np.full(30, np.nan), False, "decay must be 30 finite numbers"),
        (-np.ones(30), False, "decay must be 30 finite numbers"),
        (np.ones(30), True, "exclude each other"),
        (np.full(30, 1e3), False, "must be ≤ 1"),
    ],
)
def test_a_wrong_decay_is_named(decay, lazy: bool, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Step(network(), RATE, LAMBDA, decay, lazy)


def test_a_decay_under_a_normaliser_is_refused() -> None:
    normalised = Network(30, 5, 20, 8, LayerNorm())
    for decay, lazy in ((np.ones(30), False), (None, True)):
        with pytest.raises(InputError, match="no meaning under the normaliser 'layernorm'"):
            Step(normalised, RATE, LAMBDA, decay, lazy)
