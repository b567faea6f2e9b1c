"""What the theory predicts for a record, under the keys of its summary."""

from __future__ import annotations

from typing import Any

from feature_collapse.experiments.record import Record
from feature_collapse.theory.compare import refer


def predict(record: Record) -> dict[str, Any]:
    """The predicted figures, of the true risk: theorem 1, 2 or 3, or R5; empty where the theory says nothing."""
    s = record.settings
    return refer(record.latents, s.n_c, record.mu, s.lambda_, record.W.shape[1], s.normaliser).values
