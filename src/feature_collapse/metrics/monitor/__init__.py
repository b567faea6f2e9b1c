"""Watch feature collapse while a model trains: an embedding table, or the activations of a module.

    monitor = EmbeddingMonitor(model, "embed", concepts)  # or ActivationMonitor(model, "mlp", n_concepts)
    for batch in batches:
        ...  # forward, backward, optimiser
        monitor.step()  # or monitor.step(concept ids of the batch)

A measurement copies the features to the CPU; between measurements `step` only counts.
"""

from feature_collapse.metrics.monitor.activations import ActivationMonitor
from feature_collapse.metrics.monitor.callback import MonitorCallback
from feature_collapse.metrics.monitor.embedding import EmbeddingMonitor
from feature_collapse.metrics.monitor.history import Measurement, Monitor, WatchOptions

__all__ = [
    "ActivationMonitor",
    "EmbeddingMonitor",
    "Measurement",
    "Monitor",
    "MonitorCallback",
    "WatchOptions",
]
