"""Monitors as a callback of a trainer, by duck typing: `transformers` and Lightning are not imported."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from feature_collapse.errors import InputError
from feature_collapse.metrics.monitor.activations import ActivationMonitor
from feature_collapse.metrics.monitor.embedding import EmbeddingMonitor


class MonitorCallback:
    """Steps monitors once per training step: `Trainer(callbacks=[MonitorCallback(monitor)])`.

    `on_step_end` is called by `transformers.Trainer`, `on_train_batch_end` by Lightning; every other event
    passes. An `ActivationMonitor` needs `labels`, which makes the concept ids of the rows from a batch: only
    Lightning hands the batch on.
    """

    def __init__(
        self,
        *monitors: EmbeddingMonitor | ActivationMonitor,
        labels: Callable[[Any], Any] | None = None,
    ) -> None:
        """Keep the monitors.

        Raises:
            InputError: an `ActivationMonitor` without `labels`.
        """
        if labels is None and any(isinstance(m, ActivationMonitor) for m in monitors):
            raise InputError("labels is missing: a function from a batch to the concept ids of its rows")
        self.monitors = monitors
        self.labels = labels
        self.state_key = type(self).__name__  # Lightning names callbacks by it

    def on_step_end(self, args: Any, state: Any, control: Any, **context: Any) -> Any:
        """Count one step of a `transformers`-style trainer; return its control as it is."""
        self._step(None)
        return control

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, *rest: Any) -> None:
        """Count one step of a Lightning-style trainer."""
        self._step(batch)

    def _step(self, batch: Any) -> None:
        for monitor in self.monitors:
            if isinstance(monitor, EmbeddingMonitor):
                monitor.step()
            elif batch is None:
                raise InputError(
                    "this trainer does not hand its batches on: call ActivationMonitor.step yourself instead"
                )
            elif self.labels is not None:
                monitor.step(self.labels(batch))

    def state_dict(self) -> dict[str, Any]:
        """Return nothing to store in a checkpoint."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take nothing from a checkpoint."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return a method that does nothing for every other event of a trainer."""
        if name.startswith("on_") or name in ("setup", "teardown"):
            return lambda *args, **context: None
        raise AttributeError(name)
