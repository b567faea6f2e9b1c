"""Which file draws which figure: the paper's (1-4) and ours (5-13), by number, and the pictures of a record.

number    file                     drawn from
1         task_diagram             a task
2         network_diagram          nothing
3, 4a-4c  weights                  a record
5         embedding_lengths        the record of figure 4a
6         collapse_types           the theory
7         lambda_path              the path of minimisers over λ
8         phase_test_accuracy      a sweep
9         phase_collapse_types     a sweep
10        gap_over_training        a sweep
11        phase_rank               a sweep
12        phase_decay              a sweep
13        phase_symmetry           a sweep
"""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from feature_collapse.experiments.record import Record
from feature_collapse.figures.collapse_types import draw_collapse_types
from feature_collapse.figures.embedding_lengths import draw_embedding_lengths
from feature_collapse.figures.gap_over_training import draw_gap_over_training
from feature_collapse.figures.lambda_path import draw_lambda_path
from feature_collapse.figures.network_diagram import draw_networks
from feature_collapse.figures.phase_collapse_types import draw_phase_collapse_types
from feature_collapse.figures.phase_decay import draw_phase_decay
from feature_collapse.figures.phase_rank import draw_phase_rank
from feature_collapse.figures.phase_symmetry import draw_phase_symmetry
from feature_collapse.figures.phase_test_accuracy import draw_phase_test_accuracy
from feature_collapse.figures.task_diagram import draw_task
from feature_collapse.figures.weights import draw_weights
from feature_collapse.figures.word_frequencies import draw_word_frequencies
from feature_collapse.solver.lambda_path import LambdaPath
from feature_collapse.sweeps.results import Results

DIAGRAMS: dict[str, Callable[[], Figure]] = {
    "figure1": draw_task,
    "figure2": draw_networks,
    "figure6": draw_collapse_types,
}
RECORD_FIGURES: dict[str, Callable[[Record], Figure]] = {
    **dict.fromkeys(("figure3", "figure4a", "figure4b", "figure4c"), draw_weights),
    "figure5": draw_embedding_lengths,
}
PATH_FIGURES: dict[str, Callable[[LambdaPath], Figure]] = {"figure7": draw_lambda_path}
SWEEP_FIGURES: dict[str, Callable[[Results], Figure]] = {
    "figure8": draw_phase_test_accuracy,
    "figure9": draw_phase_collapse_types,
    "figure10": draw_gap_over_training,
    "figure11": draw_phase_rank,
    "figure12": draw_phase_decay,
    "figure13": draw_phase_symmetry,
}
# what is drawn beside every record, by the name of its file
RECORD_PICTURES: dict[str, Callable[[Record], Figure]] = {
    "figure": draw_weights,
    "word-frequencies": draw_word_frequencies,
}
