import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feature_collapse.errors import InputError
from feature_collapse.task import Sentences, make_task


@given(st.integers(2, 4), st.integers(1, 5), st.integers(1, 6), st.integers(1, 12), st.integers(1, 4))
def test_every_word_belongs_to_the_concept_of_its_latent(n_c, s_c, L, K, n_spl):
    task = make_task(n_c, n_c * s_c, L, K, word_law="zipf", seed=3)
    data = task.train_set(n_spl)
    np.testing.assert_array_equal(data.words // s_c, task.latents[data.labels])


def test_a_small_training_set_is_the_beginning_of_a_large_one():
    task = make_task(3, 12, 4, 7, word_law="zipf")
    np.testing.assert_array_equal(task.train_set(2).words, task.train_set(9).words[:14])


def test_words_follow_the_law():
    task = make_task(2, 8, 5, 50, word_law="zipf", seed=1)
    beta = task.train_set(400).words.ravel() % 4
    found, n = np.bincount(beta, minlength=4) / beta.size, beta.size
    assert np.abs(found - task.mu).max() < 4 * np.sqrt(0.25 / n)  # four standard errors


def test_training_test_and_fresh_sentences_differ():
    task = make_task(3, 300, 6, 40)
    sets = [task.train_set(3), task.test_set(3), task.fresh_set(3, 1), task.fresh_set(3, 2)]
    for i in range(4):
        for j in range(i):
            assert (sets[i].words != sets[j].words).mean() > 0.5


def test_same_seed_same_task_and_other_seed_another():
    a, b, c = (make_task(3, 12, 6, 20, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(a.train_set(2).words, b.train_set(2).words)
    assert (a.latents != c.latents).any()


def test_the_large_set_of_the_paper_needs_less_than_100_mb():
    import tracemalloc

    task = make_task(word_law="zipf")
    tracemalloc.start()
    data = task.train_set(500)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert data.words.shape == (500_000, 15)
    assert peak < 100e6


def test_beyond_32767_words_indices_are_wider():
    task = make_task(2, 40_000, 3, 4, seed=0)
    data = task.train_set(5)
    assert data.words.dtype == np.int32
    assert data.words.max() > 32767
    np.testing.assert_array_equal(data.words // 20_000, task.latents[data.labels])


def test_the_stream_gives_fresh_sentences_of_all_classes():
    task = make_task(3, 300, 4, 10)
    stream = task.stream(64)
    first, second = next(stream), next(stream)
    assert first.words.shape == (64, 4)
    assert (first.words != second.words).any()
    assert len(np.unique(np.concatenate([first.labels, second.labels]))) == 10
    np.testing.assert_array_equal(first.words // 100, task.latents[first.labels])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"n_c": 1}, "n_c = 1"),
        ({"n_c": 3, "n_w": 10}, "n_w = 10, but must be a multiple of n_c = 3"),
        ({"n_w": 2}, "n_w = 2"),
        ({"L": 0}, "L = 0"),
        ({"K": 0}, "K = 0"),
        ({"K": 2.5}, "K = 2.5"),
        ({"K": True}, "K = True"),
        ({"seed": -1}, "seed = -1"),
        ({"word_law": "zip"}, r"did you mean 'zipf'"),
        ({"word_law": "given"}, "frequencies must be given exactly when"),
        ({"frequencies_given": [1.0]}, "frequencies must be given exactly when"),
        ({"design": "al"}, r"did you mean 'all'"),
        ({"design": "distinct", "L": 2, "K": 10}, "K = 10 distinct"),
    ],
)
def test_wrong_task_parameters_are_told(arguments, told):
    with pytest.raises(InputError, match=told):
        make_task(**arguments)


def test_no_sentences_is_refused():
    with pytest.raises(InputError, match="n_spl = 0"):
        make_task(3, 12, 4, 7).train_set(0)


@pytest.mark.parametrize(
    ("words", "labels", "message"),
    [
        ([[0, -1]], [0], "words run from -1 to 0, but must be from 0 to 2147483647"),
        ([[0, 2**31]], [0], "words run from 0 to 2147483648"),
        ([[0, 1]], [-3], "labels run from -3 to -3"),
        ([[2**63, 2**63]], [0], "words run from 9223372036854775808"),
    ],
)
def test_numbers_that_can_be_no_word_and_no_class_are_refused(words, labels, message):
    with pytest.raises(InputError, match=message):
        Sentences(words, labels)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint16, np.int64, np.uint64])
def test_integers_of_any_type_become_those_that_the_attributes_promise(kind):
    found = Sentences(np.array([[0, 3]], kind), np.array([1], kind))
    assert (found.words.dtype, found.labels.dtype) == (np.int32, np.int32)
    assert found.words.tolist() == [[0, 3]]
