"""Every setting of one experiment: the task, the network, the method.

Flat, so that a TOML file, the command line, a sweep's axes and a record's `config.json` share one vocabulary.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from feature_collapse.errors import (
    InputError,
    check_choice,
    check_int,
    check_lambda,
    check_real,
    check_type,
    nearest,
)
from feature_collapse.model.decay import FREQUENCIES, Decay
from feature_collapse.model.normalisers import check_normaliser, normaliser_names
from feature_collapse.task import codes, latents
from feature_collapse.task.frequencies import given, read_frequencies, zipf
from feature_collapse.task.task import DESIGNS, WORD_LAWS
from feature_collapse.task.vocabulary import Vocabulary

METHODS = ("sgd", "certified")
DECAYS = ("every", "lazy")
LARGEST = 2**31 - 1  # of a size: beyond it no machine goes, and products of sizes leave the range of floats
LARGEST_RATE = 1e30  # of a learning rate or a start: beyond it single precision overflows in one step
LOSS = "cross-entropy"  # the paper's, and the only one: theory and certificates are about it
ALIASES = {"lambda": "lambda_"}


def _setting(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Settings:
    """The settings of one experiment; the defaults are figure 3's. Each field's meaning is in its `help`.

    With a design other than `random` and `distinct`, K follows from it. No file is read here: `Experiment`
    takes n_c, n_w and the word law from a `vocabulary`, and K and L from a file of `latents`.

    >>> Settings(n_w=60, K=40).replace(word_law="zipf").to_mapping()["word_law"]
    'zipf'
    """

    n_c: int = _setting(3, "number of concepts, at least 2")
    n_w: int = _setting(1200, "number of words, a multiple of n_c")
    L: int = _setting(15, "sentence length")
    K: int = _setting(1000, "number of classes (latents)")
    word_law: str = _setting("uniform", "word frequencies inside a concept: " + ", ".join(WORD_LAWS))
    exponent: float = _setting(1.0, "exponent of Zipf's law, at least 0")
    frequencies: tuple[float, ...] | None = _setting(
        None, "s_c positive numbers, or a file of them, for the word law 'given'"
    )
    vocabulary: str | None = _setting(None, "CSV file word,concept,frequency, or 'food'")
    design: str = _setting("random", "the latents: " + ", ".join(DESIGNS))
    n_spl: int = _setting(5, "training sentences per class")
    n_test: int = _setting(5, "test sentences per class")
    seed: int = _setting(0, "of latents, sentences, start and shuffles")
    d: int = _setting(100, "embedding dimension")
    normaliser: str = _setting("none", "of the embeddings: " + ", ".join(normaliser_names()))
    eps: float = _setting(
        0.0, "added to the normaliser's squared scale (1e-5 in PyTorch's LayerNorm); not used without one"
    )
    lambda_: float = _setting(1e-3, "penalty λ (weight decay): on U, and on W where nothing fixes its norm")
    decay_exponent: float = _setting(
        0.0, "q: the decay of a word is λ (n_w × its frequency)^q; 0 in the paper"
    )
    decay_frequency: str = _setting("law", "frequency of a word: " + ", ".join(FREQUENCIES))
    decay: str = _setting(
        "every", "sgd: the decay of W acts on every row, or is lazy: only on the words of a batch"
    )
    method: str = _setting("sgd", "how the risk is minimised: " + ", ".join(METHODS))
    epochs: int = _setting(1200, "sgd: passes over the training set")
    batch_size: int = _setting(100, "sgd: sentences per step")
    learning_rate: float = _setting(0.1, "sgd: constant learning rate")
    init_scale: float = _setting(1e-3, "sgd: the start is PyTorch's default times this")
    fresh: bool = _setting(False, "sgd: new sentences every epoch, none repeated (minimises the true risk)")
    test_every: int = _setting(10, "sgd: epochs between two measurements of the test accuracy")
    gap: float = _setting(1e-3, "certified: relative duality gap to reach")
    time_limit: float | None = _setting(None, "certified: seconds after which to stop")
    latents: str | None = _setting(
        None, "file of the latents, K rows of L concepts 0 to n_c-1 (text, .npy, .safetensors): gives K and L"
    )
    loss: str = _setting(LOSS, "what is minimised with the penalty: cross-entropy, as in the paper; no other")

    def __post_init__(self) -> None:
        """Check every setting and fill in K where it follows from others.

        Raises:
            InputError: naming the setting, its value and the allowed range.
        """
        self._check_words()
        self._check_sizes()
        self._check_network()
        self._check_schedule()

    def _check_words(self) -> None:
        for name in ("vocabulary", "latents"):
            check_type(name, getattr(self, name), (str, type(None)), "text: the name of a file")
        if self.vocabulary is not None and (self.word_law != "uniform" or self.frequencies is not None):
            raise InputError("vocabulary and frequencies (or word_law) exclude each other: it has its own")
        check_int("n_c", self.n_c, 2)
        check_int("n_w", self.n_w, 2, LARGEST)
        check_choice("word_law", self.word_law, WORD_LAWS)
        if self.vocabulary is not None:  # n_c, n_w and the law are the file's, which `Experiment` reads
            return
        Vocabulary(self.n_c, self.n_w)
        self._set(n_c=int(self.n_c), n_w=int(self.n_w))
        self._set(exponent=check_real("exponent", self.exponent, 0.0))
        if (self.frequencies is not None) != (self.word_law == "given"):
            raise InputError(
                f"word_law = {self.word_law!r}: frequencies must be given exactly when word_law = 'given'"
            )
        s_c = self.n_w // self.n_c
        if self.frequencies is not None:
            given(self.frequencies, s_c)
            self._set(frequencies=tuple(float(x) for x in self.frequencies))
        elif self.word_law == "zipf":
            zipf(s_c, self.exponent)

    def _check_sizes(self) -> None:
        for name in ("L", "n_spl", "n_test", "d", "epochs", "batch_size", "test_every"):
            self._set(**{name: check_int(name, getattr(self, name), 1, LARGEST)})
        self._set(seed=check_int("seed", self.seed, 0, 2**63 - 1))
        check_choice("design", self.design, DESIGNS)
        if self.latents is not None and self.design != "random":
            raise InputError(f"latents and design = {self.design!r} exclude each other: the file has its own")
        if self.vocabulary is None or self.design == "random":
            self._set(K=self.number_of_classes())

    def _check_network(self) -> None:
        check_normaliser(self.normaliser)
        self._set(eps=check_real("eps", self.eps, 0.0) if self.normaliser != "none" else 0.0)
        if self.normaliser == "layernorm" and self.eps == 0 and self.d < 2:
            raise InputError(
                "d = 1, but must be ≥ 2 for layernorm with eps = 0: one centred number has no scale"
            )
        self._set(lambda_=check_lambda(self.lambda_))
        self._check_decay()

    def _check_decay(self) -> None:
        Decay(self.decay_exponent, self.decay_frequency)
        check_choice("decay", self.decay, DECAYS)
        self._set(decay_exponent=float(self.decay_exponent))
        lazy = self.decay == "lazy"
        if self.normaliser != "none" and (self.decay_exponent > 0 or lazy):
            name = "decay = 'lazy'" if lazy else f"decay_exponent = {self.decay_exponent:g}"
            raise InputError(
                f"{name}, but it has no meaning under the normaliser {self.normaliser!r}: the length of the "
                "words is fixed and not penalised"
            )
        if lazy and self.method == "certified":
            raise InputError(
                "decay = 'lazy', but the method certified minimises a risk and takes no steps; its penalty "
                "is that of decay_exponent = 1 with decay_frequency = 'data'"
            )
        if lazy and self.decay_exponent != 0:
            raise InputError(
                f"decay_exponent = {self.decay_exponent:g}, but must be 0 with decay = 'lazy', which is in "
                "proportion to the frequency in the data by itself"
            )

    def _check_schedule(self) -> None:
        check_choice("method", self.method, METHODS)
        if self.loss != LOSS:
            raise InputError(f"loss = {self.loss!r}, but must be {LOSS}: the theory is about no other")
        if self.method == "certified" and self.lambda_ == 0:
            raise InputError(
                "lambda = 0, but must be > 0 for the method certified: without a penalty no minimiser exists"
            )
        if self.method == "certified" and self.eps > 0:
            raise InputError(
                f"eps = {self.eps:g}, but must be 0 for the method certified (the theory's normaliser)"
            )
        self._set(
            learning_rate=check_real("learning_rate", self.learning_rate, 0.0, LARGEST_RATE, above=True)
        )
        self._set(init_scale=check_real("init_scale", self.init_scale, 0.0, LARGEST_RATE, above=True))
        if not isinstance(self.fresh, bool):
            raise InputError(f"fresh = {self.fresh!r}, but must be true or false")
        self._set(gap=check_real("gap", self.gap, 0.0, 1.0, above=True))
        if self.time_limit is not None:
            self._set(time_limit=check_real("time_limit", self.time_limit, 0.0, above=True))

    def _set(self, **values: Any) -> None:
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def number_of_classes(self) -> int:
        """Return K: as asked, or as it follows from the design.

        Raises:
            InputError: a design that does not exist at these sizes.
        """
        if self.design == "random":
            return check_int("K", self.K, 1, LARGEST)
        if self.design == "distinct":
            latents.check_distinct(self.n_c, self.L, check_int("K", self.K, 1, LARGEST))
            return int(self.K)
        m = self.L if self.design == "all" else codes.dimension(self.design, self.n_c, self.L)
        if m * np.log(self.n_c) + np.log(self.L) > np.log(codes.LARGEST):
            raise InputError(
                f"design = {self.design!r} has {self.n_c}^{m} latents of length {self.L}, "
                f"but K·L must be ≤ {codes.LARGEST}"
            )
        return int(self.n_c**m)

    @property
    def files(self) -> str:
        """The files that the experiment reads, by setting, in words; empty for none."""
        named = {name: getattr(self, name) for name in ("vocabulary", "latents")}
        return " and ".join(f"{name} = {path!r}" for name, path in named.items() if path is not None)

    def replace(self, **changes: Any) -> Settings:
        """Return the same settings with some changed.

        Raises:
            InputError: an unknown setting, or a value out of its range.
        """
        for name in changes:
            check_choice("setting", name, FIELDS)
        return dataclasses.replace(self, **changes)

    def with_sizes(self, source: str, **sizes: int) -> Settings:
        """Return the settings with the sizes that a file gives, which the setting `source` names.

        Raises:
            InputError: another size was asked for (not the default, which nobody asked for).
        """
        for name, size in sizes.items():
            asked = getattr(self, name)
            if asked not in (size, FIELDS[name].default):
                raise InputError(f"{name} = {asked}, but {source} = {getattr(self, source)!r} has {size}")
        return self.replace(**sizes)

    def to_mapping(self) -> dict[str, Any]:
        """Return the settings as plain values, keyed as in a TOML file (`lambda` without the underscore)."""
        plain = {name.rstrip("_"): getattr(self, name) for name in FIELDS}
        return {key: list(value) if isinstance(value, tuple) else value for key, value in plain.items()}

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], source: str = "the settings") -> Settings:
        """Return settings from plain values, as `to_mapping` gives them.

        Raises:
            InputError: an unknown key (the nearest is named), or a value of the wrong type or out of range.
        """
        check_type(source, values, Mapping, "a mapping from settings to values")
        arguments = {}
        known = [name.rstrip("_") for name in FIELDS]
        for key, value in values.items():
            if key not in known:
                raise InputError(
                    f"{source}: unknown key {key!r}{nearest(str(key), known)}; known are {', '.join(known)}"
                )
            if key == "frequencies" and isinstance(value, str):
                value = read_frequencies(value)
            kind = FIELDS[ALIASES.get(key, key)].type
            if isinstance(value, Mapping) or ("tuple" not in str(kind) and isinstance(value, list)):
                raise InputError(f"{source}: {key} = {value!r}, but must be a single value")
            if str(kind).startswith("str") and not (
                isinstance(value, str) or (value is None and "None" in str(kind))
            ):
                raise InputError(f"{source}: {key} = {value!r}, but must be text")
            if isinstance(value, list):
                value = tuple(value)
            arguments[ALIASES.get(key, key)] = value
        return cls(**arguments)


FIELDS = {f.name: f for f in dataclasses.fields(Settings)}
