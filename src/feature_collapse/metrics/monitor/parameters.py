"""What a monitor watches: a parameter by its name, and the labels of its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from feature_collapse.errors import InputError, check_int, nearest
from feature_collapse.metrics.arrays import Floats, check_frequencies

if TYPE_CHECKING:
    import torch


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
    """Return row → label for the rows that have one, in the order given.

    Raises:
        InputError: if the labels do not fit the n rows of `name`, or there are none.
    """
    if isinstance(concepts, Mapping):
        for row in concepts:
            check_int("row in concepts", row, 0, n - 1)
        labels = {int(k): v for k, v in concepts.items()}
    else:
        listed = list(concepts.tolist() if hasattr(concepts, "tolist") else concepts)
        if len(listed) != n:
            raise InputError(f"concepts has {len(listed)} labels, but {name!r} has {n} rows")
        labels = {i: c for i, c in enumerate(listed) if c is not None}
    if not labels:
        raise InputError("concepts has no labels, so there is nothing to measure")
    return labels


def row_frequencies(frequencies: Sequence[float] | Mapping[int, float], rows: list[int], n: int) -> Floats:
    """Return the frequencies of labelled `rows` among the n rows of a table, in the order of `rows`.

    A mapping is read by row; n numbers are those of the table's rows; as many as `rows` follow their order.

    Raises:
        InputError: if a labelled row has no frequency, or the length fits neither of the two, or both.
    """
    if isinstance(frequencies, Mapping):
        missing = [row for row in rows if row not in frequencies]
        if missing:
            raise InputError(f"frequencies has none for row {missing[0]}, which has a label")
        return check_frequencies([frequencies[row] for row in rows], len(rows))
    listed = list(frequencies.tolist() if hasattr(frequencies, "tolist") else frequencies)
    if len(listed) == n and n == len(rows) and rows != sorted(rows):
        raise InputError(
            "frequencies could follow the rows or the order of concepts: give a mapping from row to frequency"
        )
    if len(listed) == n:
        return check_frequencies([listed[row] for row in rows], len(rows))
    if len(listed) == len(rows):
        return check_frequencies(listed, len(rows))
    raise InputError(
        f"frequencies has {len(listed)} numbers, but must have one per row: {n} for all, or {len(rows)} for "
        "those with a label"
    )
