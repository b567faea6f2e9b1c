"""The memory of a certificate: how many sentences and classes it takes at once, and in which precision."""

from __future__ import annotations

from feature_collapse.errors import InputError
from feature_collapse.risk.problem import Problem

ROWS = 5000  # sentences whose scores for a tile of classes take 10 MB, which the processor's cache holds
AT_ONCE = 4  # parts whose exponentials are kept until all tiles have taken theirs
STRIP, CHUNK, SEATS = 128, 50_000, 8  # classes, sentences and threads at once, of a large gradient
_LARGE_BLOCK = 2000  # classes whose products are added in float32, before float64 takes the sum
_SINGLE_FROM = 2e13  # a Gram matrix that costs more flops is multiplied in float32


def is_single(K: int, L: int, n_w: int) -> bool:
    """Return whether the Gram matrix's products are in float32, with its larger rounding bound."""
    return 2.0 * K * L * n_w**2 > _SINGLE_FROM


def classes_per_block(problem: Problem, memory_limit: float) -> int:
    """Return how many classes a certificate of a problem takes at once within a memory limit, in bytes.

    Raises:
        InputError: not even one fits.
    """
    (N, L), n_w, K = problem.words.shape, problem.n_w, problem.K
    rows = min(N, ROWS)
    at_the_end = 8.0 * (3.0 * n_w**2 + 4.0 * N)  # the Gram matrix, what is factorised, and its factor
    fixed = 8.0 * (n_w**2 + 4.0 * N + 2.0 * N * L)
    per_class = 8.0 * (1.6 * L * n_w + (2.0 + AT_ONCE) * rows)
    if is_single(K, L, n_w):
        fixed += 8.0 * SEATS * STRIP * (min(N, CHUNK) + rows + L * n_w)
        per_class = 4.0 * L * n_w
    block, least = int((memory_limit - fixed) // per_class), max(fixed + per_class, at_the_end)
    if memory_limit < least:
        raise InputError(
            f"memory_limit = {memory_limit / 1e9:.2g} GB, but the certificate of n_w = {n_w} words needs at "
            f"least {least / 1e9:.2g} GB"
        )
    return min(block, K, _LARGE_BLOCK) if is_single(K, L, n_w) else min(block, K)
