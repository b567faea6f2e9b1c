"""Measure a record of this project: embeddings, linear weights and the concept of each, read from its folder.

The format: weights.safetensors with W (n_w, d), row α·s_c + β, and U (K, L, d); task.safetensors with
latents (K, L) and mu (s_c,); config.json with "settings" → "normaliser", "eps".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import clip, parse_json, read_text
from feature_collapse.errors import InputError, check_choice, check_real
from feature_collapse.metrics.frames import residual_shared_lengths
from feature_collapse.metrics.measure import measure
from feature_collapse.metrics.readers.safetensors_files import read_header, read_tensor
from feature_collapse.metrics.report import Report
from feature_collapse.model.normalisers import normaliser_names


@dataclass(frozen=True)
class RecordTables:
    """W (n_w, d), U (K, L, d), latents (K, L), mu (s_c,), the network's normaliser and its ε."""

    W: NDArray[np.float64]
    U: NDArray[np.float64]
    latents: NDArray[np.int64]
    mu: NDArray[np.float64]
    normaliser: str
    eps: float

    @property
    def concepts(self) -> NDArray[np.int64]:
        """The concept α of each word α·s_c + β, (n_w,)."""
        return np.arange(len(self.W), dtype=np.int64) // len(self.mu)

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """The frequency μ_β of each word inside its concept, (n_w,)."""
        return np.tile(self.mu, len(self.W) // len(self.mu))


def is_record(path: Path) -> bool:
    """Return whether `path` is a folder with the files of a record."""
    return path.is_dir() and (path / "weights.safetensors").is_file() and (path / "config.json").is_file()


def read_tables(path: str | Path) -> RecordTables:
    """Read a record's folder.

    Raises:
        InputError: naming the file or tensor that is missing or does not fit.
    """
    path = Path(path)
    for name in ("config.json", "weights.safetensors", "task.safetensors"):
        if not (path / name).is_file():
            raise InputError(f"{path} is no record: {name} is missing")
    W, U = _tensors(path / "weights.safetensors", W=2, U=3)
    latents, mu = _tensors(path / "task.safetensors", latents=2, mu=1)
    if U.shape[:2] != latents.shape or U.shape[2] != W.shape[1] or len(mu) == 0 or len(W) % len(mu):
        raise InputError(
            f"{path} does not fit together: W {W.shape}, U {U.shape}, latents {latents.shape}, mu {mu.shape}"
        )
    n_c = len(W) // len(mu)
    if latents.size and not 0 <= int(latents.min()) <= int(latents.max()) < n_c:
        raise InputError(
            f"latents of {path} must lie from 0 to {n_c - 1}, since W has {len(W)} = n_c·{len(mu)} rows"
        )
    settings = _settings(path / "config.json")
    normaliser = check_choice(
        f"normaliser in {path}/config.json", settings.get("normaliser", "none"), normaliser_names()
    )
    eps = check_real(f"eps in {path}/config.json", settings.get("eps") or 0.0, 0.0)
    return RecordTables(
        np.asarray(W, dtype=np.float64),
        np.asarray(U, dtype=np.float64),
        np.asarray(latents, dtype=np.int64),
        np.asarray(mu, dtype=np.float64),
        normaliser,
        0.0 if normaliser in ("none", "sphere") else eps,
    )


def _tensors(path: Path, **wanted: int) -> list[NDArray[Any]]:
    header = read_header(path)
    out = []
    for name, ndim in wanted.items():
        if name not in header or len(header[name].shape) != ndim:
            raise InputError(
                f"{path} must have a tensor {name} with {ndim} axes; it has: {clip(', '.join(header), 200)}"
            )
        out.append(read_tensor(path, header, name))
    return out


def _settings(path: Path) -> dict[str, Any]:
    config = parse_json(path, "a record's config", read_text(path, "a record's config"))
    settings = config.get("settings") if isinstance(config, dict) else None
    if not isinstance(settings, dict):
        raise InputError(f"{path} must have an object under 'settings'")
    return settings


def measure_record(path: str | Path, **options: Any) -> Report:
    """Return the report of a record: words by concept, μ as frequencies, u_{k,ℓ} as rows of concept z_{k,ℓ}.

    `options` go to `measure` (resamples, shuffles, seed). A note tells the residual of definition 3 word
    for word, with lengths r_β shared by all concepts.

    Raises:
        InputError: as `read_tables` and `measure`.
    """
    record = read_tables(path)
    d = record.W.shape[1]
    report = measure(
        record.W,
        record.concepts,
        record.frequencies,
        classifier=(record.U.reshape(-1, d), record.latents.ravel()),
        normaliser=record.normaliser,
        eps=record.eps,
        **options,
    )
    slots = np.arange(len(record.W), dtype=np.int64) % len(record.mu)
    shared = residual_shared_lengths(record.W, record.concepts, slots)
    note = (
        "definition 3 word for word (lengths r_β shared by all concepts), before any normaliser: "
        f"residual {shared:.3g}"
    )
    return replace(report, notes=(*report.notes, note))
