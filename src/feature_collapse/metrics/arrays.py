"""Checks of what the user hands in: features, concept labels, frequencies, classifier rows.

Tensors of other libraries are taken by duck typing (`detach`, `cpu`, `__array__`): nothing here imports
torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import InputError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LARGEST = 1e70
"""Above it fourth powers overflow; such features are refused."""
SMALLEST = 1e-70
"""Below it they underflow; features of which all are so small, and not all 0, are refused."""


def to_array(name: str, value: Any) -> NDArray[Any]:
    """Return `value` as an array without a copy where possible (memory maps stay memory maps).

    Raises:
        InputError: when it is no array of numbers.
    """
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        if str(getattr(value, "dtype", "")) == "torch.bfloat16":
            value = value.float()
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InputError(f"{name} must be an array of numbers with rows of equal length") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"{name} has dtype {array.dtype}, but must hold real numbers (float or integer)")
    return array


def feature_rows(name: str, value: Any) -> NDArray[Any]:
    """Return `value` as an (N, d) array of real numbers, N ≥ 1 and d ≥ 1, not yet converted to float64.

    Raises:
        InputError: naming the shape found.
    """
    array = to_array(name, value)
    if array.ndim != 2 or 0 in array.shape:
        raise InputError(
            f"{name} has shape {array.shape}, but must be (N, d) with N ≥ 1 rows and d ≥ 1 columns"
        )
    return array


def finite_batch(name: str, rows: NDArray[Any], first_row: int = 0) -> Floats:
    """Return rows as float64 after checking that all are finite and that fourth powers will be.

    Raises:
        InputError: naming the first bad row and column and how many values are bad.
    """
    batch = np.asarray(rows, dtype=np.float64)
    size = max(float(batch.max()), -float(batch.min())) if batch.size else 0.0
    if not np.isfinite(size):
        bad = np.argwhere(~np.isfinite(batch))
        row, column = (int(i) for i in bad[0])
        raise InputError(
            f"{name} must be finite, but {len(bad)} value{'s are' if len(bad) > 1 else ' is'} not "
            f"(first: row {first_row + row}, column {column} is {batch[row, column]})"
        )
    if size > LARGEST:
        raise InputError(
            f"{name} has a value of size {size:.3g}, but must stay below {LARGEST:g}: rescale it"
        )
    if 0.0 < size < SMALLEST:
        raise InputError(
            f"{name} has no value larger than {size:.3g}, but must have one of {SMALLEST:g}: rescale it"
        )
    return batch


def lengths_of(x: Floats) -> Floats:
    """Return ‖x‖ of each row (N,), squares far from under- and overflow; else by numpy's careful way."""
    squares = np.einsum("ij,ij->i", x, x)
    if len(squares) == 0 or (squares.min() > 1e-280 and squares.max() < 1e280):
        return np.asarray(np.sqrt(squares))
    return np.asarray(np.linalg.norm(x, axis=1))


def encode_concepts(concepts: Any, n: int) -> tuple[Ints, list[str]]:
    """Return codes 0..C−1 (N,) and the concepts' names, sorted (numerically if they are numbers).

    Raises:
        InputError: for a wrong length, or a missing label (None, NaN or an empty string).
    """
    if hasattr(concepts, "detach"):
        concepts = concepts.detach().cpu()
    if isinstance(concepts, np.ndarray) or hasattr(concepts, "__array__"):
        labels = np.asarray(concepts)
    elif isinstance(concepts, Sequence) and not isinstance(concepts, str):
        labels = np.empty(len(concepts), dtype=object)
        labels[:] = list(concepts)
        if all(isinstance(c, int | np.integer) and not isinstance(c, bool) for c in concepts):
            labels = labels.astype(np.int64)
    else:
        raise InputError(
            f"concepts must be a sequence with one label per row, but is {type(concepts).__name__}"
        )
    if labels.ndim != 1 or len(labels) != n:
        raise InputError(
            f"concepts has shape {labels.shape}, but must be ({n},): one label per row of the embeddings"
        )
    if labels.dtype.kind == "f":
        _refuse_missing(np.isnan(labels))
        whole = bool(np.all(labels == np.round(labels)) and np.all(np.abs(labels) < 2**53))
        labels = labels.astype(np.int64) if whole else labels
    elif labels.dtype.kind not in "iub":
        missing = [c is None or c == "" or (isinstance(c, float) and c != c) for c in labels]
        _refuse_missing(np.array(missing))
        labels = np.array([str(c) for c in labels])
    unique, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int64), [str(u) for u in unique]


def _refuse_missing(missing: NDArray[np.bool_]) -> None:
    if missing.any():
        raise InputError(
            f"concepts has {int(missing.sum())} missing label(s) (first: row {int(np.argmax(missing))}), "
            "but every row needs one"
        )


def concept_ids(ids: Any, n: int, n_concepts: int) -> Ints:
    """Return integer concept ids (n,) after checking that 0 ≤ id < n_concepts.

    Raises:
        InputError: for a wrong length, dtype or range.
    """
    array = to_array("concept_ids", ids)
    if array.dtype.kind not in "iu" or array.shape != (n,):
        raise InputError(
            f"concept_ids must be {n} integers, but has dtype {array.dtype} and shape {array.shape}"
        )
    if n and (int(array.min()) < 0 or int(array.max()) >= n_concepts):
        bad = int(array.min()) if int(array.min()) < 0 else int(array.max())
        raise InputError(f"concept_ids has {bad}, but must lie from 0 to {n_concepts - 1}")
    return array.astype(np.int64)


def check_frequencies(frequencies: Any, n: int) -> Floats:
    """Return frequencies as float64 (n,), finite and ≥ 0.

    Raises:
        InputError: for a wrong length, a negative or a non-finite value.
    """
    array = np.asarray(to_array("frequencies", frequencies), dtype=np.float64)
    if array.shape != (n,):
        raise InputError(
            f"frequencies has shape {array.shape}, but must be ({n},): one per row of the embeddings"
        )
    if not np.all(np.isfinite(array)) or np.any(array < 0):
        row = int(np.argmax(~np.isfinite(array) | (array < 0)))
        raise InputError(f"frequencies[{row}] = {array[row]:g}, but must be a finite number ≥ 0")
    return array
