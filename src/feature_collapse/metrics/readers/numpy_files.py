"""NumPy's .npy (memory-mapped) and .npz. Pickled objects inside are refused, nothing is executed."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from feature_collapse.errors import InputError
from feature_collapse.metrics.readers.embeddings import Embeddings, damaged, pick

_WRONG = (
    ValueError,
    OSError,
    EOFError,
    MemoryError,
    SyntaxError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
)


def read_npy(path: Path, tensor: str | None) -> Embeddings:
    """Return the array of a .npy file without reading it into memory."""
    if tensor is not None:
        raise InputError(
            f"tensor = {tensor!r}, but {path} is an .npy file, which holds one array without a name"
        )
    try:
        return Embeddings(np.load(path, mmap_mode="r", allow_pickle=False), None, f"{path} (.npy)")
    except _WRONG as error:
        raise _worded(path, "an .npy file", error) from error


def read_npz(path: Path, tensor: str | None) -> Embeddings:
    """Return one array of an .npz file; a single array of N strings beside it names the rows."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {}
            for name in archive.files:
                try:
                    arrays[name] = archive[name]
                except ValueError as error:
                    if "allow_pickle" not in str(error) or name == tensor:
                        raise
        name = pick(path, {n: a.shape for n, a in arrays.items() if a.dtype.kind not in "USO"}, tensor)
    except InputError:
        raise
    except _WRONG as error:
        raise _worded(path, "an .npz file", error) from error
    vectors = arrays[name]
    texts = [a for a in arrays.values() if a.dtype.kind in "U" and a.shape == vectors.shape[:1]]
    tokens = tuple(str(t) for t in texts[0]) if len(texts) == 1 else None
    return Embeddings(vectors, tokens, f"{path} (.npz, {name})")


def _worded(path: Path, what: str, error: BaseException) -> InputError:
    if "pickle" in str(error) or "Python objects" in str(error):
        return InputError(
            f"{path} holds pickled Python objects: refused, nothing was executed; save plain numbers"
        )
    return damaged(path, what, "it is truncated or damaged")
