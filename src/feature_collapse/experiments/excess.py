"""How far above the minimum of the true risk a record's weights are: how good, not only how well fitted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from feature_collapse.experiments.limit_value import EACH, Effort, Limit, true_risk
from feature_collapse.experiments.record import Record
from feature_collapse.theory.interval import upper_limit


@dataclass(frozen=True)
class Excess:
    """How far above the minimum the true risk of given weights is.

    Attributes:
        true_risk: of the weights, estimated on fresh sentences.
        standard_error: of that estimate.
        excess: true_risk less the minimum.
        low, high: 95% confidence limits of the excess.
        optimism: the minimum less the least empirical risk, where the record holds a certified one.
    """

    true_risk: float
    standard_error: float
    excess: float
    low: float
    high: float
    optimism: float | None

    def to_dict(self) -> dict[str, Any]:
        """Return every number, for JSON."""
        return {
            "true_risk": self.true_risk,
            "standard_error": self.standard_error,
            "excess": self.excess,
            "excess_low": self.low,
            "excess_high": self.high,
            "optimism": self.optimism,
        }

    def __str__(self) -> str:
        """Return the excess with its interval."""
        text = (
            f"true risk of the weights {self.true_risk:.6g} ± {self.standard_error:.2g}: excess "
            f"{self.excess:.4g}, from {self.low:.4g} to {self.high:.4g} with 95% confidence"
        )
        if self.optimism is None:
            return text
        return f"{text}; the least empirical risk lies {self.optimism:.4g} below the least true risk"


def excess(record: Record, found: Limit, effort: Effort | None = None) -> Excess:
    """Return how far the true risk of a record's weights is above the minimum, with 95% confidence.

    O(samples · K L).
    """
    effort, settings = effort or Effort(), record.settings
    risk, error = true_risk(record.weights, record.task, settings, effort.samples, 2)
    margin = upper_limit(0.0, error, EACH)
    certified = record.summary.get("lower_bound") is not None
    optimism = found.risk - float(record.summary["risk"]) if certified else None
    low, high = risk - margin - found.upper_bound, risk + margin - found.lower_bound
    return Excess(risk, error, risk - found.risk, low, high, optimism)
