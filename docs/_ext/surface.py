"""What each public name rests on, where it is tested, and where items of the paper are stated."""

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

# the first words of a row of paper-map.md -> the section of statements.md
STATED: dict[str, str] = {
    "(1)": "the-networks",
    "(2), (3)": "the-risks",
    "(4)": "the-three-types-of-collapse",
    "(5), (10)": "the-risks",
    "definition 1": "the-three-types-of-collapse",
    "definition 2": "the-three-types-of-collapse",
    "definition 3": "the-three-types-of-collapse",
    "assumption 1": "latent-symmetry",
    "assumption B": "latent-symmetry",
    "theorem 1": "theorem-1",
    "theorem E (ii)": "theorem-1",
    "(7)-(8)": "theorem-2",
    "(9)": "theorem-2",
    "theorem 2": "theorem-2",
    "theorem 3": "theorem-3",
    "theorem F (ii)": "theorem-3",
    "(46)": "lower-bounds-and-landscape",
    "(49)": "lower-bounds-and-landscape",
    "theorem D": "lower-bounds-and-landscape",
    "theorem G": "lower-bounds-and-landscape",
    "claim H": "lower-bounds-and-landscape",
    "R2, R3": "the-duality-gap",
}
