"""Word laws μ: the frequencies of the words inside a concept (paper §2.2, §3).

Every concept has the same law μ = (μ_1, …, μ_{s_c}), μ_β > 0, Σ_β μ_β = 1. A law is a plain float64 array of
shape (s_c,), so a new one needs no registration: build the array and hand it to `given`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from feature_collapse.boundary import read_text
from feature_collapse.errors import InputError, check_int, check_real

Law = Float[np.ndarray, " s_c"]


def uniform(s_c: int) -> Law:
    """Return the uniform law μ_β = 1/s_c.

    Raises:
        InputError: if s_c < 1.
    """
    s_c = check_int("s_c", s_c, 1)
    return np.full(s_c, 1.0 / s_c)


def zipf(s_c: int, exponent: float = 1.0) -> Law:
    """Return Zipf's law μ_β ∝ β^(-exponent), β = 1..s_c.

    The paper's long tail has exponent 1, and 0 is uniform.

    Raises:
        InputError: if s_c < 1, if the exponent is negative or not finite, or so large that a frequency
            underflows to zero.
    """
    s_c, exponent = check_int("s_c", s_c, 1), check_real("exponent", exponent, 0.0)
    log_mu = -exponent * np.log(np.arange(1, s_c + 1, dtype=np.float64))
    mu = np.exp(log_mu)
    if mu[-1] < np.finfo(np.float64).tiny:
        limit = -np.log(np.finfo(np.float64).tiny) / np.log(s_c)
        raise InputError(
            f"exponent = {exponent:g} with s_c = {s_c} makes the rarest word's frequency underflow; "
            f"the exponent must be from 0 to {limit:.4g}"
        )
    return np.asarray(mu / mu.sum())


def given(frequencies: Sequence[float] | np.ndarray, s_c: int | None = None) -> Law:
    """Return any positive vector, scaled to sum to one.

    Args:
        frequencies: shape (s_c,), positive, finite, of any scale.
        s_c: the length it must have, if known.

    Raises:
        InputError: for zeros, negative values, NaN or inf, a wrong shape or a wrong length.
    """
    try:
        mu = np.array(frequencies, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise InputError("frequencies must be a list of positive numbers") from None
    if mu.ndim != 1 or mu.size == 0:
        raise InputError(f"frequencies have shape {mu.shape}, but must be a vector of length ≥ 1")
    if s_c is not None and mu.size != s_c:
        raise InputError(f"frequencies have length {mu.size}, but must have length s_c = n_w / n_c = {s_c}")
    wrong = np.flatnonzero(~(np.isfinite(mu) & (mu > 0)))
    if wrong.size:
        raise InputError(
            f"frequencies[{wrong[0]}] = {mu[wrong[0]]:g}, but every frequency must be finite and > 0"
        )
    mu /= mu.max()  # first, so that the sum of huge values cannot overflow
    mu /= mu.sum()
    if mu.min() < np.finfo(np.float64).tiny:
        raise InputError(
            "frequencies span more than float64 can hold; the smallest / largest must be ≥ 1e-307"
        )
    return mu


def read_frequencies(text: str) -> list[float]:
    """Return numbers separated by commas or white space: the text itself, or the file that it names.

    A file may be written with or without a leading @.

    Raises:
        InputError: neither numbers nor a readable file of numbers.
    """
    try:
        return _numbers(text)
    except ValueError:
        path = Path(text.removeprefix("@"))
    try:
        return _numbers(read_text(path, "the file of frequencies"))
    except ValueError as error:
        reason = str(error) if isinstance(error, InputError) else "it must hold numbers only"
        raise InputError(
            f"frequencies = {text!r}, but must be numbers separated by commas, or a file of them ({reason})"
        ) from None


def _numbers(text: str) -> list[float]:
    return [float(x) for x in text.replace(",", " ").split()]


def is_uniform(mu: Law) -> bool:
    """Return whether all frequencies agree to rounding (1e-12 relative)."""
    return bool(np.ptp(mu) <= 1e-12 * mu.max())
