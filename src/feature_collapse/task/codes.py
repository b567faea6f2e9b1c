"""Linear codes over the field of n_c elements, n_c prime, as latent designs (theory R4).

A code is given by its generator matrix (m, L); its n_c^m codewords are the latents. The named families have a
coordinate-transitive (monomial) automorphism group and no zero coordinate, so properties (i)–(iii) of lemma B
hold although K ≪ n_c^L.
"""

from __future__ import annotations

import math
from itertools import product

import numpy as np
from jaxtyping import Int

from feature_collapse.errors import InputError, check_choice, check_int

NAMES = ("repetition", "parity", "simplex", "hamming", "tetracode", "golay")
_SIZES = {"tetracode": (3, 4), "golay": (3, 11)}
LARGEST = 2**28  # entries of the K×L table of codewords (1 GiB as int32)

Generator = Int[np.ndarray, "m L"]


def is_prime(n: int) -> bool:
    """Return whether n is prime (trial division)."""
    return n > 1 and all(n % divisor for divisor in range(2, int(n**0.5) + 1))


def dimension(name: str, n_c: int, L: int) -> int:
    """Return m, the number of rows of `generator`, without building it: the code has n_c^m codewords.

    >>> dimension("hamming", 3, 13)
    10

    Raises:
        InputError: as `generator`.
    """
    n_c, L = _check(name, n_c, L)
    if name in ("simplex", "hamming"):
        m = _lengths(n_c, L, name)
        return m if name == "simplex" else L - m
    return {"repetition": 1, "parity": L - 1, "tetracode": 2, "golay": 6}[name]


def check_size(m: int, n_c: int, L: int) -> None:
    """Check that the table of all n_c^m codewords of length L can be held.

    Raises:
        InputError: more than 2^28 entries.
    """
    if m * math.log(n_c) + math.log(L) > math.log(LARGEST) + 1e-9:
        raise InputError(f"the code has n_c^m = {n_c}^{m} words, but K·L must be ≤ {LARGEST}")


def _check(name: str, n_c: int, L: int) -> tuple[int, int]:
    """Check a code's name and sizes, but for the lengths of simplex and Hamming codes."""
    check_choice("code", name, NAMES)
    n_c, L = check_int("n_c", n_c, 2), check_int("L", L, 1)
    if not is_prime(n_c):
        raise InputError(f"n_c = {n_c}, but must be prime for a linear code")
    if name == "parity" and L < 2:
        raise InputError(f"L = {L}, but must be ≥ 2 for the parity code")
    if name in _SIZES and (n_c, L) != _SIZES[name]:
        raise InputError(
            f"n_c = {n_c} and L = {L}, but the {name} code has n_c = {_SIZES[name][0]} and L = "
            f"{_SIZES[name][1]}"
        )
    return n_c, L


def generator(name: str, n_c: int, L: int) -> Generator:
    """Return the generator matrix of a named code of length L over n_c elements.

    Names: `repetition` [L, 1]; `parity` [L, L-1] (codewords that sum to zero); `simplex` [L, m] and `hamming`
    [L, L-m] with L = (n_c^m - 1)/(n_c - 1); `tetracode` [4, 2] and `golay` [11, 6] over three elements.

    Raises:
        InputError: an unknown name, n_c not prime, an L for which there is no such code, or more than 2^28
            entries.
    """
    n_c, L = _check(name, n_c, L)
    m = dimension(name, n_c, L)
    if m * L > LARGEST:
        raise InputError(
            f"the {name} code has m·L = {m}·{L} entries in its generator, but must have ≤ {LARGEST}"
        )
    if name == "repetition":
        return np.ones((1, L), dtype=np.int64)
    if name == "parity":
        return np.hstack([np.eye(L - 1, dtype=np.int64), np.full((L - 1, 1), n_c - 1)])
    if name == "tetracode":
        return np.array([[1, 1, 1, 0], [0, 1, 2, 1]])
    if name == "golay":
        # cyclic, from the factor x^5 + x^4 + 2x^3 + x^2 + 2 of x^11 - 1 over three elements
        polynomial = [2, 0, 1, 2, 1, 1]
        return np.array([[0] * shift + polynomial + [0] * (5 - shift) for shift in range(6)])
    points = _projective_points(n_c, L, name)
    return points if name == "simplex" else null_space(points, n_c)


def _lengths(n_c: int, L: int, name: str) -> int:
    """Return the m for which L = (n_c^m - 1)/(n_c - 1)."""
    lengths = [(n_c**m - 1) // (n_c - 1) for m in range(2, 25)]
    if L not in lengths:
        shown = ", ".join(map(str, lengths[:5]))
        raise InputError(
            f"L = {L}, but a {name} code over n_c = {n_c} elements has L = (n_c^m - 1)/(n_c - 1): {shown}, …"
        )
    return lengths.index(L) + 2


def _projective_points(n_c: int, L: int, name: str) -> Generator:
    """Return one column for each point of the projective space: vectors whose first non-zero entry is 1."""
    m = _lengths(n_c, L, name)
    if n_c**m * m > LARGEST:
        raise InputError(f"L = {L}, but the {name} code over {n_c} elements is too large for this program")
    columns = [v for v in product(range(n_c), repeat=m) if any(v) and next(x for x in v if x) == 1]
    return np.array(columns).T


def row_reduce(matrix: Generator, p: int) -> tuple[Generator, list[int]]:
    """Reduced row echelon form modulo the prime p, zero rows dropped, and the pivot columns."""
    rows, pivots = np.array(matrix) % p, []
    rank = 0
    for column in range(rows.shape[1]):
        found = np.flatnonzero(rows[rank:, column])
        if not found.size:
            continue
        rows[[rank, rank + found[0]]] = rows[[rank + found[0], rank]]
        rows[rank] = rows[rank] * pow(int(rows[rank, column]), -1, p) % p
        others = np.arange(len(rows)) != rank
        rows[others] = (rows[others] - np.outer(rows[others, column], rows[rank])) % p
        pivots.append(column)
        rank += 1
        if rank == len(rows):
            break
    return rows[:rank], pivots


def null_space(matrix: Generator, p: int) -> Generator:
    """Return a basis of {v : matrix v = 0 mod p}, one row each."""
    reduced, pivots = row_reduce(matrix, p)
    L = reduced.shape[1]
    free = [column for column in range(L) if column not in pivots]
    basis = np.zeros((len(free), L), dtype=np.int64)
    for row, column in enumerate(free):
        basis[row, column] = 1
        basis[row, pivots] = -reduced[:, column] % p
    return basis


def codewords(matrix: Generator, n_c: int) -> Int[np.ndarray, "K L"]:
    """Return all n_c^m codewords of a generator matrix, m its rank. Time and memory O(K L).

    Raises:
        InputError: n_c not prime, entries outside 0..n_c-1, dependent rows, or a table of more than 2^28
            entries.
    """
    matrix = np.asarray(matrix)
    if not is_prime(check_int("n_c", n_c, 2)):
        raise InputError(f"n_c = {n_c}, but must be prime for a linear code")
    if matrix.ndim != 2 or matrix.size == 0 or matrix.dtype.kind not in "iu":
        raise InputError(
            f"the generator matrix has shape {matrix.shape} and type {matrix.dtype}, but must be m×L integers"
        )
    if matrix.min() < 0 or matrix.max() >= n_c:
        raise InputError(
            f"the generator matrix has entries from {matrix.min()} to {matrix.max()}, but must have 0 to "
            f"{n_c - 1}"
        )
    m, L = matrix.shape
    check_size(m, n_c, L)
    if len(row_reduce(matrix, n_c)[1]) < m:
        raise InputError(
            f"the {m} rows of the generator matrix are dependent modulo {n_c}, but must be independent"
        )
    words = np.zeros((1, L), dtype=np.int64)
    for row in matrix:
        words = ((words[:, None, :] + np.arange(n_c)[None, :, None] * row) % n_c).reshape(-1, L)
    return words
