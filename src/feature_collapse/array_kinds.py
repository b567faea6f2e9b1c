"""What descent and proofs do to numpy's arrays and to torch's tensors alike, which share most of their names.

torch takes seconds to load, and a problem of a few words does not need it.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

Array: TypeAlias = "np.ndarray | Tensor"


def module_of(x: Array) -> Any:
    """Return the module, numpy or torch, that an array is of; torch is not loaded for numpy's."""
    return np if isinstance(x, np.ndarray) else sys.modules["torch"]


def to_numpy(x: Array) -> np.ndarray:
    """Return the array as numpy's; of a tensor on the CPU it is the same memory.

    >>> to_numpy(np.ones(2)).tolist()
    [1.0, 1.0]
    """
    return x if isinstance(x, np.ndarray) else x.cpu().numpy()


def add_scaled(x: Array, y: Any, scale: float) -> None:
    """Add scale·y to x in place, y of the same kind."""
    if isinstance(x, np.ndarray):
        x += scale * y
    else:
        x.add_(y, alpha=scale)


def add_to_diagonal(A: Array, x: Any) -> None:
    """Add a number, or (n,) numbers of the same kind, to the diagonal of A (n, n) in place.

    >>> A = np.zeros((2, 2))
    >>> add_to_diagonal(A, np.array([1.0, 2.0]))
    >>> A.tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    if isinstance(A, np.ndarray):
        A[np.arange(len(A)), np.arange(len(A))] += x
    else:
        A.diagonal().add_(x)
