"""Watch the output of a module while a model trains."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from feature_collapse.errors import InputError, check_int, nearest
from feature_collapse.metrics import arrays
from feature_collapse.metrics.monitor.history import Measurement, Monitor, Watch, WatchOptions
from feature_collapse.metrics.statistics import FeatureStatistics

if TYPE_CHECKING:
    import torch


class ActivationMonitor(Monitor):
    """Measures a module's output over the last `window` batches before every `every`-th step.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU())
    >>> with ActivationMonitor(model, "1", n_concepts=2, every=1) as monitor:
    ...     _ = model(torch.eye(4))
    ...     found = monitor.step([0, 0, 1, 1])
    >>> found.step
    1
    """

    def __init__(
        self,
        model: torch.nn.Module,
        name: str,
        n_concepts: int,
        *,
        concept_names: Sequence[str] | None = None,
        window: int = 1,
        evaluation: bool = False,
        **options: Unpack[WatchOptions],
    ) -> None:
        """Watch the output of the module `name`, by a forward hook.

        The output (…, d) is read as rows of d numbers (of a tuple or an object with `last_hidden_state`,
        that one). Passes in evaluation mode are not seen unless `evaluation`: a validation loop between two
        steps does not mix with the labels of the training batch.

        Raises:
            InputError: if the name is not there, or an option is out of range.
        """
        modules = dict(model.named_modules())
        if name not in modules:
            raise InputError(f"module {name!r} is not in the model{nearest(name, modules)}")
        watch = Watch(**options)
        super().__init__(n_concepts, concept_names, watch)
        self.window = check_int("window", window, 1, watch.every)
        self.evaluation = evaluation
        self._caught: list[torch.Tensor] = []
        self._statistics: FeatureStatistics | None = None
        self._handle = modules[name].register_forward_hook(self._catch)

    def _catch(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        """Keep the output if this step is measured; the graph is not kept."""
        if not self._near() or not (module.training or self.evaluation):
            return
        if hasattr(output, "last_hidden_state"):
            output = output.last_hidden_state
        elif isinstance(output, tuple | list):
            output = output[0]
        if hasattr(output, "detach"):
            found = output.detach()
            # gradient checkpointing calls the module again on the same batch
            if not any(found.shape == old.shape and bool((found == old).all()) for old in self._caught):
                self._caught.append(found)

    def _near(self) -> bool:
        """Return whether the step under way is one of the `window` before a measurement."""
        return (-(self.steps + 1)) % self.watch.every < self.window

    def step(self, concepts: Any = None) -> Measurement | None:
        """Count one training step; return the measurement if one was made.

        Args:
            concepts: the concept ids of the rows of this step's forward pass; negative ids are left out.

        Raises:
            InputError: if they are missing or do not fit, if a feature is not finite, or if the module was
                called on several batches in this step, so that the labels of one do not say all.
        """
        near = self._near()
        self.steps += 1
        if not near:
            return None
        start = time.perf_counter()
        due = self.steps % self.watch.every == 0
        try:
            if self.affordable(start):
                self._collect(concepts)
                return self._measure(start) if due else None
            if due:
                self.skip()
            self._statistics = None
            return None
        finally:
            self._caught = []
            self.seconds += time.perf_counter() - start

    def _collect(self, concepts: Any) -> None:
        if not self._caught:
            mode = "" if self.evaluation else " in training mode"
            raise InputError(
                f"the watched module was not called{mode} in this step, so there is nothing to measure"
            )
        if len(self._caught) > 1:
            raise InputError(
                f"the watched module was called on {len(self._caught)} batches in this step: call step once "
                "for each, with the concept ids of its own rows"
            )
        if concepts is None:
            raise InputError(
                "concepts is missing: step needs the concept ids of the rows of the last forward pass"
            )
        rows = self._caught[0].reshape(-1, self._caught[0].shape[-1])
        ids = arrays.to_array("concepts", concepts).reshape(-1)
        if len(ids) != rows.shape[0]:
            raise InputError(f"concepts has {len(ids)} ids, but the module's output has {rows.shape[0]} rows")
        kept = np.flatnonzero(ids >= 0)
        if self._statistics is None:
            self._statistics = self.fresh(rows.shape[1])
        if len(kept):
            self._statistics.update(rows[kept.tolist()], ids[kept])

    def _measure(self, start: float) -> Measurement | None:
        statistics, self._statistics = self._statistics, None
        return None if statistics is None or statistics.rows == 0 else self.keep(statistics, start)

    def close(self) -> None:
        """Take the hook away; the history stays."""
        self._handle.remove()
