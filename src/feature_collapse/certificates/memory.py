"""The memory of a certificate: how many sentences and classes it takes at once."""

from __future__ import annotations

from feature_collapse.errors import InputError
from feature_collapse.risk.problem import Problem

ROWS = 5000  # sentences whose scores for a tile of classes take 10 MB, which the processor's cache holds
AT_ONCE = 4  # parts whose exponentials are kept until all tiles have taken theirs


def classes_per_block(problem: Problem, memory_limit: float) -> int:
    """Return how many classes a certificate of a problem takes at once within a memory limit, in bytes.

    Raises:
        InputError: not even one fits.
    """
    (N, L), n_w, K = problem.words.shape, problem.n_w, problem.K
    rows = min(N, ROWS)
    fixed = 8.0 * (3.0 * n_w**2 + 4.0 * N + 2.0 * N * L)
    per_class = 8.0 * (1.6 * L * n_w + (2.0 + AT_ONCE) * rows)
    block = int((memory_limit - fixed) // per_class)
    if block < 1:
        raise InputError(
            f"memory_limit = {memory_limit / 1e9:.2g} GB, but the certificate of n_w = {n_w} words needs at "
            f"least {(fixed + per_class) / 1e9:.2g} GB"
        )
    return min(block, K)
