"""Latents of one's own, from a file: text, NumPy's .npy, or a tensor `latents` in a .safetensors file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors import safe_open

from feature_collapse.boundary import guarded, plain_file, read_text
from feature_collapse.errors import InputError
from feature_collapse.task.codes import LARGEST
from feature_collapse.task.latents import Latents, given

TENSOR = "latents"  # in a .safetensors file, such as a record's task.safetensors
_FORMS = f"give a line of L concepts for each class, an array in .npy, or a tensor {TENSOR!r} in .safetensors"


def read_latents(path: str | Path, n_c: int) -> Latents:
    """Return the latents in a file: (K, L) whole numbers from 0 to n_c - 1, one row for each class.

    A text file has a line for each class, its numbers separated by spaces or commas; empty lines and lines
    that begin with # are left out. Time and memory O(K L).

    Raises:
        InputError: a file that cannot be read, rows of different lengths, or numbers that are no concepts.
    """
    file = Path(path)
    try:
        if file.suffix == ".npy":
            rows = _array(file)
        elif file.suffix == ".safetensors":
            rows = _tensor(file)
        else:
            rows = _text(file)
        if rows.size > LARGEST:
            raise InputError(f"it has {rows.size:,} numbers, but K·L must be ≤ {LARGEST:,}")
        return given(rows, n_c)
    except InputError as error:
        raise InputError(f"latents = {str(path)!r} cannot be used ({error}); {_FORMS}") from None


def _array(path: Path) -> np.ndarray:
    with guarded(plain_file(path), "an array of NumPy"):
        found: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
        return found


def _tensor(path: Path) -> np.ndarray:
    with guarded(plain_file(path), "a safetensors file"), safe_open(path, "numpy") as tensors:
        if TENSOR not in tensors.keys():
            raise InputError(f"{path} has no tensor {TENSOR!r}")
        found: np.ndarray = tensors.get_tensor(TENSOR)
        return found


def _text(path: Path) -> np.ndarray:
    lines = read_text(path, "the file").splitlines()
    rows: list[list[int]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        words = line.replace(",", " ").split()
        if not all(word.isascii() and word.isdigit() and len(word) < 10 for word in words):
            raise InputError(f"line {number} of {path} must hold whole numbers ≥ 0 only")
        rows.append([int(word) for word in words])
        if len(words) != len(rows[0]):
            raise InputError(f"line {number} of {path} has {len(words)} numbers, the first {len(rows[0])}")
    if not rows:
        raise InputError(f"{path} is empty")
    return np.array(rows)
