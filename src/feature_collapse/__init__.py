"""Feature collapse: the model, the theory, the certified solver and the measurements.

    import feature_collapse as fc

    task = fc.make_task(n_w=60, L=6, K=40, word_law="zipf", seed=0)
    best = fc.solve(fc.Problem.of(task, n_spl=5, lambda_=1e-3), gap=1e-4)

The names in `__all__` are the stable surface: they keep their meaning until the next major version, and
docs/api.md has a row for each. Everything else may change and is imported from its module. Names are loaded
at their first use, so that `import feature_collapse` costs nothing and `measure` needs neither torch nor
matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feature_collapse.certificates.bound import Bound
    from feature_collapse.certificates.certify import certificate
    from feature_collapse.errors import InputError
    from feature_collapse.experiments.record import Record, read_record
    from feature_collapse.experiments.run import run
    from feature_collapse.experiments.settings import Settings
    from feature_collapse.metrics.measure import measure
    from feature_collapse.metrics.monitor import ActivationMonitor, EmbeddingMonitor
    from feature_collapse.metrics.report import Report
    from feature_collapse.model.normalisers import LayerNorm, RMSNorm, UnitSphere, register
    from feature_collapse.model.weights import Weights
    from feature_collapse.risk.population import sample_risk
    from feature_collapse.risk.problem import Problem
    from feature_collapse.solver.lambda_path import lambda_path
    from feature_collapse.solver.solution import Solution
    from feature_collapse.solver.solve import solve
    from feature_collapse.task.sentences import Sentences
    from feature_collapse.task.task import Task, make_task
    from feature_collapse.theory.classify import classify
    from feature_collapse.theory.compare import compare
    from feature_collapse.theory.predict import predict
    from feature_collapse.theory.prediction import Prediction

__version__ = "0.2.0"

_HOME = {
    "ActivationMonitor": "metrics.monitor.activations",
    "Bound": "certificates.bound",
    "EmbeddingMonitor": "metrics.monitor.embedding",
    "InputError": "errors",
    "LayerNorm": "model.normalisers",
    "Prediction": "theory.prediction",
    "Problem": "risk.problem",
    "RMSNorm": "model.normalisers",
    "Record": "experiments.record",
    "Report": "metrics.report",
    "Sentences": "task.sentences",
    "Settings": "experiments.settings",
    "Solution": "solver.solution",
    "Task": "task.task",
    "UnitSphere": "model.normalisers",
    "Weights": "model.weights",
    "certificate": "certificates.certify",
    "classify": "theory.classify",
    "compare": "theory.compare",
    "lambda_path": "solver.lambda_path",
    "make_task": "task.task",
    "measure": "metrics.measure",
    "predict": "theory.predict",
    "read_record": "experiments.record",
    "register": "model.normalisers",
    "run": "experiments.run",
    "sample_risk": "risk.population",
    "solve": "solver.solve",
}

__all__ = [
    "ActivationMonitor",
    "Bound",
    "EmbeddingMonitor",
    "InputError",
    "LayerNorm",
    "Prediction",
    "Problem",
    "RMSNorm",
    "Record",
    "Report",
    "Sentences",
    "Settings",
    "Solution",
    "Task",
    "UnitSphere",
    "Weights",
    "certificate",
    "classify",
    "compare",
    "lambda_path",
    "make_task",
    "measure",
    "predict",
    "read_record",
    "register",
    "run",
    "sample_risk",
    "solve",
]


def __getattr__(name: str) -> object:
    """Return a name of the stable surface, loading its module at the first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'feature_collapse' has no attribute {name!r}")
    value = getattr(import_module(f"feature_collapse.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the stable surface and the version."""
    return [*__all__, "__version__"]
