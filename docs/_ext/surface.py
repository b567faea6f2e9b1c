"""What each name of the stable surface rests on, and where it is tested."""

from __future__ import annotations

from typing import NamedTuple


class Links(NamedTuple):
    """Links of a name's page: Markdown links to statements, and files below tests/."""

    rests_on: tuple[str, ...]
    tests: tuple[str, ...]


TASK = "[the data model](../statements.md#the-task)"
NETWORKS = "[equation (1)](../statements.md#the-networks)"
RISKS = "[the risks (2), (3), (5), (10)](../statements.md#the-risks)"
TYPES = "[definitions 1–3](../statements.md#the-three-types-of-collapse)"
THEOREMS = (
    "[theorem 1](../statements.md#theorem-1)",
    "[theorem 2](../statements.md#theorem-2)",
    "[theorem 3](../statements.md#theorem-3)",
)
DUALITY = ("[R2](../certificates.md#r2-the-plain-network)", "[R3](../certificates.md#r3-normalised-networks)")
VALUES = "[the definitions of the values](../metrics.md#values)"
NORMALISED = "[theorem 3](../statements.md#theorem-3)"

SURFACE: dict[str, Links] = {
    "ActivationMonitor": Links((VALUES,), ("metrics/test_monitor.py",)),
    "Bound": Links(DUALITY, ("certificates/test_certificates.py",)),
    "EmbeddingMonitor": Links((VALUES,), ("metrics/test_monitor.py",)),
    "InputError": Links((TASK,), ("cli/test_commands.py",)),
    "LayerNorm": Links((NETWORKS, NORMALISED), ("model/test_normalisers.py",)),
    "Prediction": Links(THEOREMS, ("theory/test_predict.py",)),
    "Problem": Links((RISKS,), ("risk/test_problem.py",)),
    "RMSNorm": Links((NETWORKS, NORMALISED), ("model/test_normalisers.py",)),
    "Record": Links((RISKS,), ("experiments/test_record.py",)),
    "Report": Links((VALUES,), ("metrics/test_verdict.py", "metrics/test_values.py")),
    "Sentences": Links((TASK,), ("task/test_sentences.py",)),
    "Settings": Links((TASK, RISKS), ("experiments/test_settings.py",)),
    "Solution": Links(DUALITY, ("solver/test_planted.py", "solver/test_solver_behaviour.py")),
    "Task": Links((TASK,), ("task/test_latents.py", "task/test_symmetry.py")),
    "UnitSphere": Links((NETWORKS, NORMALISED), ("model/test_normalisers.py",)),
    "Weights": Links((NETWORKS,), ("model/test_weights.py",)),
    "certificate": Links(DUALITY, ("certificates/test_certificates.py",)),
    "classify": Links((TYPES,), ("theory/test_types.py",)),
    "compare": Links((*THEOREMS, TYPES), ("theory/test_compare.py",)),
    "lambda_path": Links((RISKS, *DUALITY), ("solver/test_lambda_path.py",)),
    "make_task": Links((TASK,), ("task/test_latents.py", "task/test_frequencies.py")),
    "measure": Links((VALUES, TYPES), ("metrics/test_values.py", "metrics/test_verdict.py")),
    "predict": Links(THEOREMS, ("theory/test_predict.py", "theory/test_numbers.py")),
    "read_record": Links((RISKS,), ("experiments/test_record.py",)),
    "register": Links((NETWORKS,), ("model/test_normalisers.py",)),
    "run": Links((RISKS,), ("sgd/test_sgd.py", "solver/test_commands.py")),
    "sample_risk": Links((RISKS,), ("risk/test_population.py",)),
    "solve": Links(DUALITY, ("solver/test_planted.py", "solver/test_solver_behaviour.py")),
}
