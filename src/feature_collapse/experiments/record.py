"""Records: one folder per run, in a fixed format that others can check without this code.

    config.json          settings, seed, versions, device, git revision, names of words and concepts
    task.safetensors     latents (K, L), train_sentences (N, L), train_labels (N,),
                         test_sentences, test_labels, mu (s_c,)
    weights.safetensors  W (n_w, d), U (K, L, d); nu (n_w,) where the certified solver's bound is R3
    history.csv          one row per epoch (columns: sgd/checkpoint.py) or iteration (solver/trace.py)
    summary.json         the figures reported; written last, so that its presence means the record is whole

Every file is written to a temporary file and renamed.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors.numpy import load_file

from feature_collapse.boundary import clip, guarded, parse_json, plain_file, read_text
from feature_collapse.errors import InputError, check_type
from feature_collapse.experiments.experiment import Data
from feature_collapse.experiments.settings import Settings
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.model.weights import Weights
from feature_collapse.task import Sentences, Task, Vocabulary
from feature_collapse.task.frequencies import given
from feature_collapse.task.latents import given as given_latents
from feature_collapse.theory.predict import reference

FORMAT = 1
FILES = ("config.json", "task.safetensors", "weights.safetensors", "history.csv", "summary.json")
NUMBERS = ("risk", "train_ce", "train_accuracy", "test_accuracy", "seconds")  # of every summary
SPECTRA = ("singular_values_W", "singular_values_U")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a method gives, before it is written.

    Attributes:
        weights: W, U and the normaliser.
        columns: names of the history's columns.
        history: (·, columns), one row per epoch or iteration.
        summary: the content of summary.json.
        nu: (n_w,) the ν of the proof (R3), kept for whoever checks it.
    """

    weights: Weights
    columns: tuple[str, ...]
    history: Float[np.ndarray, "rows columns"]
    summary: dict[str, Any]
    nu: Float[np.ndarray, " n_w"] | None = None


@dataclass(frozen=True, eq=False)
class Record:
    """A finished run, as it lies on disk.

    Attributes:
        path: its folder.
        settings: of the run.
        config: the whole of config.json.
        summary: the whole of summary.json.
        history: column name -> values, one per epoch or iteration (NaN where nothing was measured).
        weights: W, U and the normaliser with the run's ε.
        data: the task and the sentences.

    >>> import tempfile
    >>> from feature_collapse.experiments.run import run
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = run(Settings(n_w=12, L=3, K=6, d=4, epochs=1), folder, device="cpu")
    >>> record.weights.n_w, next(iter(record.history))
    (12, 'epoch')
    """

    path: Path
    settings: Settings
    config: dict[str, Any]
    summary: dict[str, Any]
    history: dict[str, Float[np.ndarray, " rows"]]
    weights: Weights
    data: Data

    @property
    def task(self) -> Task:
        """Words, word law and latents."""
        return self.data.task

    @property
    def train(self) -> Sentences:
        """The training set."""
        return self.data.train

    @property
    def test(self) -> Sentences:
        """The test set."""
        return self.data.test

    def prediction(self) -> dict[str, Any]:
        """Return what the theory predicts, under the summary's keys: as stored, or computed."""
        stored = self.summary.get("prediction")
        if isinstance(stored, dict):
            return stored
        s = self.settings
        return reference(self.task, s.lambda_, s.d, self.weights.normaliser).summary()

    def to_dict(self) -> dict[str, Any]:
        """Return the folder, the settings and the summary, for JSON."""
        return {"path": str(self.path), "settings": self.settings.to_mapping(), "summary": self.summary}

    def __str__(self) -> str:
        """Return the folder with risk and accuracy in one line."""
        s = self.summary
        return (
            f"{self.path}: {self.settings.method}, risk {s['risk']:.6g}, "
            f"test accuracy {100 * s['test_accuracy']:.2f}%"
        )


def read_record(folder: str | Path) -> Record:
    """Read a finished record and check that its parts belong together.

    >>> import tempfile
    >>> from feature_collapse.experiments.run import run
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = run(Settings(n_w=12, L=3, K=6, d=4, epochs=1), folder, device="cpu")
    ...     print(read_record(folder).task.K)
    6

    Raises:
        InputError: the folder is missing, is not a finished record, or a file is truncated, foreign or of a
            wrong shape.
    """
    check_type("record", folder, (str, Path), "a path")
    folder = Path(folder)
    if not os.path.isdir(folder):  # also where the name is too long for a path
        raise InputError(f"record {str(folder)!r} is not a folder")
    for name in FILES:
        if not (folder / name).is_file():
            raise InputError(f"record {str(folder)!r} has no {name}: it is not a finished record")
    config, summary = read_json(folder / "config.json"), read_json(folder / "summary.json")
    if config.get("format") != FORMAT or not isinstance(config.get("settings"), dict):
        raise InputError(f"record {str(folder)!r}: config.json is not of format {FORMAT} of this program")
    settings = Settings.from_mapping(config["settings"], f"record {str(folder)!r}, config.json")
    _check_summary(folder, summary)
    tensors = {**_read_tensors(folder / "weights.safetensors"), **_read_tensors(folder / "task.safetensors")}
    part = partial(_tensor, folder, tensors)
    try:
        normaliser = make_normaliser(settings.normaliser, settings.eps)
        weights = Weights(part("W", 2, "f"), part("U", 3, "f"), normaliser)
        names = Vocabulary(settings.n_c, len(weights.W), *_names(config.get("names")))
        task = Task(
            names,
            given(part("mu", 1, "f"), names.s_c),
            given_latents(part("latents", 2, "iu"), settings.n_c),
            settings.seed,
        )
        sets = [
            Sentences(part(f"{s}_sentences", 2, "iu"), part(f"{s}_labels", 1, "iu"))
            for s in ("train", "test")
        ]
        weights.check_task(task)
        for sentences in sets:
            weights.check_sentences(sentences)
        if (task.K, task.L, task.n_w) != (settings.K, settings.L, settings.n_w):
            raise InputError("the sizes of the weights are not those of config.json")
    except InputError as error:
        raise InputError(
            f"record {str(folder)!r}: weights, task and config.json do not belong together ({error})"
        ) from None
    history = _read_history(folder / "history.csv")
    return Record(folder, settings, config, summary, history, weights, Data(task, *sets))


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file of a record.

    Raises:
        InputError: the file is missing, truncated, or holds no object.
    """
    value = parse_json(path, "a part of a record", read_text(path, "a part of a record"))
    if not isinstance(value, dict):
        raise InputError(f"{str(path)!r} is not a JSON object")
    return value


def _read_tensors(path: Path) -> dict[str, np.ndarray]:
    with guarded(plain_file(path), "a safetensors file"):
        tensors: dict[str, np.ndarray] = load_file(path)
    return tensors


def _number(value: object) -> bool:
    """Return whether a value is a finite number, no truth value, within the range of floats."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of floats
        return False


def _check_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    for name, needed in {**dict.fromkeys(NUMBERS, True), **dict.fromkeys(SPECTRA, False)}.items():
        values = summary.get(name) if needed else summary.get(name, [])
        for value in [values] if needed else values if isinstance(values, list) else [None]:
            if not _number(value):
                raise InputError(
                    f"record {str(folder)!r}: summary.json has {name} = {clip(repr(values))}, which is no "
                    "result"
                )


def _names(names: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of concepts and of words in a config; () each where an earlier version wrote none."""
    found = [names.get(key, ()) for key in ("concepts", "words")] if isinstance(names, dict) else [(), ()]
    if names is not None and not (
        isinstance(names, dict)
        and all(isinstance(f, list | tuple) and all(isinstance(x, str) for x in f) for f in found)
    ):
        raise InputError("names are not those of its words")
    return tuple(found[0]), tuple(found[1])


def _tensor(
    folder: Path, tensors: Mapping[str, np.ndarray], name: str, dimensions: int, kinds: str
) -> np.ndarray:
    if name not in tensors or tensors[name].ndim != dimensions or tensors[name].size == 0:
        raise InputError(f"record {str(folder)!r} has no tensor {name!r} of {dimensions} dimensions")
    if tensors[name].dtype.kind not in kinds:
        raise InputError(
            f"record {str(folder)!r}: tensor {name!r} has the foreign type {tensors[name].dtype}"
        )
    return tensors[name]


def _read_history(path: Path) -> dict[str, np.ndarray]:
    text = read_text(path, "a history")
    try:
        header, *lines = text.splitlines()
        rows = [[float(x) if x else np.nan for x in line.split(",")] for line in lines]
        names = header.split(",")
        table = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    except ValueError:
        raise InputError(f"{str(path)!r} is truncated or is not a history") from None
    return dict(zip(names, table.T, strict=True))
