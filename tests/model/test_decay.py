"""Decay in proportion to a power of the frequency."""

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.decay import Decay
from feature_collapse.task import Sentences, Task

TASK = Task.of([[0, 1], [1, 0]], mu=[0.75, 0.25], n_c=2)
SENTENCES = Sentences([[0, 2], [2, 0], [0, 2], [3, 0]], [0, 1, 0, 1])  # word 1 never occurs


def test_exponent_zero_is_the_papers_decay():
    assert Decay().weights(TASK, SENTENCES) is None


def test_the_law_gives_every_concept_the_same_decay_of_mean_one():
    a = Decay(1.0).weights(TASK, SENTENCES)
    np.testing.assert_allclose(a, [1.5, 0.5, 1.5, 0.5])
    np.testing.assert_allclose(Decay(2.0).weights(TASK, SENTENCES), a**2)


def test_the_data_give_a_word_that_never_occurs_no_decay():
    np.testing.assert_allclose(Decay(1.0, "data").weights(TASK, SENTENCES), [2.0, 0.0, 1.5, 0.5])


@pytest.mark.parametrize("exponent", [-0.5, float("nan"), 11.0, "x"])
def test_an_exponent_out_of_range_is_refused(exponent):
    with pytest.raises(InputError, match="decay_exponent = "):
        Decay(exponent)


def test_an_unknown_frequency_is_refused():
    with pytest.raises(InputError, match=r"decay_frequency = 'date'.*did you mean 'data'"):
        Decay(1.0, "date")
