"""Principal components of embeddings and linear weights, turned so that every figure shows them alike."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int


def project(rows: Float[np.ndarray, "n d"], concepts: Int[np.ndarray, " n"]) -> tuple[np.ndarray, np.ndarray]:
    """Return the two leading principal components (uncentred, as in the theory), all singular values.

    The plane is turned so that the mean of concept 0 points up and that of concept 1, if any, lies to its
    left. Time O(n d²), memory O(n d).

    Args:
        rows: (n, d) vectors.
        concepts: (n,) the concept of each.

    Returns:
        (n, 2) coordinates and (d,) singular values.
    """
    x = rows.astype(np.float64)
    values, vectors = np.linalg.eigh(x.T @ x)
    plane = x @ vectors[:, ::-1][:, :2]
    if plane.shape[1] < 2:
        plane = np.hstack([plane, np.zeros((len(plane), 2 - plane.shape[1]))])
    means = [plane[concepts == alpha].mean(axis=0) for alpha in (0, 1) if np.any(concepts == alpha)]
    if means and np.linalg.norm(means[0]) > 0:
        up = means[0] / np.linalg.norm(means[0])
        turn = np.array([[up[1], up[0]], [-up[0], up[1]]])  # columns: the new axes; up -> (0, 1)
        plane = plane @ turn
        if len(means) > 1 and (means[1] @ turn)[0] > 0:
            plane[:, 0] *= -1
    return plane, np.sqrt(np.maximum(values[::-1], 0.0))
