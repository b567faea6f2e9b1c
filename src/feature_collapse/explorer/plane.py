"""Two coordinates for vectors of many: the theory's plane, or principal components.

The theory's plane is spanned by the frame f_1..f_n_c that fits the weights best; drawn in it, f_α always has
the same place, so that nothing turns while a run goes on, and outlines of the theory can stay where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from feature_collapse.errors import check_choice
from feature_collapse.figures.projection import project
from feature_collapse.model.geometry import Frame, simplex
from feature_collapse.model.weights import Weights
from feature_collapse.task.task import Task
from feature_collapse.theory.classify import Verdict

PLANES = ("theory", "pca")
Points = Float[np.ndarray, "n 2"]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Points of a picture.

    Attributes:
        words: (n_w, 2) of the features φ(W).
        linear: (K L, 2) of the linear weights u_{k,ℓ}.
    """

    words: Points
    linear: Points


def directions(n_c: int) -> Points:
    """Return where the theory's plane has f_1..f_n_c: the first one up, the second to its left.

    >>> directions(3).round(2) + 0.0
    array([[ 0.  ,  1.  ],
           [-0.87, -0.5 ],
           [ 0.87, -0.5 ]])
    """
    return project(simplex(n_c), np.arange(n_c))[0] + 0.0


def coordinates(weights: Weights, task: Task, verdict: Verdict, plane: str) -> Coordinates:
    """Return the points of weights in a plane. O((n_w + K L) d²).

    Raises:
        InputError: a plane that is not one of `PLANES`.
    """
    check_choice("plane", plane, PLANES)
    words, linear = weights.features(), weights.U.reshape(-1, weights.d).astype(np.float64)
    frame = best_frame(verdict)
    if plane == "theory" and frame is not None:
        basis = np.linalg.pinv(frame) @ directions(task.n_c)
        return Coordinates(words @ basis, linear @ basis)
    concepts = np.repeat(np.arange(task.n_c), task.s_c)
    return Coordinates(project(words, concepts)[0], project(linear, task.latents.ravel())[0])


def best_frame(verdict: Verdict) -> Frame | None:
    """Return the frame of the type that fits best; None where d is too small for one."""
    return min(verdict.fits.values(), key=lambda fit: fit.residual).frame
