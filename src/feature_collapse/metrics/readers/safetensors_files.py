"""safetensors: 8 bytes of header length, a JSON header, then raw little-endian numbers; read as a memory map.

The header is checked here (lengths, offsets, shapes) before any of it is trusted. bfloat16, which NumPy
does not have, is widened to float32 in memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from feature_collapse.boundary import Json, clip, damaged, guarded, parse_json, plain_file
from feature_collapse.metrics.readers.embeddings import Embeddings, pick

KIND = "safetensors"
LONGEST_HEADER = 100_000_000  # the format's own limit
MOST_AXES = 32

_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "u1",
}


@dataclass(frozen=True)
class Entry:
    """A tensor of the file: its type's name, its shape, and where its bytes lie in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


def read_safetensors(path: Path, tensor: str | None) -> Embeddings:
    """Return one tensor of the file.

    Raises:
        InputError: if it is truncated or damaged, or the name is missing (the names are listed).
    """
    entries = read_header(path)
    name = pick(path, {n: entry.shape for n, entry in entries.items()}, tensor)
    return Embeddings(read_tensor(path, entries, name), None, f"{path} (safetensors, {clip(name)})")


def read_header(path: Path) -> dict[str, Entry]:
    """Return the entries by tensor name, checked against the file's size; no number is read.

    Raises:
        InputError: naming what is wrong in the header.
    """
    plain_file(path)
    with guarded(path, KIND), path.open("rb") as file:
        size = path.stat().st_size
        length = int.from_bytes(file.read(8), "little")
        if 8 + length > size or length > LONGEST_HEADER:
            why = f"its header should have {length} bytes, but the file has {size} in all"
            raise damaged(path, KIND, why)
        text = file.read(length)
    header = parse_json(path, KIND, text, "its header is damaged")
    if not isinstance(header, dict):
        raise damaged(path, KIND, "its header is damaged")
    return {n: _entry(path, n, e, 8 + length, size) for n, e in header.items() if n != "__metadata__"}


def _entry(path: Path, name: str, value: Json, start: int, size: int) -> Entry:
    """Return what the header says of one tensor, checked."""
    entry = value if isinstance(value, dict) else {}
    dtype, shape = entry.get("dtype"), _naturals(entry.get("shape"))
    offsets = _naturals(entry.get("data_offsets"))
    if not isinstance(dtype, str) or shape is None or offsets is None or len(offsets) != 2:
        raise damaged(path, KIND, f"its header is damaged at tensor {clip(name)}")
    low, high = offsets
    if dtype in _TYPES and high - low != np.dtype(_TYPES[dtype]).itemsize * math.prod(shape):
        why = f"tensor {clip(name)} has shape {clip(shape)} but {high - low} bytes"
        raise damaged(path, KIND, why)
    if not low <= high <= size - start:
        raise damaged(path, KIND, f"tensor {clip(name)} ends after the end of the file (truncated?)")
    return Entry(dtype, shape, start + low, start + high)


def _naturals(value: Json) -> tuple[int, ...] | None:
    """Return a short list of natural numbers below 2^62, or None for anything else."""
    if not isinstance(value, list) or len(value) > MOST_AXES:
        return None
    numbers = tuple(s for s in value if type(s) is int and 0 <= s < 1 << 62)
    return numbers if len(numbers) == len(value) else None


def read_tensor(path: Path, entries: dict[str, Entry], name: str) -> NDArray[np.number]:
    """Return one tensor as a read-only memory map (bfloat16: a float32 copy).

    Raises:
        InputError: for a type that is not read.
    """
    entry = entries[name]
    if entry.dtype not in _TYPES:
        why = f"tensor {clip(name)} has type {clip(entry.dtype)}, which is not read"
        raise damaged(path, KIND, why)
    dtype = np.dtype(_TYPES[entry.dtype])
    with guarded(path, KIND):
        if entry.start == entry.stop:
            return np.zeros(entry.shape, dtype=dtype)
        raw = np.memmap(path, dtype=dtype, mode="r", offset=entry.start, shape=entry.shape)
        if entry.dtype == "BF16":
            return (np.asarray(raw).astype(np.uint32) << np.uint32(16)).view(np.float32)
        return raw
