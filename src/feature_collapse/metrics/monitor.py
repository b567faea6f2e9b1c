"""Watch feature collapse while a model trains: embeddings by name, or activations by a forward hook.

    monitor = CollapseMonitor.of_embedding(model, "embed", concepts)  # or of_activations(model, "mlp", n)
    for batch in batches:
        ...  # forward, backward, optimiser
        monitor.step()  # or monitor.step(labels)

The only part of `metrics` (with watched.py) that imports torch. A measurement copies the features to the
CPU; between measurements `step` only counts. With `budget` (default 2%) a measurement is left out while the
monitor has used more than this share of the time since it was made.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np
import torch

from feature_collapse.errors import InputError, check_choice, check_int, check_real, nearest
from feature_collapse.metrics import arrays
from feature_collapse.metrics.arrays import Ints
from feature_collapse.metrics.normalisers import NORMALISERS
from feature_collapse.metrics.statistics import FeatureStatistics
from feature_collapse.metrics.watched import find_parameter, row_labels

SAMPLE_ROWS = 256


@dataclass(frozen=True)
class MonitorRecord:
    """One measurement: after how many steps, the verdict (chance not tested), values, and its seconds."""

    step: int
    verdict: str
    values: Mapping[str, float]
    seconds: float


class CollapseMonitor:
    """Measures every `every` steps and keeps a history; made by `of_embedding` or `of_activations`."""

    def __init__(
        self,
        *,
        n_concepts: int,
        concept_names: Sequence[str] | None,
        normaliser: str | None,
        eps: float,
        every: int,
        window: int,
        budget: float | None,
    ) -> None:
        """Use `of_embedding` or `of_activations`."""
        self.every = check_int("every", every, 1)
        self.window = check_int("window", window, 1, self.every)
        self.budget = None if budget is None else check_real("budget", budget, 0.0, 1.0, above=True)
        self.normaliser = check_choice("normaliser", normaliser or "none", NORMALISERS)
        self.eps = check_real("eps", eps, 0.0)
        self.n_concepts = check_int("n_concepts", n_concepts, 1)
        self.concept_names = concept_names
        self.history: list[MonitorRecord] = []
        self.steps = 0
        self.skipped = 0
        self.seconds = 0.0
        self._since = time.perf_counter()
        self._weight: torch.Tensor | None = None
        self._rows: torch.Tensor | None = None
        self._codes: Ints = np.zeros(0, dtype=np.int64)
        self._frequencies: np.ndarray[Any, Any] | None = None
        self._handle: Any = None
        self._caught: torch.Tensor | None = None
        self._statistics: FeatureStatistics | None = None

    @classmethod
    def of_embedding(
        cls,
        model: torch.nn.Module,
        name: str,
        concepts: Sequence[Any] | Mapping[int, Any],
        *,
        frequencies: Any = None,
        normaliser: str | None = None,
        eps: float = 0.0,
        every: int = 100,
        budget: float | None = 0.02,
    ) -> CollapseMonitor:
        """Watch the rows of a parameter, or of the `weight` of a module, called `name` in `model`.

        Args:
            model: any module.
            name: as in `model.named_parameters()` or `model.named_modules()`, for example "transformer.wte".
            concepts: the label of each row (None: not measured), or a mapping from some rows to their labels.
            frequencies: one per row that has a label, in the order of the rows.
            normaliser: what the model applies to these rows before it uses them.
            eps: ε of LayerNorm and RMSNorm.
            every: steps from one measurement to the next.
            budget: share of the time that measuring may take; None measures every time.

        Raises:
            InputError: if the name is not there, or the labels do not fit its rows.
        """
        weight = find_parameter(model, name)
        labels = row_labels(concepts, weight.shape[0], name)
        codes, names = arrays.encode_concepts(list(labels.values()), len(labels))
        self = cls(
            n_concepts=len(names),
            concept_names=names,
            normaliser=normaliser,
            eps=eps,
            every=every,
            window=1,
            budget=budget,
        )
        self._weight, self._codes = weight, codes
        self._rows = torch.tensor(list(labels), dtype=torch.long)
        if frequencies is not None:
            self._frequencies = arrays.check_frequencies(frequencies, len(labels))
        return self

    @classmethod
    def of_activations(
        cls,
        model: torch.nn.Module,
        name: str,
        n_concepts: int,
        *,
        concept_names: Sequence[str] | None = None,
        normaliser: str | None = None,
        eps: float = 0.0,
        every: int = 100,
        window: int = 1,
        budget: float | None = 0.02,
    ) -> CollapseMonitor:
        """Watch the output of the module `name`, of the last `window` batches before each measurement.

        The output (…, d) is read as rows of d numbers (of a tuple or an object with `last_hidden_state`,
        that one). Every `step` takes the concept ids of the rows, the same number of integers; negative ids
        are left out.

        Raises:
            InputError: if the name is not there, or an option is out of range.
        """
        modules = dict(model.named_modules())
        if name not in modules:
            raise InputError(f"module {name!r} is not in the model{nearest(name, modules)}")
        if concept_names is not None and len(concept_names) != n_concepts:
            raise InputError(f"concept_names has {len(concept_names)} names, but n_concepts = {n_concepts}")
        self = cls(
            n_concepts=n_concepts,
            concept_names=concept_names,
            normaliser=normaliser,
            eps=eps,
            every=every,
            window=window,
            budget=budget,
        )
        self._handle = modules[name].register_forward_hook(self._catch)
        return self

    def _catch(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        """Keep the output if this step is measured; the graph is not kept."""
        if not self._near():
            return
        if hasattr(output, "last_hidden_state"):
            output = output.last_hidden_state
        elif isinstance(output, tuple | list):
            output = output[0]
        if isinstance(output, torch.Tensor):
            self._caught = output.detach()

    def _near(self) -> bool:
        """Whether the step under way is one of the `window` before a measurement."""
        return (-(self.steps + 1)) % self.every < self.window

    def step(self, concepts: Any = None) -> MonitorRecord | None:
        """Count one training step; return the record if this one was measured.

        Args:
            concepts: for activations, the concept ids of the rows of the last forward pass.

        Raises:
            InputError: if they are missing or do not fit, or if a feature is not finite.
        """
        near = self._near()
        self.steps += 1
        if not near:
            return None
        start = time.perf_counter()
        due = self.steps % self.every == 0
        try:
            if self._affordable(start):
                if self._handle is not None:
                    self._collect(concepts)
                return self._measure(start) if due else None
            self.skipped += int(due)
            self._statistics = None
            return None
        finally:
            self._caught = None
            self.seconds += time.perf_counter() - start

    def _affordable(self, now: float) -> bool:
        """Whether one more measurement like the last stays inside the budget; the first is always made."""
        if self.budget is None or not self.history:
            return True
        return self.seconds + self.history[-1].seconds <= self.budget * (now - self._since)

    def _collect(self, concepts: Any) -> None:
        if self._caught is None:
            raise InputError("the watched module was not called in this step, so there is nothing to measure")
        if concepts is None:
            raise InputError(
                "concepts is missing: step needs the concept ids of the rows of the last forward pass"
            )
        rows = self._caught.reshape(-1, self._caught.shape[-1])
        ids = arrays.to_array("concepts", concepts).reshape(-1)
        if len(ids) != rows.shape[0]:
            raise InputError(f"concepts has {len(ids)} ids, but the module's output has {rows.shape[0]} rows")
        kept = np.flatnonzero(ids >= 0)
        if self._statistics is None:
            self._statistics = self._fresh(rows.shape[1])
        if len(kept):
            self._statistics.update(rows[torch.from_numpy(kept).to(rows.device)], ids[kept])

    def _fresh(self, d: int) -> FeatureStatistics:
        return FeatureStatistics(
            self.n_concepts, d, eps=self.eps, sample_rows=SAMPLE_ROWS, views=(self.normaliser,)
        )

    def _measure(self, start: float) -> MonitorRecord | None:
        statistics = self._statistics
        if self._weight is not None and self._rows is not None:
            rows = self._weight.detach()[self._rows.to(self._weight.device)]
            statistics = self._fresh(rows.shape[1]).update(rows, self._codes, self._frequencies)
        self._statistics = None
        if statistics is None or statistics.rows == 0:
            return None
        report = statistics.finalize(self.concept_names, self.normaliser)
        values = {k: v.value for k, v in report.views[self.normaliser].values.items()}
        record = MonitorRecord(
            self.steps, report.verdict, MappingProxyType(values), time.perf_counter() - start
        )
        self.history.append(record)
        return record

    @property
    def overhead(self) -> float:
        """Share of the time since the monitor was made that it has used itself."""
        return self.seconds / max(time.perf_counter() - self._since, 1e-9)

    def series(self, key: str) -> tuple[Ints, np.ndarray[Any, Any]]:
        """Return the steps (n,) and the values (n,) of one key, NaN where undefined."""
        steps = np.array([r.step for r in self.history], dtype=np.int64)
        return steps, np.array([r.values.get(key, np.nan) for r in self.history])

    def to_csv(self, path: str | Path) -> None:
        """Write the history: one line per measurement, empty cells where a value is undefined."""
        keys = sorted({k for r in self.history for k in r.values})
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["step", "verdict", "seconds", *keys])
            for r in self.history:
                cells = [r.values.get(k, np.nan) for k in keys]
                writer.writerow(
                    [r.step, r.verdict, r.seconds, *("" if c != c else repr(float(c)) for c in cells)]
                )

    def close(self) -> None:
        """Take the hook away; the history stays."""
        if self._handle is not None:
            self._handle.remove()

    def __enter__(self) -> CollapseMonitor:
        """Return the monitor."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the hook away."""
        self.close()
