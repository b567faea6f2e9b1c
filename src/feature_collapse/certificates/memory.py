"""The memory of a certificate: how many sentences and classes it takes at once, and in which precision."""

from __future__ import annotations

from feature_collapse.errors import InputError
from feature_collapse.risk.problem import Problem

ROWS = 5000  # sentences whose scores for a tile of classes the processor's cache holds
AT_ONCE = 4  # parts whose exponentials are kept until all tiles have taken theirs
STRIP, CHUNK = 128, 50_000  # classes and sentences at once, of a large gradient
_FEWEST_SEATS = 2  # threads that have room in any case
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
    n_w, K, L = problem.n_w, problem.K, problem.L
    # the Gram matrix, what is factorised, and its factor
    at_the_end = 8.0 * (3.0 * n_w**2 + 16.0 * len(problem.words))
    fixed, per_class = _fixed(problem), _per_class(problem)
    if is_single(K, L, n_w):
        fixed += _FEWEST_SEATS * _per_seat(problem)
    block, least = int((memory_limit - fixed) // per_class), max(fixed + per_class, at_the_end)
    if memory_limit < least:
        raise InputError(
            f"memory_limit = {memory_limit / 1e9:.2g} GB, but the certificate of n_w = {n_w} words needs at "
            f"least {least / 1e9:.2g} GB"
        )
    return min(block, K, _LARGE_BLOCK) if is_single(K, L, n_w) else min(block, K)


def seats(problem: Problem, memory_limit: float, block: int) -> int:
    """Return how many threads have room to work on a large gradient of `block` classes."""
    left = memory_limit - _fixed(problem) - block * _per_class(problem)
    return max(_FEWEST_SEATS, int(left // _per_seat(problem)))


def _fixed(problem: Problem) -> float:
    """Return the bytes of the Gram matrix, of a few numbers a sentence, and of its words and their sums."""
    N, L = len(problem.words), problem.L
    return 8.0 * (problem.n_w**2 + 16.0 * N) + 20.0 * N * L


def _per_class(problem: Problem) -> float:
    """Return the bytes of a class in a block: its gradient, and where all is in float64 its exponentials."""
    N, L, n_w = len(problem.words), problem.L, problem.n_w
    if is_single(problem.K, L, n_w):
        return 4.0 * L * n_w
    return 8.0 * (1.6 * L * n_w + (2.0 + AT_ONCE) * min(N, ROWS))


def _per_seat(problem: Problem) -> float:
    """Return the bytes of a thread at a large gradient: a strip of it, exponentials, two sums a sentence."""
    N, L = len(problem.words), problem.L
    return 8.0 * (STRIP * (min(N, CHUNK) + min(N, ROWS) + L * problem.n_w) + 2.0 * N)
