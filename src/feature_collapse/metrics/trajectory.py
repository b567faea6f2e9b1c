"""Several checkpoints of one model: each value as a curve, and which tables are one and the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from feature_collapse.metrics.measured import Measured, measure_file
from feature_collapse.metrics.readers.source import Source
from feature_collapse.metrics.report import SCHEMA_VERSION, Report
from feature_collapse.metrics.value import number


@dataclass(frozen=True)
class Trajectory:
    """Reports of checkpoints in the order given, and pairs (later, earlier) that hold identical tables."""

    sources: tuple[str, ...]
    reports: tuple[Report, ...]
    identical: tuple[tuple[str, str], ...]

    def series(self, key: str) -> tuple[list[int], list[float]]:
        """Return numbers of the checkpoints, from 1, and the value `key` of each, NaN where undefined."""
        found = [r.views[r.normaliser].values.get(key) for r in self.reports]
        return list(range(1, len(found) + 1)), [float("nan") if v is None else v.value for v in found]

    def keys(self) -> tuple[str, ...]:
        """Return the values that any checkpoint has, in the order of the report."""
        return tuple(dict.fromkeys(k for r in self.reports for k in r.views[r.normaliser].values))

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values: the curves, not every report in full."""
        return {
            "schema_version": SCHEMA_VERSION,
            "checkpoints": list(self.sources),
            "outcomes": [r.outcome for r in self.reports],
            "identical": [list(pair) for pair in self.identical],
            "values": {k: [number(v) for v in self.series(k)[1]] for k in self.keys()},
        }


def trajectory(files: Sequence[str | Path], source: Source | None = None, **options: Any) -> Trajectory:
    """Measure checkpoints one after the other, without intervals or chance unless `options` ask for them.

    Args:
        files: embeddings, models' folders or records, in the order of training.
        source: groups and frequencies, the same for all; None for records.
        options: of `measure_file`.

    Raises:
        InputError: as `measure_file`.
    """
    reports, sources, same = [], [], []
    seen: dict[bytes, str] = {}
    for file in files:
        one = measure_file(file, source, **{"resamples": 0, "shuffles": 0, **options})
        found = _fingerprint(one)
        if found in seen:
            same.append((str(file), seen[found]))
        seen.setdefault(found, str(file))
        reports.append(one.report)
        sources.append(str(file))
    return Trajectory(tuple(sources), tuple(reports), tuple(same))


def _fingerprint(one: Measured) -> bytes:
    """Return a hash of the vectors measured: their shape and their values in float64."""
    x = np.ascontiguousarray(one.vectors, dtype=np.float64)
    return hashlib.sha256(repr(x.shape).encode() + x.tobytes()).digest()
