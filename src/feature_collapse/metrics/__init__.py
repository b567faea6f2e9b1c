"""Measure feature collapse and neural collapse in anybody's model, on a file, an array, a stream or in training.

`measure` takes arrays; `FeatureStatistics` takes batches; `CollapseMonitor` (in `metrics.monitor`, the only part that
imports torch) sits in a training loop; `read_embeddings` and `read_groups` read files.
"""

from feature_collapse.metrics.measure import measure
from feature_collapse.metrics.report import Concept, Report, Value, View
from feature_collapse.metrics.statistics import FeatureStatistics

__all__ = ["Concept", "FeatureStatistics", "Report", "Value", "View", "measure"]
