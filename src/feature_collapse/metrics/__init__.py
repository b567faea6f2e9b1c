"""Measure feature collapse and neural collapse in anybody's model, in files, arrays, streams or training.

`measure` takes arrays; `FeatureStatistics` takes batches; `EmbeddingMonitor` and `ActivationMonitor` (in
`metrics.monitor`) sit in a training loop; `read_embeddings` and
`read_groups` read files.
"""

from feature_collapse.metrics.measure import measure
from feature_collapse.metrics.readers import read_embeddings, read_groups, read_tokens, select
from feature_collapse.metrics.record_tables import RecordTables, measure_record, read_tables
from feature_collapse.metrics.report import Concept, Report, View
from feature_collapse.metrics.statistics import FeatureStatistics
from feature_collapse.metrics.value import Value

__all__ = [
    "Concept",
    "FeatureStatistics",
    "RecordTables",
    "Report",
    "Value",
    "View",
    "measure",
    "measure_record",
    "read_embeddings",
    "read_groups",
    "read_tables",
    "read_tokens",
    "select",
]
