"""The gaps and decays that the certified solver takes."""

from __future__ import annotations

from feature_collapse.errors import check_lambda, check_real

SMALLEST_GAP = 1e-10
# below it the solver often ended far above the minimum, as it said; certificates need no such limit
SMALLEST_LAMBDA = 1e-9


def check_range(gap: float, lambda_: float) -> None:
    """Check the two numbers that `solve` takes in a narrower range than others do.

    Raises:
        InputError: a relative gap below 1e-10 or above 1, or λ < `SMALLEST_LAMBDA`.
    """
    check_real("gap", gap, SMALLEST_GAP, 1.0)
    check_lambda(lambda_, SMALLEST_LAMBDA)
