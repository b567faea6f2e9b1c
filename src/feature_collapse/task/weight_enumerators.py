"""Weight enumerators of linear codes, and whether the code is symmetric enough for theorem 1 (theory R4).

For the codewords of a linear code as latents, |S_r(k)| is the number A_r of codewords of weight r, for every
k. Scaling by a unit keeps weights, so at position ℓ the codewords of weight r have every non-zero symbol
equally often; (ii) then needs that no coordinate is always zero, and (iii) that the number of codewords of
weight r that are non-zero at ℓ does not depend on ℓ. A coordinate-transitive automorphism group gives the
latter; here it is counted. The smaller of the code and its dual is enumerated; MacWilliams' identity leads
from one to the other, in integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np

from feature_collapse.errors import InputError, check_int
from feature_collapse.task.codes import Generator, codewords, null_space, row_reduce

_LARGEST = 2**30  # symbols enumerated at most
_TABLE = 2**22  # symbols held at once


@dataclass(frozen=True)
class CodeSymmetry:
    """The weights of a linear code of length L and how they spread over the positions.

    Attributes:
        K: number of codewords.
        sizes: A_0..A_L, exact: the sphere sizes |S_r|.
        zero_coordinate: whether some position is 0 in every codeword.
        even: whether the codewords of every weight are non-zero equally often at every position.
    """

    K: int
    sizes: tuple[int, ...]
    zero_coordinate: bool
    even: bool

    @property
    def lemma_b(self) -> bool:
        """Whether (i)-(iii) of lemma B hold."""
        return self.even and not self.zero_coordinate


def code_symmetry(matrix: Generator, n_c: int) -> CodeSymmetry:
    """Return weights and symmetry of the code with generator matrix (m, L) over n_c elements, n_c prime.

    Time O(min(n_c^m, n_c^(L-m)) L + L³), memory O(L²) and 100 MB.

    Raises:
        InputError: no generator matrix modulo n_c, or both the code and its dual have more than 2^30/L words.
    """
    try:
        matrix = np.asarray(matrix)
    except ValueError:
        raise InputError("the generator matrix must be an m×L array of integers") from None
    check_int("n_c", n_c, 2, 10_000)
    codewords(matrix[:1] if matrix.ndim == 2 else matrix, n_c)  # checks n_c, the shape and the type
    reduced, _ = row_reduce(matrix, n_c)
    m, L = matrix.shape
    check_int("L", L, 1, 2000)
    if len(reduced) < m or matrix.min() < 0 or matrix.max() >= n_c:
        raise InputError(
            f"the {m} rows of the generator matrix must be independent modulo {n_c}, with entries 0 to "
            f"{n_c - 1}"
        )
    K = n_c**m
    zero = bool((reduced == 0).all(axis=0).any())
    if min(K, n_c ** (L - m)) * L > _LARGEST:
        raise InputError(
            f"the code has {n_c}^{m} words and its dual {n_c}^{L - m}, but one of them must have at most "
            "2^30/L"
        )
    if 2 * m <= L:
        weights, at = _enumerate(matrix, n_c)
        even = bool((at == at[:, :1]).all())
        return CodeSymmetry(K, tuple(int(x) for x in weights), zero, even)
    return dual_symmetry(null_space(matrix, n_c) if m < L else np.zeros((0, L), dtype=np.int64), n_c)


def dual_symmetry(matrix: Generator, n_c: int) -> CodeSymmetry:
    """Return weights and symmetry of the dual of a code with generator matrix `matrix` (m, L).

    It has n_c^(L-m) words. `matrix` is taken to be of full rank modulo n_c. Time O(n_c^m L + L²) operations
    on integers of L log2(n_c) bits.
    """
    m, L = matrix.shape
    weights, at = _enumerate(matrix, n_c)
    sizes = _macwilliams([int(x) for x in weights], n_c)
    # words of the dual that are 0 at position p: the dual of the code with p struck out
    zero_at = {_struck(weights, at[:, position]) for position in range(L)}
    even = len({tuple(_macwilliams(list(struck), n_c)) for struck in zero_at}) == 1
    # the dual has a zero coordinate p if and only if the code has a word that is non-zero at p alone
    return CodeSymmetry(n_c ** (L - m), tuple(sizes), bool(at[1].any()), even)


def _struck(weights: np.ndarray, at: np.ndarray) -> tuple[int, ...]:
    """Return weights after striking out a position at which `at` words of each weight are non-zero."""
    return tuple(int(weights[w] - at[w] + at[w + 1]) for w in range(len(weights) - 1))


def _enumerate(matrix: Generator, n_c: int) -> tuple[np.ndarray, np.ndarray]:
    """Words by weight (L+1,), and of these the words that are non-zero at each position (L+1, L)."""
    m, L = matrix.shape
    inner = m
    while inner and n_c**inner * L > _TABLE:
        inner -= 1
    table = codewords(matrix[m - inner :], n_c) if inner else np.zeros((1, L), dtype=np.int64)
    weights, at = np.zeros(L + 1, dtype=np.int64), np.zeros((L + 1, L), dtype=np.int64)
    for number in range(n_c ** (m - inner)):
        digits = number // n_c ** np.arange(m - inner) % n_c
        nonzero = (table + digits @ matrix[: m - inner]) % n_c != 0
        weight = nonzero.sum(axis=1)
        weights += np.bincount(weight, minlength=L + 1)
        np.add.at(at, weight, nonzero.astype(np.int64))
    return weights, at


def _macwilliams(weights: list[int], q: int) -> list[int]:
    """Return weights of the dual: the coefficients of (1/|C|) Σ_j A_j (1 - x)^j (1 + (q-1)x)^(n-j)."""
    n, total = len(weights) - 1, sum(weights)
    polynomial = [0] * (n + 1)
    for j in range(n, -1, -1):  # Horner in (1 - x)
        polynomial = [polynomial[i] - (polynomial[i - 1] if i else 0) for i in range(n + 1)]
        if weights[j]:
            for i in range(n - j + 1):
                polynomial[i] += weights[j] * comb(n - j, i) * (q - 1) ** i
    assert all(x % total == 0 for x in polynomial)
    return [x // total for x in polynomial]
