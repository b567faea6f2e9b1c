"""Weights to start the certified solver from: type III with R5's lengths on the drawn latents.

    w_(α,β) = r_β f_α,    u_{k,ℓ} = c f_{z_{k,ℓ}}

For many sentences of the plain network they are near the minimum already. What the solver proves does not
depend on where it starts.
"""

from __future__ import annotations

import numpy as np

from feature_collapse.errors import RunStopped, check_type
from feature_collapse.model.geometry import simplex
from feature_collapse.model.weights import Weights
from feature_collapse.task.task import Task
from feature_collapse.theory.distance_law import log_share
from feature_collapse.theory.mean_field import MeanField
from feature_collapse.theory.theorem2 import Norms


def mean_field_start(task: Task, lambda_: float, decay: Norms | None = None) -> Weights | None:
    """Return type-III weights in n_c - 1 dimensions, or None where R5 gives none. Well under 1 s.

    None for K > n_c^L, for λ ≥ R5's λ_max, whose weights are zero, and where its minimisation stops short.

    >>> from feature_collapse.task import make_task
    >>> weights = mean_field_start(make_task(n_w=12, L=3, K=8, word_law="zipf", seed=0), 1e-3)
    >>> weights.d
    2

    Args:
        task: its word law and latents are used.
        lambda_: λ > 0.
        decay: (s_c,) a_β > 0 of the words of a concept; None for 1 each.

    Raises:
        InputError: λ or the decay out of range.
    """
    check_type("task", task, Task, "a Task")
    if task.K < 2 or log_share(task.n_c, task.L, task.K) > 0:
        return None
    try:
        found = MeanField(task.n_c, task.L, task.K, task.mu, lambda_, decay).solve()
    except RunStopped:
        return None
    if found.trivial:
        return None
    frame = simplex(task.n_c)
    W = (found.r[None, :, None] * frame[:, None, :]).reshape(task.n_w, -1)
    return Weights(W, found.c * frame[np.asarray(task.latents, dtype=np.int64)])
