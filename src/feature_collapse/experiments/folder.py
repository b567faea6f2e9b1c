"""The folder of a record: who may write into it, and its files, each written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from safetensors.numpy import save

from feature_collapse.errors import InputError
from feature_collapse.experiments.experiment import Data, Experiment
from feature_collapse.experiments.record import FILES, Outcome, read_json
from feature_collapse.experiments.settings import Settings
from feature_collapse.files import make_folder, unfinished, write_atomically
from feature_collapse.model.weights import Weights

OTHERS = (
    "checkpoint.safetensors",
    "figure.png",
    "figure.pdf",
    "word-frequencies.png",
    "word-frequencies.pdf",
)
_HALF_WRITTEN = tuple(f".{name}." for name in FILES + OTHERS)  # those of version 0.1 have no other mark


def check_folder(folder: Path, key: str) -> bool:
    """Return whether a folder already holds the finished record of this key; it is made if it is not there.

    Raises:
        InputError: the folder is a file, cannot be written, holds other things, or a record of other
            settings.
    """
    make_folder(folder)
    present = {entry.name for entry in folder.iterdir() if not entry.name.startswith(_HALF_WRITTEN)}
    foreign = sorted(present - set(FILES + OTHERS))
    if foreign:
        raise InputError(
            f"output folder {str(folder)!r} holds other things ({foreign[0]!r}); give an empty or new folder"
        )
    if "config.json" in present:
        if not _same_run(read_json(folder / "config.json"), key):
            raise InputError(
                f"output folder {str(folder)!r} holds a run of other settings; give another folder, or "
                "remove it"
            )
    elif present:
        raise InputError(
            f"output folder {str(folder)!r} holds files of a record without its config.json; give another "
            "folder"
        )
    return "summary.json" in present


def prepare_folder(folder: Path, key: str) -> bool:
    """Do as `check_folder`, and remove what a killed run left half written; nothing else is touched.

    Raises:
        InputError: as `check_folder`.
    """
    finished = check_folder(folder, key)
    for path in (path for file in FILES + OTHERS for path in unfinished(folder, file)):
        path.unlink(missing_ok=True)
    return finished


def _same_run(config: Mapping[str, Any], key: str) -> bool:
    """Return whether a config is of this key, also where later settings, at their default, are not in it."""
    stored = config.get("settings")
    if config.get("key") == key:
        return True
    if not isinstance(stored, dict) or any(stored.get(x) is not None for x in ("vocabulary", "latents")):
        return False
    try:
        return Experiment.of(Settings.from_mapping(stored)).key == key
    except InputError:
        return False


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write config.json."""
    write_atomically(folder / "config.json", _json(config))


def write_data(folder: Path, data: Data) -> None:
    """Write task.safetensors."""
    content = {
        "latents": data.task.latents,
        "mu": data.task.mu,
        "train_sentences": data.train.words,
        "train_labels": data.train.labels,
        "test_sentences": data.test.words,
        "test_labels": data.test.labels,
    }
    write_atomically(folder / "task.safetensors", save(content))


def write_outcome(folder: Path, outcome: Outcome) -> None:
    """Write weights, history and, last, the summary; then remove the checkpoint."""
    write_weights(folder, outcome.weights, outcome.nu)
    rows = [",".join("" if np.isnan(x) else f"{x:.10g}" for x in row) for row in outcome.history]
    write_atomically(folder / "history.csv", "\n".join([",".join(outcome.columns), *rows]) + "\n")
    write_summary(folder, outcome.summary)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)


def write_weights(folder: Path, weights: Weights, nu: Float[np.ndarray, " n_w"] | None) -> None:
    """Write weights.safetensors: the weights, and the ν of their proof where there is one."""
    proof = {} if nu is None else {"nu": nu}
    write_atomically(folder / "weights.safetensors", save({"W": weights.W, "U": weights.U, **proof}))


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write summary.json."""
    write_atomically(folder / "summary.json", _json(summary))


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
