"""Watch the rows of an embedding table while a model trains."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack

from feature_collapse.metrics import arrays
from feature_collapse.metrics.monitor.history import Measurement, Monitor, Watch, WatchOptions
from feature_collapse.metrics.monitor.parameters import find_parameter, row_frequencies, row_labels

if TYPE_CHECKING:
    import torch


class EmbeddingMonitor(Monitor):
    """Measures the rows of a parameter, or of the `weight` of a module, every `every` steps.

    >>> import torch
    >>> model = torch.nn.Sequential(torch.nn.Embedding(6, 4))
    >>> monitor = EmbeddingMonitor(model, "0", ["noun", "noun", "verb", "verb", "verb", None], every=10)
    >>> for _ in range(20):  # a training step, then
    ...     found = monitor.step()
    >>> monitor.history[0].step
    10
    """

    def __init__(
        self,
        model: torch.nn.Module,
        name: str,
        concepts: Sequence[Any] | Mapping[int, Any],
        frequencies: Sequence[float] | Mapping[int, float] | None = None,
        **options: Unpack[WatchOptions],
    ) -> None:
        """Watch the rows called `name` in `model`.

        Args:
            model: any module.
            name: as in `model.named_parameters()` or `model.named_modules()`, for example "transformer.wte".
            concepts: the label of each row (None: not measured), or a mapping from some rows to their labels.
            frequencies: a mapping from rows to frequencies; or one for every row of the table; or one for
                each row that has a label, in the order in which `concepts` gives them.
            **options: `normaliser`, `eps`, `every`, `budget` (see `WatchOptions`).

        Raises:
            InputError: if the name is not there, the labels or frequencies do not fit its rows, or an option
                is out of range.
        """
        weight = find_parameter(model, name)
        labels = row_labels(concepts, weight.shape[0], name)
        codes, names = arrays.encode_concepts(list(labels.values()), len(labels))
        super().__init__(len(names), names, Watch(**options))
        self._weight, self._codes = weight, codes
        self._rows = list(labels)
        self._frequencies = None
        if frequencies is not None:
            self._frequencies = row_frequencies(frequencies, list(labels), weight.shape[0])

    def step(self) -> Measurement | None:
        """Count one training step; return the measurement if one was made.

        Raises:
            InputError: if a row is not finite.
        """
        self.steps += 1
        if self.steps % self.watch.every:
            return None
        start = time.perf_counter()
        try:
            if not self.affordable(start):
                self.skip()
                return None
            rows = self._weight.detach()[self._rows]
            return self.keep(self.fresh(rows.shape[1]).update(rows, self._codes, self._frequencies), start)
        finally:
            self.seconds += time.perf_counter() - start
