"""A task: vocabulary, word law, latents, and the seed from which its sentences are drawn (paper §2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from feature_collapse.errors import InputError, check_choice, check_int, check_type
from feature_collapse.task import codes, frequencies, latents, sentences
from feature_collapse.task.assumption_b import AssumptionB, assumption_b
from feature_collapse.task.frequencies import Law
from feature_collapse.task.latents import Latents
from feature_collapse.task.sentences import Sentences
from feature_collapse.task.symmetry import Symmetry, measure_symmetry
from feature_collapse.task.vocabulary import Vocabulary, read_vocabulary

WORD_LAWS = ("uniform", "zipf", "given")
DESIGNS = ("random", "distinct", "all", *codes.NAMES)
LATENTS, TRAIN, TEST, START, SHUFFLE, FRESH = range(6)  # independent random streams of one seed


def generator(seed: int, *key: int) -> np.random.Generator:
    """Return the random generator of one purpose (and epoch), independent of the others of the same seed."""
    return np.random.default_rng([seed, *key])


@dataclass(frozen=True, eq=False)
class Task:
    """The data model of paper §2: vocabulary, word law, latents and a seed; `make_task` makes one.

    Attributes:
        vocabulary: n_c concepts with s_c words each.
        mu: (s_c,) word law, the same inside every concept.
        latents: (K, L) concept sequences.
        seed: of the sentences; the same task with the same seed has the same training and test sets.

    Raises:
        InputError: latents out of range, or frequencies that are not finite, positive and s_c in number.

    >>> task = make_task(n_c=2, n_w=6, L=3, K=4, seed=0)
    >>> task.train_set(n_spl=5).words.shape, task.symmetry.distinct
    ((20, 3), False)
    """

    vocabulary: Vocabulary
    mu: Law
    latents: Latents
    seed: int = 0

    @classmethod
    def of(cls, latents: Latents, mu: Law | Sequence[float], n_c: int, seed: int = 0) -> Task:
        """Return the task of given latents (K, L) with concepts 0..n_c-1 and word law `mu` (s_c,).

        >>> Task.of([[0, 1], [1, 0]], mu=[0.7, 0.3], n_c=2).n_w
        4

        Raises:
            InputError: latents out of range, or frequencies that are not finite and positive.
        """
        law = frequencies.given(mu)
        return cls(Vocabulary(check_int("n_c", n_c, 2), n_c * len(law)), law, latents, seed)

    def __post_init__(self) -> None:
        """Check that the parts fit each other."""
        check_type("vocabulary", self.vocabulary, Vocabulary, "a Vocabulary")
        law = frequencies.given(self.mu, self.s_c)
        if not np.allclose(law, self.mu, rtol=1e-12, atol=0.0):  # else as it is, to the last bit
            object.__setattr__(self, "mu", law)
        object.__setattr__(self, "latents", latents.given(self.latents, self.n_c))
        object.__setattr__(self, "seed", check_int("seed", self.seed, 0, 2**63 - 1))

    @property
    def n_c(self) -> int:
        """Number of concepts."""
        return self.vocabulary.n_c

    @property
    def n_w(self) -> int:
        """Number of words."""
        return self.vocabulary.n_w

    @property
    def s_c(self) -> int:
        """Words per concept."""
        return self.vocabulary.s_c

    @cached_property
    def symmetry(self) -> Symmetry:
        """How far the latents are from assumption A and lemma B. O(K² L² n_c), at the first call."""
        return measure_symmetry(self.latents, self.n_c)

    @cached_property
    def assumption_b(self) -> AssumptionB:
        """Whether assumption B holds. O(K² (L + n_c⁴)) at most, at the first call."""
        return assumption_b(self.latents, self.n_c)

    @property
    def K(self) -> int:
        """Number of classes."""
        return len(self.latents)

    @property
    def L(self) -> int:
        """Sentence length."""
        return int(self.latents.shape[1])

    def train_set(self, n_spl: int) -> Sentences:
        """Return n_spl training sentences per class; a smaller set is the beginning of a larger one."""
        return sentences.sample(self.latents, self.mu, n_spl, generator(self.seed, TRAIN))

    def test_set(self, n_spl: int = 5) -> Sentences:
        """Return n_spl test sentences per class, independent of the training set."""
        return sentences.sample(self.latents, self.mu, n_spl, generator(self.seed, TEST))

    def fresh_set(self, n_spl: int, epoch: int) -> Sentences:
        """Return the training set of one epoch of fresh-stream training: never seen before."""
        return sentences.sample(self.latents, self.mu, n_spl, generator(self.seed, FRESH, epoch))

    def stream(self, batch_size: int) -> Iterator[Sentences]:
        """Return endless batches of fresh sentences."""
        return sentences.stream(self.latents, self.mu, batch_size, generator(self.seed, FRESH))


def make_task(
    n_c: int = 3,
    n_w: int = 1200,
    L: int = 15,
    K: int = 1000,
    *,
    word_law: str = "uniform",
    exponent: float = 1.0,
    frequencies_given: Sequence[float] | None = None,
    design: str = "random",
    latents_given: Latents | None = None,
    vocabulary: str | Path | None = None,
    seed: int = 0,
) -> Task:
    """Return a task from its parameters; the defaults are those of the paper's experiments (figure 3).

    Args:
        n_c: number of concepts.
        n_w: number of words, a multiple of n_c.
        L: sentence length.
        K: number of classes; for the designs `all` and codes it follows from n_c and L, and is not used.
        word_law: `uniform`, `zipf`, or `given` with `frequencies_given`.
        exponent: of Zipf's law, ≥ 0.
        frequencies_given: (s_c,) positive numbers, with word_law `given`.
        design: `random` (with replacement), `distinct`, `all`, or the name of a linear code.
        latents_given: (K, L) concepts, instead of a design.
        vocabulary: a CSV file `word,concept,frequency` or `food`: gives n_c, n_w, the names and the law.
        seed: of the latents and of the sentences.

    >>> task = make_task(vocabulary="food", L=5, K=100)
    >>> task.vocabulary.concepts, task.n_w
    (('vegetable', 'dairy', 'meat'), 69)

    Raises:
        InputError: for any parameter out of its range.
    """
    check_int("seed", seed, 0, 2**63 - 1)
    if vocabulary is not None and (frequencies_given is not None or word_law == "given"):
        raise InputError("vocabulary and frequencies exclude each other: a vocabulary has its own")
    if latents_given is not None and design != "random":
        raise InputError(f"design = {design!r} and latents exclude each other: give one of them")
    if vocabulary is not None:
        names, mu = read_vocabulary(vocabulary)
    else:
        names = Vocabulary(check_int("n_c", n_c, 2), check_int("n_w", n_w, 1))
        mu = word_law_of(names.s_c, word_law, exponent, frequencies_given)
    if latents_given is not None:
        chosen = latents_given
    else:
        chosen = make_latents(names.n_c, L, K, design, generator(seed, LATENTS))
    return Task(names, mu, chosen, seed)


def word_law_of(s_c: int, word_law: str, exponent: float = 1.0, values: Sequence[float] | None = None) -> Law:
    """Return the word law of a name: `uniform`, `zipf` or `given`.

    Raises:
        InputError: an unknown name, or values that are missing, out of place or out of range.
    """
    check_choice("word_law", word_law, WORD_LAWS)
    if (values is not None) != (word_law == "given"):
        raise InputError(
            f"word_law = {word_law!r}: frequencies must be given exactly when word_law = 'given'"
        )
    if word_law == "uniform":
        return frequencies.uniform(s_c)
    return frequencies.zipf(s_c, exponent) if values is None else frequencies.given(values, s_c)


def make_latents(n_c: int, L: int, K: int, design: str, rng: np.random.Generator) -> Latents:
    """Return the latents of a named design.

    Raises:
        InputError: an unknown design, or sizes for which it does not exist.
    """
    check_choice("design", design, DESIGNS)
    if design == "random":
        return latents.random(n_c, L, K, rng)
    if design == "distinct":
        return latents.distinct(n_c, L, K, rng)
    if design == "all":
        return latents.every(n_c, L)
    codes.check_size(codes.dimension(design, n_c, L), n_c, L)
    return codes.codewords(codes.generator(design, n_c, L), n_c)
