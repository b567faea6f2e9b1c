"""Feature collapse layer by layer: activations of the groups' tokens in a text, streamed.

For models that answer as those of `transformers` do: with `output_hidden_states=True`, `.hidden_states` is a
tuple of tensors (batch, tokens, d), the embeddings first. An entity is one occurrence of a token in the
text; its concept is the token's group. Only safetensors are loaded, and no code of the model's folder runs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from feature_collapse.boundary import clip, read_text
from feature_collapse.errors import InputError
from feature_collapse.metrics.arrays import Ints
from feature_collapse.metrics.readers.source import Source
from feature_collapse.metrics.statistics import FeatureStatistics
from feature_collapse.metrics.trajectory import Trajectory

BATCH = 16
LONGEST = 256
"""Tokens of a line; what is longer is cut."""


class Tokenizer(Protocol):
    """What is asked of a tokenizer: `input_ids` and `attention_mask`, tensors (lines, tokens), of lines."""

    def __call__(self, lines: list[str], **options: Any) -> Any:
        """Return the inputs of the model, a mapping."""


@dataclass(frozen=True)
class LayeredModel:
    """A model and its tokenizer."""

    model: Any
    tokenizer: Tokenizer

    @staticmethod
    def load(folder: Path) -> LayeredModel:
        """Load a model's folder with `transformers`.

        Raises:
            InputError: if `transformers` is not installed, or it cannot load the folder.
        """
        try:
            from transformers import AutoModel, AutoTokenizer  # takes seconds to load, and is no dependency
        except ImportError as error:
            raise InputError(
                "layers need a model that runs: install transformers (pip install transformers)"
            ) from error
        options = {"local_files_only": True, "trust_remote_code": False}
        try:
            model = AutoModel.from_pretrained(str(folder), use_safetensors=True, **options)
            return LayeredModel(model.eval(), AutoTokenizer.from_pretrained(str(folder), **options))
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"transformers cannot load {folder}: {clip(error, 200)}") from error


def measure_layers(
    folder: str | Path, text: str | Path, source: Source, layers: str = "all", **options: Any
) -> Trajectory:
    """Return the values of each layer of the model in `folder` on a text, as a trajectory over layers.

    Args:
        folder: a model's folder that `transformers` can load.
        text: a file, one sentence or paragraph a line.
        source: the groups, of tokens of the model's vocabulary.
        layers: "all", or numbers such as "0,6,12"; 0 is what enters the first layer.
        options: `normaliser` and `eps`, as of `measure`.

    Raises:
        InputError: as `LayeredModel.load` and the readers; for layers that the model does not have.
    """
    folder = Path(folder)
    wanted = _numbers(layers)
    lines = [line for line in read_text(Path(text), "a text").splitlines() if line.strip()]
    if not lines:
        raise InputError(f"text = {str(text)!r} has no line with words")
    embeddings, found = source.read(folder)
    names = sorted(set(found.concepts))
    codes = np.full(len(embeddings.vectors), -1, dtype=np.int64)
    codes[found.rows] = [names.index(c) for c in found.concepts]
    return stream_layers(LayeredModel.load(folder), lines, codes, names, wanted, **options)


def _numbers(layers: str) -> list[int] | None:
    if layers == "all":
        return None
    parts = [part.strip() for part in layers.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"layers = {clip(layers)!r}, but must be 'all' or numbers such as '0,6,12'")
    return sorted({int(part) for part in parts})


def stream_layers(
    running: LayeredModel,
    lines: Sequence[str],
    codes: Ints,
    names: Sequence[str],
    wanted: Sequence[int] | None = None,
    **options: Any,
) -> Trajectory:
    """Return the values of each wanted layer; codes (vocabulary,) give a token's concept, −1 for none.

    Memory O(C·d + d²) for each layer, and the activations of `BATCH` lines.

    Raises:
        InputError: for layers that the model does not have, or a text without a token of the groups.
    """
    normaliser, eps = options.get("normaliser") or "none", float(options.get("eps", 0.0))
    sums: dict[int, FeatureStatistics] = {}
    for inputs, hidden in _batches(running, lines):
        ids = np.asarray(inputs["input_ids"]).ravel()
        concept = np.where(np.asarray(inputs["attention_mask"]).ravel() > 0, codes[ids], -1)
        rows = np.flatnonzero(concept >= 0)
        for layer in range(len(hidden)) if wanted is None else wanted:
            if layer >= len(hidden):
                raise InputError(f"layers asks for {layer}, but the model has 0 to {len(hidden) - 1}")
            x = _array(hidden[layer])
            x = x.reshape(-1, x.shape[-1])
            if layer not in sums:
                sums[layer] = FeatureStatistics(len(names), x.shape[1], eps=eps, views=(normaliser,))
            if len(rows):
                sums[layer].update(x[rows], concept[rows])
    if not sums or next(iter(sums.values())).rows == 0:
        raise InputError("the text has no token of the groups")
    reports = tuple(s.finalize(names, normaliser) for s in sums.values())
    return Trajectory(tuple(f"layer {layer}" for layer in sums), reports, ())


def _array(x: Any) -> Any:
    """Return activations as an array of float32, whatever their precision."""
    return np.asarray(x.detach().cpu().float() if hasattr(x, "detach") else x)


def _batches(running: LayeredModel, lines: Sequence[str]) -> Iterator[tuple[Any, Any]]:
    for start in range(0, len(lines), BATCH):
        part = list(lines[start : start + BATCH])
        inputs = running.tokenizer(
            part, return_tensors="pt", padding=True, truncation=True, max_length=LONGEST
        )
        with _no_gradients():
            yield inputs, running.model(**inputs, output_hidden_states=True).hidden_states


def _no_gradients() -> Any:
    try:
        import torch  # only where a model runs
    except ImportError:
        return contextlib.nullcontext()
    return torch.no_grad()
