"""What the certified solver returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from feature_collapse.certificates.bound import Bound
from feature_collapse.model.weights import Embeddings, LinearWeights, Weights


@dataclass(frozen=True, eq=False)
class Solution:
    """Weights with a proof of how far from the global minimum they are at most.

    Attributes:
        weights: (n_w, rank) and (K, L, rank) for the plain network; in R^d for a normalised one.
        bound: the empirical risk there, in float64, and a lower bound on the global minimum, over every d
            (plain)
            or at this radius (normalised).
        status: "solved", "zero", "time_limit" or "stalled".
        message: the same as a sentence.
        history: (·, 9) columns `trace.COLUMNS`; lower_bound is NaN where it was not computed, phase is 0
            on all data and p ≥ 1 on part p of it. (Records of version 0.1 have no phase: an iteration < 0
            is on a part.)
        seconds: elapsed, earlier parts of a resumed run included.
        rank: number of directions the words use.

    >>> import feature_collapse as fc
    >>> found = fc.solve(fc.Problem.of(fc.make_task(n_w=12, L=3, K=8, seed=0), n_spl=3, lambda_=0.01))
    >>> found.status, found.weights.n_w, found.lower_bound <= found.risk
    ('solved', 12, True)
    """

    weights: Weights
    bound: Bound
    status: str
    message: str
    history: Float[np.ndarray, "rows 9"]
    seconds: float
    rank: int

    @property
    def W(self) -> Embeddings:
        """The word embeddings."""
        return self.weights.W

    @property
    def U(self) -> LinearWeights:
        """The linear weights."""
        return self.weights.U

    @property
    def risk(self) -> float:
        """The empirical risk at the weights."""
        return self.bound.risk

    @property
    def lower_bound(self) -> float:
        """Proved to be at most the global minimum."""
        return self.bound.lower_bound

    @property
    def gap(self) -> float:
        """The risk less the lower bound."""
        return self.bound.gap

    @property
    def relative_gap(self) -> float:
        """The gap over the risk."""
        return self.bound.relative_gap

    def to_dict(self) -> dict[str, Any]:
        """Return every number but the weights and the history, for JSON."""
        own = {"status": self.status, "message": self.message, "seconds": self.seconds, "rank": self.rank}
        return {**self.bound.to_dict(), **own}

    def __str__(self) -> str:
        """Return the status and what is proved."""
        return f"{self.status}: {self.message}"
