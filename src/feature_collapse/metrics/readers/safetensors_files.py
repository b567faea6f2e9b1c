"""safetensors: 8 bytes of header length, a JSON header, then raw little-endian numbers; read as a memory map.

The header is checked here (lengths, offsets, shapes) before any of it is trusted. bfloat16, which NumPy
does not have, is widened to float32 in memory.
"""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.metrics.readers.embeddings import Embeddings, damaged, pick

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


def read_safetensors(path: Path, tensor: str | None) -> Embeddings:
    """Return one tensor of the file.

    Raises:
        InputError: if it is truncated or damaged, or the name is missing (the names are listed).
    """
    header, start = read_header(path)
    name = pick(path, {n: entry["shape"] for n, entry in header.items()}, tensor)
    return Embeddings(read_tensor(path, header, start, name), None, f"{path} (safetensors, {name})")


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return the entries by tensor name and the offset of the numbers, checked against the file's size."""
    size = path.stat().st_size
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
        if 8 + length > size:
            raise damaged(
                path, "safetensors", f"its header should have {length} bytes, but the file has {size} in all"
            )
        text = file.read(length)
    try:
        header = json.loads(text)
        entries = {n: e for n, e in header.items() if n != "__metadata__"}
        for name, entry in entries.items():
            low, high = entry["data_offsets"]
            shape = entry["shape"]
            if not all(isinstance(s, int) and s >= 0 for s in (*shape, low, high)):
                raise ValueError
            width = np.dtype(_TYPES[entry["dtype"]]).itemsize if entry["dtype"] in _TYPES else None
            if width is not None and high - low != width * math.prod(shape):
                raise damaged(
                    path, "safetensors", f"tensor {name} has shape {tuple(shape)} but {high - low} bytes"
                )
            if 8 + length + high > size:
                raise damaged(
                    path, "safetensors", f"tensor {name} ends after the end of the file (truncated?)"
                )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if "looks like" in str(error):
            raise
        raise damaged(path, "safetensors", "its header is damaged") from error
    return entries, 8 + length


def read_tensor(path: Path, header: dict[str, Any], start: int, name: str) -> NDArray[Any]:
    """Return one tensor as a read-only memory map (bfloat16: a float32 copy)."""
    entry = header[name]
    if entry["dtype"] not in _TYPES:
        raise damaged(path, "safetensors", f"tensor {name} has type {entry['dtype']}, which is not read")
    shape = tuple(entry["shape"])
    dtype = np.dtype(_TYPES[entry["dtype"]])
    if math.prod(shape) == 0:
        return np.zeros(shape, dtype=dtype)
    raw = np.memmap(path, dtype=dtype, mode="r", offset=start + entry["data_offsets"][0], shape=shape)
    if entry["dtype"] == "BF16":
        return (np.asarray(raw).astype(np.uint32) << np.uint32(16)).view(np.float32)
    return raw
