"""A problem is made from a task or from sentences, and refuses what the theory does not cover."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from feature_collapse.errors import InputError
from feature_collapse.model.decay import Decay
from feature_collapse.model.normalisers import LayerNorm, RMSNorm, make_normaliser, normaliser_names
from feature_collapse.risk.problem import Problem
from feature_collapse.task import Sentences, make_task

TASK = make_task(n_w=12, L=3, K=6, seed=0)


def test_a_task_gives_its_sizes_and_its_training_set():
    problem = Problem.of(TASK, n_spl=4, lambda_=0.01, normaliser="layernorm", d=7)
    assert (problem.n_w, problem.K, problem.L, problem.radius) == (12, 6, 3, np.sqrt(7))
    np.testing.assert_array_equal(problem.words, TASK.train_set(4).words)


def test_sentences_give_the_words_and_classes_that_occur_unless_told_more():
    sentences = Sentences([[0, 3], [1, 2]], [0, 2])
    assert (Problem.of(sentences).n_w, Problem.of(sentences).K) == (4, 3)
    assert Problem.of(sentences, n_w=9, K=5).n_w == 9


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"lambda_": 0}, "lambda = 0"), ({"lambda_": -1.0}, "lambda = -1"), ({"rank": 3}, "no option rank"),
        ({"normaliser": LayerNorm(1e-5)}, "eps = 1e-05"),
        ({"normaliser": "batchnorm"}, "normaliser = 'batchnorm'"),
        ({"n_w": 3}, "words run from"), ({"device": "tpu"}, "device = 'tpu'"),
        ({"omega": [1.0]}, "omega must be 24"),
    ],
)  # fmt: skip
def test_a_wrong_option_is_refused_in_one_sentence(options, text):
    with pytest.raises(InputError, match=text):
        Problem.of(TASK, n_spl=4, **options)


@dataclass(frozen=True)
class Custom:
    """A normaliser of one's own."""

    function: object
    size: float | None
    name: ClassVar[str] = "custom"
    centred: ClassVar[bool] = False

    def forward(self, v):
        return self.function(v)

    def vjp(self, v, g):
        raise NotImplementedError

    def radius(self, d):
        return self.size


def clipped(v):
    return v / np.maximum(1.0, np.linalg.norm(v, axis=-1, keepdims=True))


@pytest.mark.parametrize(
    ("normaliser", "text"),
    [
        (Custom(clipped, None), "radius None but φ\\(v\\) ≠ v"),
        (Custom(lambda v: 2 * v, None), "radius None but"),
        (Custom(lambda v: 2 * v, 1.0), "longer than its radius"),
        (Custom(lambda v: 0.5 * clipped(v), 1.0), "moves vectors"),
        (Custom(np.abs, 1e3), "moves vectors"),
    ],
)  # fmt: skip
def test_a_normaliser_of_which_nothing_is_proved_is_refused(normaliser, text):
    with pytest.raises(InputError, match=text):
        Problem.of(TASK, normaliser=normaliser, d=4)


@pytest.mark.parametrize("name", normaliser_names())
def test_every_normaliser_that_comes_with_the_package_is_covered(name):
    assert Problem.of(TASK, normaliser=make_normaliser(name), d=5).radius == make_normaliser(name).radius(5)


def test_a_normaliser_of_the_same_kind_as_ours_is_covered():
    ours = RMSNorm()
    assert Problem.of(TASK, normaliser=Custom(lambda v: 3 * ours.forward(v), 3 * np.sqrt(5)), d=5).radius > 6


def test_word_counts_weigh_the_sentences():
    sentences = Sentences([[0, 1], [1, 1]], [0, 1])
    np.testing.assert_allclose(Problem.of(sentences, omega=[0.25, 0.75]).word_counts(), [0.25, 1.75])
    np.testing.assert_allclose(Problem.of(sentences).word_counts(), [0.5, 1.5])


def test_the_decay_of_a_task_comes_from_its_law_or_its_data():
    zipf = make_task(n_w=12, L=3, K=6, word_law="zipf", seed=0)
    problem = Problem.of(zipf, n_spl=4, decay=Decay(1.0))
    np.testing.assert_allclose(problem.decay, np.tile(4 * zipf.mu, 3))
    assert Problem.of(zipf, n_spl=4, decay=Decay()).decay is None


@pytest.mark.parametrize(
    ("decay", "text"),
    [([1.0] * 5, "12 finite numbers"), ([-1.0] * 12, "≥ 0"), ([float("inf")] * 12, "finite"),
     ([0.0] * 12, "word 0 occurs")],
)  # fmt: skip
def test_a_decay_that_leaves_no_minimum_or_does_not_fit_is_refused(decay, text):
    with pytest.raises(InputError, match=text):
        Problem.of(TASK, n_spl=40, decay=decay)


def test_a_decay_under_a_normaliser_is_refused():
    with pytest.raises(InputError, match="no meaning under the normaliser 'layernorm'"):
        Problem.of(TASK, normaliser="layernorm", decay=np.ones(12))
