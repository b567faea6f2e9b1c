"""A safetensors file of a run's state: replaced atomically, with a checksum, read by the run of its key."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from feature_collapse.files import write_atomically

_LOG = logging.getLogger(__name__)
_NO_SUM = b"0" * 64  # what stands where the checksum will, while it is computed


def write_keyed(path: Path, key: str, tensors: Mapping[str, Tensor]) -> None:
    """Write the tensors; a crash at any moment leaves the earlier file or this one, whole."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    data = save(contiguous, metadata={"key": key, "sha256": _NO_SUM.decode()})
    checksum = hashlib.sha256(data).hexdigest().encode()
    write_atomically(path, data.replace(_NO_SUM, checksum, 1))


def read_keyed(path: Path, key: str) -> dict[str, Tensor] | None:
    """Return the tensors by name, or None where there is no file of this key, or one with a bit changed.

    A file that is damaged is logged as a warning: the run begins anew.
    """
    if not path.is_file():
        return None
    data = path.read_bytes()
    try:
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        metadata = header["__metadata__"]
        if metadata["key"] != key:
            return None
        checksum = metadata["sha256"].encode()
        if hashlib.sha256(data.replace(checksum, _NO_SUM, 1)).hexdigest().encode() == checksum:
            tensors: dict[str, Tensor] = load(data)
            return tensors
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    reject(path, "it is damaged")
    return None


def reject(path: Path, reason: str) -> None:
    """Log that a checkpoint is not used, and why."""
    _LOG.warning("checkpoint %s is not used, and the run begins anew: %s", path, reason)
