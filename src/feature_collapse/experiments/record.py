"""Records: one folder per run, in a fixed format that others can check without this code.

    config.json          settings, seed, versions, device, git revision, names of words and concepts
    task.safetensors     latents (K, L), train_sentences (N, L), train_labels (N,),
                         test_sentences, test_labels, mu (s_c,)
    weights.safetensors  W (n_w, d), U (K, L, d)
    history.csv          one row per epoch or iteration
    summary.json         the figures reported; written last, so that its presence means the record is whole

Every file is written to a temporary file and renamed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from feature_collapse.errors import InputError
from feature_collapse.experiments.settings import Settings
from feature_collapse.files import make_folder, write_atomically
from feature_collapse.task import Sentences, Task

FORMAT = 1
FILES = ("config.json", "task.safetensors", "weights.safetensors", "history.csv", "summary.json")
NUMBERS = ("risk", "train_ce", "train_accuracy", "test_accuracy", "seconds")  # of every summary
SPECTRA = ("singular_values_W", "singular_values_U")
OTHERS = (
    "checkpoint.safetensors",
    "figure.png",
    "figure.pdf",
    "word-frequencies.png",
    "word-frequencies.pdf",
)


@dataclass(frozen=True)
class Record:
    """A finished run, as it lies on disk.

    Attributes:
        path: its folder.
        settings: of the run.
        config: the whole of config.json.
        summary: the whole of summary.json.
        history: column name -> values, one per epoch or iteration (NaN where nothing was measured).
        W: (n_w, d) embeddings, before any normalisation. U: (K, L, d) linear weights.
        latents: (K, L). mu: (s_c,). train, test: the sentences.
    """

    path: Path
    settings: Settings
    config: dict[str, Any]
    summary: dict[str, Any]
    history: dict[str, Float[np.ndarray, " rows"]]
    W: Float[np.ndarray, "n_w d"]
    U: Float[np.ndarray, "K L d"]
    latents: Int[np.ndarray, "K L"]
    mu: Float[np.ndarray, " s_c"]
    train: Sentences
    test: Sentences


def check_folder(folder: Path, key: str) -> bool:
    """Whether a folder already holds the finished record of this key; it is made if it is not there.

    Raises:
        InputError: the folder is a file, cannot be written, holds other things, or a record of other
            settings.
    """
    make_folder(folder)
    present = {entry.name for entry in folder.iterdir()} - {path.name for path in _leftovers(folder)}
    foreign = sorted(present - set(FILES + OTHERS))
    if foreign:
        raise InputError(
            f"output folder {str(folder)!r} holds other things ({foreign[0]!r}); give an empty or new folder"
        )
    if "config.json" in present:
        if not _same_run(_read_json(folder / "config.json"), key):
            raise InputError(
                f"output folder {str(folder)!r} holds a run of other settings; give another folder, or remove it"
            )
    elif present:
        raise InputError(
            f"output folder {str(folder)!r} holds files of a record without its config.json; give another folder"
        )
    return "summary.json" in present


def prepare_folder(folder: Path, key: str) -> bool:
    """`check_folder`, and remove what a killed run left half written; nothing else is touched.

    Raises:
        InputError: as `check_folder`.
    """
    finished = check_folder(folder, key)
    for path in _leftovers(folder):
        path.unlink(missing_ok=True)
    return finished


def _leftovers(folder: Path) -> list[Path]:
    names = tuple(f".{file}." for file in FILES + OTHERS)
    return [path for path in folder.iterdir() if path.name.startswith(names)]


def _same_run(config: Mapping[str, Any], key: str) -> bool:
    """Whether a config is of this key, also where it was written before a setting was added that has its default."""
    stored = config.get("settings")
    if config.get("key") == key:
        return True
    if not isinstance(stored, dict) or stored.get("vocabulary") is not None:
        return False
    try:
        return Settings.from_mapping(stored).key() == key
    except InputError:
        return False


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write config.json."""
    write_atomically(folder / "config.json", _json(config))


def write_task(folder: Path, task: Task, train: Sentences, test: Sentences) -> None:
    """Write task.safetensors."""
    write_atomically(
        folder / "task.safetensors",
        save(
            {
                "latents": task.latents,
                "mu": task.mu,
                "train_sentences": train.words,
                "train_labels": train.labels,
                "test_sentences": test.words,
                "test_labels": test.labels,
            }
        ),
    )


def write_result(
    folder: Path,
    W: np.ndarray,
    U: np.ndarray,
    columns: Sequence[str],
    history: np.ndarray,
    summary: Mapping[str, Any],
) -> None:
    """Write weights, history and, last, the summary; then remove the checkpoint."""
    write_atomically(
        folder / "weights.safetensors", save({"W": np.ascontiguousarray(W), "U": np.ascontiguousarray(U)})
    )
    rows = [",".join("" if np.isnan(x) else f"{x:.10g}" for x in row) for row in history]
    write_atomically(folder / "history.csv", "\n".join([",".join(columns), *rows]) + "\n")
    write_summary(folder, summary)
    (folder / "checkpoint.safetensors").unlink(missing_ok=True)


def write_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    """Write summary.json."""
    write_atomically(folder / "summary.json", _json(summary))


def read_record(folder: str | Path) -> Record:
    """Read a finished record and check that its parts belong together.

    Raises:
        InputError: the folder is missing, is not a finished record, or a file is truncated, foreign or of a
            wrong shape.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"record {str(folder)!r} is not a folder")
    for name in FILES:
        if not (folder / name).is_file():
            raise InputError(f"record {str(folder)!r} has no {name}: it is not a finished record")
    config, summary = _read_json(folder / "config.json"), _read_json(folder / "summary.json")
    if config.get("format") != FORMAT or not isinstance(config.get("settings"), dict):
        raise InputError(f"record {str(folder)!r}: config.json is not of format {FORMAT} of this program")
    stored = {**config["settings"], "vocabulary": None}  # the words are in the record; their file may be gone
    settings = Settings.from_mapping(stored, f"record {str(folder)!r}, config.json")
    object.__setattr__(settings, "vocabulary", config["settings"].get("vocabulary"))
    _check_summary(folder, summary)
    _check_names(folder, config.get("names"), settings)
    weights, task = _read_tensors(folder / "weights.safetensors"), _read_tensors(folder / "task.safetensors")
    W, U = _tensor(folder, weights, "W", 2, "f"), _tensor(folder, weights, "U", 3, "f")
    latents, mu = _tensor(folder, task, "latents", 2, "iu"), _tensor(folder, task, "mu", 1, "f")
    sets = [
        Sentences(
            _tensor(folder, task, f"{part}_sentences", 2, "iu"),
            _tensor(folder, task, f"{part}_labels", 1, "iu"),
        )
        for part in ("train", "test")
    ]
    K, L = latents.shape
    consistent = (
        U.shape == (K, L, W.shape[1])
        and (K, L) == (settings.K, settings.L)
        and len(W) == settings.n_w == settings.n_c * len(mu)
        and all(s.words.shape == (len(s.labels), L) for s in sets)
        and all(len(s) == 0 or (0 <= s.words.min() and s.words.max() < len(W)) for s in sets)
        and all(len(s) == 0 or (0 <= s.labels.min() and s.labels.max() < K) for s in sets)
        and 0 <= latents.min()
        and latents.max() < settings.n_c
        and bool(np.isfinite(W).all() and np.isfinite(U).all() and np.isfinite(mu).all() and mu.min() > 0)
    )
    if not consistent:
        raise InputError(f"record {str(folder)!r}: weights, task and config.json do not belong together")
    return Record(
        folder, settings, config, summary, _read_history(folder / "history.csv"), W, U, latents, mu, *sets
    )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        raise InputError(f"{str(path)!r} is truncated or is not JSON") from None
    if not isinstance(value, dict):
        raise InputError(f"{str(path)!r} is not a JSON object")
    return value


def _read_tensors(path: Path) -> dict[str, np.ndarray]:
    try:
        tensors: dict[str, np.ndarray] = load_file(path)
    except (SafetensorError, OSError, ValueError, KeyError):
        raise InputError(f"{str(path)!r} is truncated or is not a safetensors file") from None
    return tensors


def _check_summary(folder: Path, summary: Mapping[str, Any]) -> None:
    for name, needed in {**dict.fromkeys(NUMBERS, True), **dict.fromkeys(SPECTRA, False)}.items():
        values = summary.get(name) if needed else summary.get(name, [])
        for value in [values] if needed else values if isinstance(values, list) else [None]:
            if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
                raise InputError(
                    f"record {str(folder)!r}: summary.json has {name} = {values!r}, which is no result"
                )


def _check_names(folder: Path, names: Any, settings: Settings) -> None:
    if names is None:  # not every earlier version wrote them
        return
    sizes = {"concepts": settings.n_c, "words": settings.n_w}
    lists = (
        [(names.get(key), size) for key, size in sizes.items()] if isinstance(names, dict) else [(True, 0)]
    )
    for found, size in lists:
        if found and not (
            isinstance(found, list) and len(found) == size and all(isinstance(x, str) for x in found)
        ):
            raise InputError(f"record {str(folder)!r}: config.json has names that are not those of its words")


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
    try:
        header, *lines = path.read_text(encoding="utf-8").splitlines()
        rows = [[float(x) if x else np.nan for x in line.split(",")] for line in lines]
        names = header.split(",")
        table = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    except (OSError, ValueError, UnicodeDecodeError):
        raise InputError(f"{str(path)!r} is truncated or is not a history") from None
    return dict(zip(names, table.T, strict=True))
