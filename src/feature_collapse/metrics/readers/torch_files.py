"""PyTorch's tensors and state dicts, by `torch.load(weights_only=True)`: code in a pickle never runs."""

from __future__ import annotations

import pickle
import pickletools
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING

from feature_collapse.boundary import clip, damaged, guarded
from feature_collapse.errors import InputError
from feature_collapse.metrics import arrays
from feature_collapse.metrics.readers.embeddings import Embeddings, pick

if TYPE_CHECKING:
    from torch import Tensor

WHAT = "a PyTorch file"
DEEPEST = 8
PICKLES = 5
"""Of the old format: magic number, version, system, tensors, and the keys of their numbers, which follow."""
LONGEST_NAME = 1000
"""Bytes of a class's name; PyTorch searches its own message on a longer one in quadratic time."""
MOST_ITEMS = 1_000_000
"""Values visited in nested dictionaries; a pickle can name one dictionary in a million places."""

_OPERATIONS = {operation.code: operation for operation in pickletools.opcodes}


def read_torch(path: Path, tensor: str | None) -> Embeddings:
    """Return one tensor; nested dictionaries are named with dots ('model.embed.weight').

    Raises:
        InputError: if the file is damaged, holds anything but tensors, or the name is missing (names are
            listed).
    """
    import torch

    with guarded(path, WHAT):
        _check_archive(path)
        try:
            with warnings.catch_warnings(action="ignore"):
                loaded = torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            if "truncated" in str(error) or "Ran out of input" in str(error):
                raise damaged(path, WHAT, "it is truncated") from error
            raise InputError(
                f"{path} is a pickle with more than tensors in it: refused, nothing was executed; "
                "save model.state_dict() instead"
            ) from error
        found: dict[str, Tensor] = {}
        for visited, (name, value) in enumerate(_walk("", loaded, 0)):
            if visited > MOST_ITEMS:
                raise InputError(f"{path} has more than {MOST_ITEMS} values in its dictionaries: refused")
            if isinstance(value, torch.Tensor):
                found[name] = value
        name = pick(path, {n: tuple(t.shape) for n, t in found.items()}, tensor)
        chosen, label = found[name], clip(name) or "the tensor"
        if chosen.layout is not torch.strided or chosen.is_quantized:
            raise InputError(f"tensor {label} of {path} is sparse or quantised, but must be dense")
        if chosen.is_meta or chosen.numel() * chosen.element_size() > chosen.untyped_storage().nbytes():
            raise damaged(path, WHAT, f"tensor {label} has fewer numbers than its shape says")
        return Embeddings(arrays.to_array(label, chosen), None, f"{path} (PyTorch, {label})")


def _check_archive(path: Path) -> None:
    """Refuse, unread, what is compressed (`torch.save` never does it), and names without end."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            _check_names(path, file)
        return
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.compress_type != zipfile.ZIP_STORED:
                raise damaged(path, WHAT, "it is compressed, which PyTorch does not write")
            if info.filename.endswith("data.pkl"):
                with archive.open(info) as member:
                    _check_names(path, member)


def _check_names(path: Path, file: IO[bytes]) -> None:
    """Go through a pickle's operations, or the `PICKLES` of the old format, without doing any of them."""
    stops = 0
    while stops < PICKLES and (code := file.read(1)):
        if code == pickle.GLOBAL:
            if not all(file.readline(LONGEST_NAME).endswith(b"\n") for _ in ("module", "name")):
                raise damaged(path, WHAT, "it names a class with a name without end")
            continue
        stops += code == pickle.STOP
        operation = _OPERATIONS.get(code.decode("latin1"))
        if operation is None:
            return  # PyTorch refuses it in its own words
        if operation.arg is not None:
            operation.arg.reader(file)


def _walk(prefix: str, value: object, depth: int) -> Iterator[tuple[str, object]]:
    yield prefix, value
    if isinstance(value, Mapping) and depth < DEEPEST:
        for key, inner in value.items():
            yield from _walk(f"{prefix}.{key}" if prefix else str(key), inner, depth + 1)
