"""What may be chosen on the page: a few settings, each within a cap, written into the address.

    ?exponent=1&normaliser=layernorm&epoch=120

Only what differs from the defaults is written. Whatever an address holds, a `Choice` is either within the
caps or an `InputError` in one sentence.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from feature_collapse.boundary import clip
from feature_collapse.errors import InputError, check_choice, check_int, check_real, nearest
from feature_collapse.experiments.settings import FIELDS as SETTINGS
from feature_collapse.experiments.settings import Settings

NORMALISERS = ("none", "layernorm", "rmsnorm", "sphere")
EPS = 1e-5  # PyTorch's, with which the paper's networks were trained
BATCH_SIZE, N_TEST, TEST_EVERY = 50, 20, 10
LONGEST_VALUE = 40  # characters of a value in an address


@dataclass(frozen=True)
class Cap:
    """The least and the largest value that the page takes, and what is chosen."""

    low: float
    high: float
    label: str


def _capped(default: float, low: float, high: float, label: str) -> Any:
    return field(default=default, metadata={"cap": Cap(low, high, label)})


@dataclass(frozen=True)
class Choice:
    """The settings of one session, checked; the defaults are figure 3's story at a small size.

    Raises:
        InputError: naming the setting, its value and what the page takes.

    >>> Choice.from_query({"exponent": ["1"], "normaliser": ["layernorm"]}).query()
    'exponent=1.0&normaliser=layernorm'
    """

    exponent: float = _capped(0.0, 0.0, 2.5, "Zipf exponent")
    n_spl: int = _capped(5, 1, 100, "sentences per class")
    n_c: int = _capped(3, 2, 6, "concepts n_c")
    n_w: int = _capped(120, 4, 300, "words")
    L: int = _capped(6, 1, 12, "sentence length L")
    K: int = _capped(100, 2, 100, "classes K")
    lambda_: float = _capped(0.015, 1e-4, 0.5, "penalty λ")
    normaliser: str = "none"
    decay_exponent: float = _capped(0.0, 0.0, 2.0, "decay exponent q")
    lazy: bool = False
    learning_rate: float = _capped(1.0, 1e-3, 4.0, "learning rate")
    d: int = _capped(20, 2, 50, "dimension d")
    seed: int = _capped(0, 0, 9999, "seed")
    epoch: int = _capped(0, 0, 5000, "epoch to go to")
    step: int = _capped(0, 0, 200, "steps beyond it")

    def __post_init__(self) -> None:
        """Check every setting against its cap, and that they go together."""
        for name, cap in CAPS.items():
            whole = FIELDS[name].type == "int"
            shown, value = name.rstrip("_"), getattr(self, name)
            found = (
                check_int(shown, value, int(cap.low), int(cap.high))
                if whole
                else check_real(shown, value, cap.low, cap.high)
            )
            object.__setattr__(self, name, found)
        check_choice("normaliser", self.normaliser, NORMALISERS)
        if not isinstance(self.lazy, bool):
            raise InputError(f"lazy = {self.lazy!r}, but must be 0 or 1")
        if self.d < self.n_c + 2:
            raise InputError(f"d = {self.d}, but must be ≥ n_c + 2 = {self.n_c + 2} on the page")
        self.settings()

    def settings(self, epochs: int | None = None) -> Settings:
        """Return the settings of the run that the page makes, as `feature-collapse train` takes them.

        Args:
            epochs: how many have been made; None for the epoch that was chosen.

        Raises:
            InputError: settings that do not go together.
        """
        return Settings(
            n_c=self.n_c,
            n_w=self.n_w,
            L=self.L,
            K=self.K,
            word_law="zipf" if self.exponent > 0 else "uniform",
            exponent=self.exponent if self.exponent > 0 else 1.0,
            design="distinct",
            n_spl=self.n_spl,
            n_test=N_TEST,
            seed=self.seed,
            d=self.d,
            normaliser=self.normaliser,
            eps=0.0 if self.normaliser == "none" else EPS,
            lambda_=self.lambda_,
            decay_exponent=self.decay_exponent,
            decay="lazy" if self.lazy else "every",
            epochs=max(1, self.epoch if epochs is None else epochs),
            batch_size=BATCH_SIZE,
            learning_rate=self.learning_rate,
            test_every=TEST_EVERY,
        )

    def certified(self) -> Settings:
        """Return the settings of the certified minimiser: the same risk, with the theory's normaliser."""
        chosen = self.settings()
        changes: dict[str, Any] = {"method": "certified", "eps": 0.0, "gap": 1e-3}
        if self.lazy:  # the penalty that lazy decay has in the mean
            changes |= {"decay": "every", "decay_exponent": 1.0, "decay_frequency": "data"}
        return chosen.replace(**changes)

    def replace(self, **changes: Any) -> Choice:
        """Return the same choice with some changed.

        Raises:
            InputError: a value out of its range, or settings that do not go together.
        """
        return dataclasses.replace(self, **changes)

    def query(self) -> str:
        """Return the part of an address after `?` from which `from_query` makes this choice."""
        changed = {n: getattr(self, n) for n, f in FIELDS.items() if getattr(self, n) != f.default}
        return urlencode({name.rstrip("_"): _text(value) for name, value in changed.items()})

    @classmethod
    def from_query(
        cls, arguments: Mapping[str, Sequence[str]], presets: Mapping[str, Choice] | None = None
    ) -> Choice:
        """Return the choice of an address: a preset, if one is named, with the other keys changed.

        Args:
            arguments: values by key, as an address gives them.
            presets: choices by name, for the key `preset`.

        Raises:
            InputError: an unknown key, one given twice, or a value that is no number or out of range.
        """
        given = {key: _only(key, values) for key, values in arguments.items()}
        start, named = cls(), given.pop("preset", None)
        if named is not None:
            start = (presets or {})[check_choice("preset", named, presets or {})]
        known = {name.rstrip("_"): name for name in FIELDS}
        changes: dict[str, Any] = {}
        for key, text in given.items():
            if key not in known:
                raise InputError(
                    f"the address has an unknown key {clip(key)!r}{nearest(key[:LONGEST_VALUE], known)}"
                )
            changes[known[key]] = _parsed(key, text, str(FIELDS[known[key]].type))
        return start.replace(**changes)


FIELDS = {f.name: f for f in dataclasses.fields(Choice)}
CAPS: dict[str, Cap] = {name: f.metadata["cap"] for name, f in FIELDS.items() if "cap" in f.metadata}


def command_line(settings: Settings, folder: str = "results/explored") -> str:
    """Return the command that makes a record of some settings.

    >>> command_line(Settings(n_w=60, K=40, epochs=5))
    'feature-collapse train --n-w 60 --K 40 --epochs 5 --out results/explored'
    """
    verb = "solve" if settings.method == "certified" else "train"
    words = ["feature-collapse", verb]
    unused = (
        {"method", "epochs", "batch_size", "learning_rate", "test_every"} if verb == "solve" else {"method"}
    )
    for name, setting in SETTINGS.items():
        value = getattr(settings, name)
        if value != setting.default and name not in unused:
            words += ["--" + name.rstrip("_").replace("_", "-"), str(value)]
    return shlex.join([*words, "--out", folder])


def _only(key: str, values: Sequence[str]) -> str:
    if len(values) != 1:
        raise InputError(f"the address has {clip(key)!r} {len(values)} times, but must have it once")
    if len(values[0]) > LONGEST_VALUE:
        raise InputError(
            f"{clip(key)} has {len(values[0])} characters, but must have at most {LONGEST_VALUE}"
        )
    return values[0]


def _parsed(key: str, text: str, kind: str) -> Any:
    """Return the value that a text writes; a text that writes no number is an error."""
    if kind == "str":
        return text
    if kind == "bool":
        return check_choice(key, text, ("0", "1")) == "1"
    try:
        return int(text) if kind == "int" else float(text)
    except ValueError:
        wanted = "an integer" if kind == "int" else "a number"
        raise InputError(f"{key} = {clip(text)!r}, but must be {wanted}") from None


def _text(value: Any) -> str:
    return (
        str(int(value))
        if isinstance(value, bool)
        else repr(value)
        if isinstance(value, float)
        else str(value)
    )
