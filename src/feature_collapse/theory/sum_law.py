"""The law of a sum of L independent terms, and the expectation of Φ(S) = log(1 + share·(e^S - 1)) under it.

Each term takes the value s_β ∈ [0, top] with probability μ_β. Its atoms are laid on a grid by six-point
Lagrange interpolation, which keeps the first five moments, so that expectations of smooth functions have an
error of O(h⁶) per term (below 1e-9 here); in its central interval that interpolation never amplifies a
frequency, so powers are stable. The law is tilted by e^{θ s} before the transform and back after it, so that
rounding is relative to the expectation where large sums decide it. Where all sums are small Φ is a power
series in moments of S, without any grid: rounding would be relative to Φ at the far end of the grid.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

_POINTS = np.arange(-2, 4)  # nodes used for a value between nodes 0 and 1
_DENOMINATORS = np.array([np.prod([p - q for q in _POINTS if q != p]) for p in _POINTS], dtype=np.float64)
_TILTS = np.linspace(0.0, 1.0, 9)
_SMALL, _TERMS = 0.1, 12  # sums up to 0.1 by the power series: what is left out is below 1e-13 relative


class SumLaw:
    """The grid for sums of L terms in [0, top], and Φ(S) = log(1 + share·(e^S - 1)) on it."""

    def __init__(self, L: int, top: float, log_share: float) -> None:
        """Lay the grid: 256 cells for each term, fewer where L·256 would exceed 2^19. Memory O(L·256)."""
        cells = max(8, min(256, 2**19 // L))
        self.L, self.h, self.log_share = L, top / cells, log_share
        self.nodes = cells + 6
        self.low = -2 * self.h  # the lowest node of one term
        self.size = L * (self.nodes - 1) + 1
        from scipy.fft import next_fast_len  # loads half of scipy

        self.length = next_fast_len(self.size, real=True)
        S = L * self.low + self.h * np.arange(self.size)
        self.S = S
        self.sign, self.log_phi = _log_phi(S, log_share)
        self.node_values = self.low + self.h * np.arange(self.nodes)
        self._transforms: dict[int, Float[np.ndarray, " f"]] = {}

    def expectation(
        self, s: Float[np.ndarray, " s_c"], mu: Float[np.ndarray, " s_c"]
    ) -> tuple[float, Float[np.ndarray, " s_c"]]:
        """Return E Φ(s_1 + … + s_L), and for each β the derivative E Φ'(s_β + s_2 + … + s_L)."""
        if self.L * float(s.max()) <= _SMALL:
            return self._small(s, mu)
        cell, weights, slopes = self._interpolation(s)
        index = cell[:, None] + _POINTS + 2
        law = np.bincount(index.ravel(), (mu[:, None] * weights).ravel(), minlength=self.nodes)
        rest = self._given_one(law, s, mu)  # E Φ(node + s_2 + … + s_L)
        return float(law @ rest), (slopes * rest[index]).sum(axis=1)

    def _small(self, s: np.ndarray, mu: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the same by the power series Φ(S) = share·Σ_n b_n S^n, to full relative precision."""
        factorial = np.array([math.factorial(n) for n in range(_TERMS + 1)], dtype=np.float64)
        share, b = math.exp(self.log_share), np.zeros(_TERMS + 1)
        for n in range(1, _TERMS + 1):  # of log(1 + g), g = share·Σ S^n/n!:  n b_n = n g_n - Σ k b_k g_{n-k}
            k = np.arange(1, n)
            b[n] = 1 / factorial[n] - share * float(k * b[k] @ (1 / factorial[n - k])) / n
        powers = s[:, None] ** np.arange(_TERMS + 1) / factorial  # s^n/n!
        one = mu @ powers
        value = share * float(b * factorial @ _power(one, self.L))
        others = _power(one, self.L - 1)  # E S'^n/n! of the other L - 1 terms
        # E (s_β + S')^{n-1}/(n-1)!, n ≥ 1
        given_one = np.stack([powers[:, : n + 1] @ others[n::-1] for n in range(_TERMS)], axis=1)
        return value, share * (given_one @ (b * factorial)[1:])

    def _interpolation(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the cell of each value, its Lagrange weights on six nodes, and their derivatives."""
        position = s / self.h
        cell = np.clip(np.floor(position).astype(np.int64), 0, self.nodes - 6)
        offsets = (position - cell)[:, None] - _POINTS
        weights, slopes = np.empty_like(offsets), np.zeros_like(offsets)
        for i in range(6):
            others = [j for j in range(6) if j != i]
            weights[:, i] = offsets[:, others].prod(axis=1) / _DENOMINATORS[i]
            for j in others:
                slopes[:, i] += offsets[:, [k for k in others if k != j]].prod(axis=1)
            slopes[:, i] /= _DENOMINATORS[i] * self.h
        return cell, weights, slopes

    def _given_one(self, law: np.ndarray, s: np.ndarray, mu: np.ndarray) -> np.ndarray:
        """Return E Φ(node + the other L - 1 terms) at each node of one term."""
        log_mgf = np.array([_log_mean_exp(tilt * s, mu) for tilt in _TILTS])
        bounds = [self.L * m + self._peak(i) for i, m in enumerate(log_mgf)]
        best = int(np.argmin(bounds))
        tilt = _TILTS[best]
        tilted = law * np.exp(tilt * self.node_values - log_mgf[best])
        others = np.fft.rfft(tilted, self.length) ** (self.L - 1)
        found = np.fft.irfft(np.conj(others) * self._transform(best), self.length)[: self.nodes]
        return np.asarray(
            found * np.exp(tilt * self.node_values + (self.L - 1) * log_mgf[best] + self._peak(best))
        )

    def _peak(self, tilt: int) -> float:
        return float((self.log_phi - _TILTS[tilt] * self.S).max())

    def _transform(self, tilt: int) -> np.ndarray:
        """Return the transform of Φ(S) e^{-θ S}, scaled to a maximum of 1; entry 0 is the lowest node's.

        A sum of L - 1 others at its index n and a first term at its node m lie at index n + m of the whole
        grid.
        """
        if tilt not in self._transforms:
            values = self.sign * np.exp(self.log_phi - _TILTS[tilt] * self.S - self._peak(tilt))
            self._transforms[tilt] = np.fft.rfft(values, self.length)
        return self._transforms[tilt]


def _power(series: np.ndarray, exponent: int) -> np.ndarray:
    """Return the coefficients of a power series with constant term 1, raised to a power."""
    out = np.zeros_like(series)
    out[0] = 1.0
    for n in range(1, len(series)):
        k = np.arange(1, n + 1)
        out[n] = float(((exponent + 1) * k - n) * series[k] @ out[n - k]) / n
    return out


def _log_phi(S: np.ndarray, log_share: float) -> tuple[np.ndarray, np.ndarray]:
    """Return sign and logarithm of |log(1 + share·(e^S - 1))|; S < 0 is at the edge of the grid only."""
    tiny = np.abs(S) < 1e-300
    safe = np.where(tiny, 1.0, S)
    log_y = log_share + np.where(safe > 0, safe, 0.0) + np.log(-np.expm1(-np.abs(safe)))
    up = np.logaddexp(0.0, log_y)  # log(1 + y)
    with np.errstate(divide="ignore", invalid="ignore"):
        positive = np.where(log_y < -30, log_y, np.log(up))
        y = np.exp(log_share) * np.expm1(np.minimum(safe, 0.0))
        negative = np.log(-np.log1p(y))
    out = np.where(safe > 0, positive, np.where(np.isfinite(negative), negative, -np.inf))
    return np.where(safe > 0, 1.0, -1.0), np.where(tiny, -np.inf, out)


def _log_mean_exp(exponents: np.ndarray, mu: np.ndarray) -> float:
    top = float(exponents.max())
    return top + math.log(float(mu @ np.exp(exponents - top)))
