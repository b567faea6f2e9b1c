"""NumPy's .npy (memory-mapped) and .npz. Pickled objects inside are refused, nothing is executed.

Headers are read and checked first, here and not by `numpy.load`: of an .npz only the member that is asked for
is decompressed, and never more than its header and the archive's table agree on.
"""

from __future__ import annotations

import math
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from feature_collapse.boundary import clip, damaged, guarded
from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.embeddings import Embeddings, pick

MOST_MEMBERS = 100_000
STEEPEST = 1100
"""Bytes out of one byte of a zip archive; deflate cannot give more than 1,032."""
BOMB = 1 << 30, 64
"""A member of more than so many bytes, so many times as large as its compressed form, is taken for a bomb."""


@dataclass(frozen=True)
class Header:
    """The head of an array on disk: its shape, type, order, and the offset of its first number."""

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    fortran: bool
    start: int

    @property
    def stop(self) -> int:
        """The offset after the last number."""
        return self.start + math.prod(self.shape) * self.dtype.itemsize


def read_npy(path: Path, tensor: str | None) -> Embeddings:
    """Return the array of a .npy file without reading it into memory."""
    if tensor is not None:
        raise InputError(
            f"tensor = {clip(tensor)!r}, but {path} is an .npy file, which holds one array without a name"
        )
    with guarded(path, "an .npy file"), path.open("rb") as file:
        header = _header(file)
        if header.dtype.hasobject:
            raise _pickled(path)
        if header.stop > path.stat().st_size:
            raise damaged(path, "an .npy file", "it is truncated")
        order: Literal["F", "C"] = "F" if header.fortran else "C"
        if header.stop == header.start:
            vectors = np.empty(header.shape, header.dtype)
        else:
            vectors = np.memmap(path, header.dtype, "r", header.start, header.shape, order)
    return Embeddings(vectors, None, f"{path} (.npy)")


def read_npz(path: Path, tensor: str | None) -> Embeddings:
    """Return one array of an .npz file; a single array of N strings beside it names the rows."""
    with guarded(path, "an .npz file"), zipfile.ZipFile(path) as archive:
        headers = _headers(path, archive)
        name = pick(
            path, {n: h.shape for n, h in headers.items() if h.dtype.kind not in "USO" or n == tensor}, tensor
        )
        vectors = _member(path, archive, name, headers[name])
        n = vectors.shape[:1]
        texts = [k for k, h in headers.items() if h.dtype.kind == "U" and h.shape == n]
        tokens = None
        if len(texts) == 1:
            tokens = tuple(str(t) for t in _member(path, archive, texts[0], headers[texts[0]]))
    return Embeddings(vectors, tokens, f"{path} (.npz, {clip(name)})")


def _header(file: IO[bytes]) -> Header:
    version = npy.read_magic(file)
    # version 3 differs from 2 in the encoding of field names alone, and arrays with fields are refused
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    with warnings.catch_warnings(
        action="ignore"
    ):  # of headers that Python 2 wrote, or that break Python's grammar
        shape, fortran, dtype = read(file)
    if len(shape) > 32 or not all(type(s) is int and 0 <= s < 1 << 62 for s in shape):
        raise ValueError("no shape")
    return Header(shape, dtype, fortran, file.tell())


def _headers(path: Path, archive: zipfile.ZipFile) -> dict[str, Header]:
    """Return the heads of the members that are arrays; a few hundred bytes of each are decompressed."""
    names = archive.namelist()
    if len(names) > MOST_MEMBERS:
        raise InputError(f"{path} has {len(names)} members, more than {MOST_MEMBERS}")
    headers = {}
    for name in names:
        with archive.open(name) as member:
            headers[name.removesuffix(".npy")] = _header(member)
    return headers


def _member(path: Path, archive: zipfile.ZipFile, name: str, header: Header) -> NDArray[np.number]:
    if header.dtype.hasobject:
        raise _pickled(path)
    info = archive.getinfo(f"{name}.npy")
    size, packed = info.file_size, max(info.compress_size, 1)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or header.stop != size:
        raise damaged(path, "an .npz file", f"member {clip(name)} is not as NumPy writes it")
    if size > STEEPEST * packed or (size > BOMB[0] and size > BOMB[1] * packed):
        raise InputError(f"{path}: member {clip(name)} of {packed} bytes unpacks to {size}: refused")
    with archive.open(info) as member:
        array: NDArray[np.number] = npy.read_array(member, allow_pickle=False)
    return array


def _pickled(path: Path) -> InputError:
    return InputError(
        f"{path} holds pickled Python objects: refused, nothing was executed; save plain numbers"
    )
