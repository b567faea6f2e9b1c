"""How many other classes lie at each distance, and the sum over them that every theorem needs.

    X(s) = Σ_{r=1..L} |S_r| e^{-r s},     the risk without penalty is log(1 + X) at margin s per unit of
    distance.

Under assumption A, |S_r| = (K/n_c^L) C(L, r) (n_c - 1)^r and X(s) = (K/n_c^L) [(1 + (n_c - 1) e^{-s})^L - 1].
All is done in logarithms, so that n_c^L = 10^100 and e^{-s} = 10^-300 do no harm.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from feature_collapse.errors import InputError, check_int


class DistanceLaw(Protocol):
    """What the theorems need to know of the latents."""

    def log_sum(self, s: float) -> float:
        """Return the logarithm of X(s), s ≥ 0."""

    def mean_distance(self, s: float) -> float:
        """Return -d log X / ds: the mean of r under the weights |S_r| e^{-r s}."""


def check_sizes(n_c: int, L: int, K: int, fewest: int = 2) -> tuple[int, int, int]:
    """Return (n_c, L, K) as Python integers: n_c from 2 to 10^9, L from 1 to 10^6, K of any size.

    Raises:
        InputError: a size out of range.
    """
    return check_int("n_c", n_c, 2, 10**9), check_int("L", L, 1, 10**6), check_int("K", K, fewest)


def log_share(n_c: int, L: int, K: int) -> float:
    """Return the logarithm of K/n_c^L, exactly 0 for K = n_c^L; the power is taken only near it."""
    share = math.log(K) - L * math.log(n_c)
    return 0.0 if abs(share) <= 1e-9 * max(1.0, math.log(K)) and n_c**L == K else share


def log_expm1(y: float) -> float:
    """Return log(e^y - 1) for y > 0."""
    return y + math.log(-math.expm1(-y)) if y > 0.5 else math.log(math.expm1(y))


@dataclass(frozen=True)
class AssumptionA:
    """The spheres of assumption A for K of the n_c^L latents, in closed form; K may be any Python integer."""

    n_c: int
    L: int
    K: int

    def __post_init__(self) -> None:
        """Check the sizes.

        Raises:
            InputError: n_c < 2, L < 1 or K < 1.
        """
        check_sizes(self.n_c, self.L, self.K, fewest=1)

    def log_sum(self, s: float) -> float:
        """Return the logarithm of X(s)."""
        log_odds = math.log(self.n_c - 1) - s
        log_y = math.log(self.L) + (math.log(math.log1p(math.exp(log_odds))) if log_odds > -36 else log_odds)
        return log_share(self.n_c, self.L, self.K) + (log_expm1(math.exp(log_y)) if log_y > -36 else log_y)

    def mean_distance(self, s: float) -> float:
        """Return L p/(1 - e^{-y}): p the chance that a position differs, y = L log(1 + (n_c - 1) e^{-s})."""
        odds = math.exp(math.log(self.n_c - 1) - s)
        y = self.L * math.log1p(odds)
        return self.L * odds / (1.0 + odds) / -math.expm1(-y) if y > 0 else 1.0


@dataclass(frozen=True)
class Spheres:
    """Given sphere sizes |S_0|, …, |S_L|; |S_0| counts the class itself and must be 1.

    Raises:
        InputError: negative or non-finite sizes, |S_0| ≠ 1, or no other class.
    """

    sizes: tuple[float, ...]

    def __init__(self, sizes: Sequence[float] | np.ndarray) -> None:
        """Check the sizes and keep them as Python numbers (whole ones exactly)."""
        try:
            kept = tuple(int(x) if float(x) == int(x) else float(x) for x in sizes if math.isfinite(x))
        except (TypeError, ValueError):
            raise InputError("sphere sizes must be a list of numbers ≥ 0, |S_0| = 1 first") from None
        except OverflowError:  # integers beyond the range of floats: codes with more than 10^308 words
            kept = tuple(sizes)
        if len(kept) != len(sizes) or len(kept) < 2 or min(kept) < 0 or kept[0] != 1 or not any(kept[1:]):
            raise InputError(
                f"sphere sizes = {list(sizes)}, but must be |S_0| = 1 and then L numbers ≥ 0, not all 0"
            )
        object.__setattr__(self, "sizes", kept)

    @property
    def L(self) -> int:
        """Sentence length."""
        return len(self.sizes) - 1

    @property
    def K(self) -> int:
        """Number of classes."""
        return round(sum(self.sizes))

    def _terms(self, s: float) -> tuple[list[float], list[int], float]:
        found = [(math.log(size) - r * s, r) for r, size in enumerate(self.sizes) if r and size]
        top = max(term for term, _ in found)
        return [math.exp(term - top) for term, _ in found], [r for _, r in found], top

    def log_sum(self, s: float) -> float:
        """Return the logarithm of X(s). O(L)."""
        terms, _, top = self._terms(s)
        return top + math.log(math.fsum(terms))

    def mean_distance(self, s: float) -> float:
        """Return -d log X / ds. O(L)."""
        terms, distances, _ = self._terms(s)
        return math.fsum(t * r for t, r in zip(terms, distances, strict=True)) / math.fsum(terms)


def cross_entropy(law: DistanceLaw, s: float) -> float:
    """Return log(1 + X(s)): R_0 where every margin is s times the distance (lemmas K and R)."""
    return float(np.logaddexp(0.0, law.log_sum(s)))


def log_slope(law: DistanceLaw, s: float) -> float:
    """Return log(-d/ds log(1 + X(s)))."""
    log_sum = law.log_sum(s)
    return log_sum - float(np.logaddexp(0.0, log_sum)) + math.log(law.mean_distance(s))
