"""An experiment: settings resolved once into words, task, data and a key that names the run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from feature_collapse.experiments.settings import FIELDS, Settings
from feature_collapse.model.decay import Decay
from feature_collapse.model.normalisers import Normaliser, make_normaliser
from feature_collapse.risk.problem import Problem
from feature_collapse.task import Sentences, Task, Vocabulary, read_vocabulary
from feature_collapse.task.frequencies import Law
from feature_collapse.task.latents import Latents
from feature_collapse.task.latents_file import read_latents
from feature_collapse.task.task import LATENTS, generator, make_latents, word_law_of
from feature_collapse.theory.predict import reference
from feature_collapse.theory.prediction import Prediction

_UNUSED = {  # settings that a method does not read
    "sgd": ("gap", "time_limit"),
    "certified": ("epochs", "batch_size", "learning_rate", "init_scale", "fresh", "test_every"),
}


@dataclass(frozen=True, eq=False)
class Data:
    """A task with its training and test sentences."""

    task: Task
    train: Sentences
    test: Sentences


@dataclass(frozen=True, eq=False)
class Experiment:
    """What some settings come to; `Experiment.of` makes one and reads the files that they name, once.

    Attributes:
        settings: with n_c, n_w and K as they follow from a vocabulary and a design.
        vocabulary: the words, with names where a file gives them.
        mu: (s_c,) word law.
        latents: (K, L) those of the file that the settings name; None where the design gives them.

    >>> experiment = Experiment.of(Settings(n_w=60, L=6, K=40))
    >>> experiment.data.train.words.shape, experiment.key
    ((200, 6), '4d25c0c79195908d')
    """

    settings: Settings
    vocabulary: Vocabulary
    mu: Law
    latents: Latents | None = None

    @classmethod
    def of(cls, settings: Settings) -> Experiment:
        """Return the experiment of some settings.

        Raises:
            InputError: a vocabulary or latents that cannot be read, or that contradict other settings.
        """
        if settings.vocabulary is None:
            names = Vocabulary(settings.n_c, settings.n_w)
            law = word_law_of(names.s_c, settings.word_law, settings.exponent, settings.frequencies)
        else:
            names, law = read_vocabulary(settings.vocabulary)
            settings = settings.with_sizes("vocabulary", n_c=names.n_c, n_w=names.n_w)
            settings = settings.replace(exponent=1.0, K=settings.number_of_classes())
        if settings.latents is None:
            return cls(settings, names, law)
        latents = read_latents(settings.latents, names.n_c)
        return cls(settings.with_sizes("latents", K=len(latents), L=latents.shape[1]), names, law, latents)

    @cached_property
    def task(self) -> Task:
        """The task; its latents are drawn at the first call. O(K L)."""
        s, latents = self.settings, self.latents
        if latents is None:
            latents = make_latents(s.n_c, s.L, s.K, s.design, generator(s.seed, LATENTS))
        return Task(self.vocabulary, self.mu, latents, s.seed)

    @cached_property
    def data(self) -> Data:
        """The task with its sentences, drawn at the first call. 2 bytes for each of N L words."""
        return Data(
            self.task, self.task.train_set(self.settings.n_spl), self.task.test_set(self.settings.n_test)
        )

    @property
    def normaliser(self) -> Normaliser:
        """φ, with the settings' ε."""
        return make_normaliser(self.settings.normaliser, self.settings.eps)

    def decay(self, train: Sentences | None = None) -> Float[np.ndarray, " n_w"] | None:
        """Return (n_w,) the decay of each word beside λ, or None where all are 1. O(N L)."""
        return decay_of(self.settings, self.task, self.data.train if train is None else train)

    def reference(self) -> Prediction:
        """Return what the theory predicts: theorem 1, 2 or 3 or the mean field (R5), whichever fits."""
        s, decay = self.settings, word_decay(self.settings, self.task)
        return reference(self.task, s.lambda_, s.d, self.normaliser, decay=decay)

    @cached_property
    def key(self) -> str:
        """A hash of what matters to the result: equal keys, equal runs.

        Settings at their default do not enter, so that a new one leaves the keys of earlier runs as they are.
        """
        kept: dict[str, Any] = {"method": self.settings.method}
        for name, field in FIELDS.items():
            value = getattr(self.settings, name)
            if value != field.default and name not in _UNUSED[self.settings.method]:
                kept[name] = list(value) if isinstance(value, tuple) else value
        if self.settings.vocabulary is not None:  # the file may change under the same name
            kept["vocabulary"] = [self.vocabulary.words, self.mu.tolist()]
        if self.latents is not None:
            kept["latents"] = hashlib.sha256(self.latents.astype("<i8").tobytes()).hexdigest()
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]

    def problem(self, train: Sentences | None = None, device: str = "cpu") -> Problem:
        """Return the certified solver's problem, on the experiment's training set or on a given one.

        Raises:
            InputError: λ = 0 or ε > 0, for which there is no minimiser.
        """
        s = self.settings
        train = self.data.train if train is None else train
        decay = self.decay(train)
        return Problem(train, s.n_w, s.K, s.lambda_, self.normaliser, s.d, decay=decay, device=device)


def decay_of(settings: Settings, task: Task, train: Sentences) -> Float[np.ndarray, " n_w"] | None:
    """Return (n_w,) the decay of each word beside λ on a training set, or None where all are 1. O(N L)."""
    lazy = settings.decay == "lazy"
    kind = Decay(1.0, "data") if lazy else Decay(settings.decay_exponent, settings.decay_frequency)
    return kind.weights(task, train) if kind.exponent else None


def word_decay(settings: Settings, task: Task) -> Float[np.ndarray, " s_c"] | None:
    """Return the decays of the words of a concept in the limit of endless data: those of the law.

    Shares in the data converge to the law, and lazy decay to q = 1.
    """
    exponent = 1.0 if settings.decay == "lazy" else settings.decay_exponent
    found = Decay(exponent, "law").weights(task)
    return None if found is None else found[: task.s_c]
