"""What a monitor watches: a parameter by its name, and the labels of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from feature_collapse.errors import InputError, check_int, nearest


def find_parameter(model: torch.nn.Module, name: str) -> torch.Tensor:
    """Return the parameter (N, d) called `name`, or the weight of the module of that name.

    Raises:
        InputError: if it is not there or not a matrix.
    """
    parameters: dict[str, torch.Tensor] = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    found = parameters.get(name, parameters.get(f"{name}.weight"))
    if found is None:
        raise InputError(
            f"{name!r} is no parameter of the model, nor a module with a weight{nearest(name, parameters)}"
        )
    if found.ndim != 2:
        raise InputError(f"parameter {name!r} has shape {tuple(found.shape)}, but must be (N, d)")
    return found


def row_labels(concepts: Sequence[Any] | Mapping[int, Any], n: int, name: str) -> dict[int, Any]:
    """Return row → label for the rows that have one, in the order of the rows.

    Raises:
        InputError: if the labels do not fit the n rows of `name`, or there are none.
    """
    if isinstance(concepts, Mapping):
        for row in concepts:
            check_int("row in concepts", row, 0, n - 1)
        labels = {int(k): v for k, v in sorted(concepts.items())}
    else:
        listed = list(concepts.tolist() if hasattr(concepts, "tolist") else concepts)
        if len(listed) != n:
            raise InputError(f"concepts has {len(listed)} labels, but {name!r} has {n} rows")
        labels = {i: c for i, c in enumerate(listed) if c is not None}
    if not labels:
        raise InputError("concepts has no labels, so there is nothing to measure")
    return labels
