"""What both monitors share: when to measure, what it may cost, and the history that is kept."""

from __future__ import annotations

import csv
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self, TypedDict

import numpy as np
from numpy.typing import NDArray

from feature_collapse.errors import InputError, check_choice, check_int, check_real
from feature_collapse.metrics.arrays import Ints
from feature_collapse.metrics.statistics import FeatureStatistics
from feature_collapse.model.normalisers import normaliser_names

if TYPE_CHECKING:
    import polars

SAMPLE_ROWS = 256
LOG = logging.getLogger(__name__)


class WatchOptions(TypedDict, total=False):
    """Keywords of both monitors.

    normaliser: what the model applies to these features before it uses them, none if not given. eps: ε of
    LayerNorm and RMSNorm, 0. every: steps from one measurement to the next, 100. budget: share of the time
    since the monitor was made that measuring may take, 0.02; None measures every time.
    """

    normaliser: str | None
    eps: float
    every: int
    budget: float | None


@dataclass(frozen=True)
class Watch:
    """The options, checked."""

    normaliser: str | None = None
    eps: float = 0.0
    every: int = 100
    budget: float | None = 0.02

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_choice("normaliser", self.view, normaliser_names())
        check_real("eps", self.eps, 0.0)
        check_int("every", self.every, 1)
        if self.budget is not None:
            check_real("budget", self.budget, 0.0, 1.0, above=True)

    @property
    def view(self) -> str:
        """The view that is measured."""
        return self.normaliser or "none"


@dataclass(frozen=True)
class Measurement:
    """One measurement: after how many steps, outcome and verdict (chance not tested), values, seconds."""

    step: int
    outcome: str
    verdict: str
    values: Mapping[str, float]
    seconds: float


class Monitor:
    """Measures every `every` steps, unless that would break the budget, and keeps a history."""

    def __init__(self, n_concepts: int, concept_names: Sequence[str] | None, watch: Watch) -> None:
        """Use `EmbeddingMonitor` or `ActivationMonitor`."""
        self.n_concepts = check_int("n_concepts", n_concepts, 1)
        if concept_names is not None and len(concept_names) != n_concepts:
            raise InputError(f"concept_names has {len(concept_names)} names, but n_concepts = {n_concepts}")
        self.concept_names = concept_names
        self.watch = watch
        self.history: list[Measurement] = []
        self.steps = 0
        self.skipped = 0
        self.seconds = 0.0
        self._since = time.perf_counter()

    def affordable(self, now: float) -> bool:
        """Return whether one more measurement like the last fits the budget; the first is always made."""
        if self.watch.budget is None or not self.history:
            return True
        return self.seconds + self.history[-1].seconds <= self.watch.budget * (now - self._since)

    def skip(self) -> None:
        """Count a measurement that was left out; say so once, when most have been."""
        self.skipped += 1
        if self.skipped == max(5, len(self.history) + 1):
            LOG.warning("%s", self)

    def fresh(self, d: int) -> FeatureStatistics:
        """Return empty statistics of d-dimensional features."""
        return FeatureStatistics(
            self.n_concepts, d, eps=self.watch.eps, sample_rows=SAMPLE_ROWS, views=(self.watch.view,)
        )

    def keep(self, statistics: FeatureStatistics, start: float) -> Measurement:
        """Add what the statistics tell to the history, and return it."""
        report = statistics.finalize(self.concept_names, self.watch.view)
        values = {k: v.value for k, v in report.views[self.watch.view].values.items()}
        seconds = time.perf_counter() - start
        found = Measurement(self.steps, report.outcome, report.verdict, MappingProxyType(values), seconds)
        self.history.append(found)
        return found

    @property
    def overhead(self) -> float:
        """Share of the time since the monitor was made that it has used itself."""
        return self.seconds / max(time.perf_counter() - self._since, 1e-9)

    def series(self, key: str) -> tuple[Ints, NDArray[np.float64]]:
        """Return the steps (n,) and the values (n,) of one key, NaN where undefined."""
        steps = np.array([r.step for r in self.history], dtype=np.int64)
        return steps, np.array([r.values.get(key, np.nan) for r in self.history])

    def columns(self) -> dict[str, list[Any]]:
        """Return the history by column: step, outcome, verdict, seconds, every value (NaN if undefined)."""
        keys = sorted({k for r in self.history for k in r.values})
        return {
            "step": [r.step for r in self.history],
            "outcome": [r.outcome for r in self.history],
            "verdict": [r.verdict for r in self.history],
            "seconds": [r.seconds for r in self.history],
            **{k: [float(r.values.get(k, np.nan)) for r in self.history] for k in keys},
        }

    def to_csv(self, path: str | Path) -> None:
        """Write the history: one line per measurement, empty cells where a value is undefined."""
        columns = self.columns()
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            for row in zip(*columns.values(), strict=True):
                writer.writerow(["" if cell != cell else cell for cell in row])

    def to_dataframe(self) -> polars.DataFrame:
        """Return the history as a data frame of polars.

        Raises:
            InputError: where polars is not installed (extra `export`).
        """
        try:
            import polars  # an extra, and slow to load
        except ImportError:
            raise InputError("a data frame needs polars: pip install 'feature-collapse[export]'") from None
        return polars.DataFrame(self.columns())

    def __str__(self) -> str:
        """Return what was done, and what the budget left out."""
        text = (
            f"{len(self.history)} measurements in {self.steps} steps, {100 * self.overhead:.1f}% of the time"
        )
        if self.skipped:
            text += f"; {self.skipped} left out to stay within budget = {self.watch.budget:g} of the time"
        if self.skipped > len(self.history):
            text += ": most of them; give a larger `every`, or a larger budget"
        return text

    def close(self) -> None:
        """Let go of the model; the history stays."""

    def __enter__(self) -> Self:
        """Return the monitor."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the model."""
        self.close()
