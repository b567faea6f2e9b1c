"""The answer of one theorem for a setting: whether it applies and why (not), constants, risk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from feature_collapse.theory.theorem2 import Norms

ONE, TWO, THREE, FIVE = "theorem 1", "theorem 2", "theorem 3", "R5 (mean field)"

Value = float | list[float]


@dataclass(frozen=True)
class Prediction:
    """What one theorem says of a setting.

    Attributes:
        applies: whether every hypothesis of the theorem (of the approximation R5) holds.
        reason: why (not), in one sentence.
        constants: empty where the theorem says nothing; an approximation where it does not quite apply.
        risk: the minimal true risk, or None.
        converse: whether every minimiser has this form; None where it is not known.
        exact: whether the risk is the minimum and the constants are those of a minimiser, by proof.
        theorem: `theorem 1`, `theorem 2`, `theorem 3`, `R5 (mean field)`, or `none`.
        r: (s_c,) predicted norm of the features of each word of a concept, or None.

    >>> import feature_collapse as fc
    >>> print(fc.predict(fc.make_task(n_w=6, L=2, design="all"), lambda_=1e-3, d=10)["theorem1"].theorem)
    theorem 1
    """

    applies: bool
    reason: str
    constants: dict[str, Any] = field(default_factory=dict)
    risk: float | None = None
    converse: bool | None = None
    exact: bool = False
    theorem: str = "none"
    r: Norms | None = None

    def values(self) -> dict[str, Value]:
        """Return the predictions under the keys of a record's summary; empty where there are none."""
        if self.risk is None or self.r is None:
            return {}
        return {
            "risk": self.risk,
            "train_ce": self.constants["cross_entropy"],
            "penalty": self.constants["penalty"],
            "norm_W_mean": float(self.r.mean()),
            "norm_W_std": float(self.r.std()) if np.ptp(self.r) > 0 else 0.0,
            "norm_U_mean": self.constants["linear_norm"],
            "norm_U_std": 0.0,
            "singular_values_W": self.constants["singular_values_W"],
            "singular_values_U": self.constants["singular_values_U"],
        }

    def summary(self) -> dict[str, Any]:
        """Return the name of the theorem and its `values`: what a record stores as its prediction."""
        return {"theorem": self.theorem, **self.values()}

    def to_dict(self) -> dict[str, Any]:
        """Return the answer of one theorem, for JSON."""
        return {
            "applies": self.applies,
            "exact": self.exact,
            "reason": self.reason,
            "converse": self.converse,
            "constants": self.constants,
            "risk": self.risk,
        }

    def __str__(self) -> str:
        """Return the answer in one line."""
        risk = "" if self.risk is None else f": minimal risk {self.risk:.8g}"
        return f"{self.theorem} {'applies' if self.applies else 'does not apply'}{risk} ({self.reason})"
