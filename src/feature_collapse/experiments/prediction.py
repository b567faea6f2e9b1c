"""What the theory predicts for a record, under the keys of its summary."""

from __future__ import annotations

from typing import Any

from feature_collapse.experiments.record import Record


def predict(record: Record) -> dict[str, Any]:
    """The predicted figures."""
    return {}
