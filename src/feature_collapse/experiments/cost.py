"""About how long a run will take on this machine, measured in a moment before it starts.

For SGD some steps of the run's own size are timed, on a network that is thrown away. For the certified solver
one evaluation is, on some sentences, and one product of a certificate; how many it will need nobody knows
beforehand (`EVALUATIONS` is about what the paper's problems took, 20 to 130 of them; on large data, most of
which the solver leaves until parts are solved, 10), so that the estimate may be off by a factor of three.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from statistics import median

import torch

from feature_collapse.experiments.experiment import Experiment
from feature_collapse.model.network import Network
from feature_collapse.risk.problem import Problem
from feature_collapse.sgd.step import Step
from feature_collapse.solver.models import make_model
from feature_collapse.solver.options import PLAIN
from feature_collapse.task.task import START, generator

LONG = 60.0  # seconds: a run that takes less needs no estimate
EVALUATIONS, AFTER_PARTS = 50, 10
_MEASURED = 0.05  # seconds spent on a measurement
_SLOW = 5e9  # operations a second that every machine has, for runs too short to be worth a measurement
_SHORT = 5.0  # seconds
_RANK = 8  # directions at which an evaluation is timed
_COLUMNS = 512  # of the product that is timed
_SCORES = 4e6  # at most this many in the evaluation that is timed


def seconds_of(experiment: Experiment, device: str = "cpu") -> float:
    """Return about how many seconds a run will take on a device, all of it. Takes about a second at most.

    Raises:
        InputError: settings that do not fit, as when the run starts.
    """
    if experiment.settings.method == "sgd":
        return _sgd(experiment, device)
    return _certified(experiment, device)


def duration(seconds: float) -> str:
    """Return seconds as s, min or h.

    >>> duration(42.3), duration(840), duration(9000)
    ('42 s', '14 min', '2.5 h')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _sgd(experiment: Experiment, device: str) -> float:
    s, task = experiment.settings, experiment.task
    network = Network(s.n_w, s.L, s.K, s.d, experiment.normaliser, device=device)
    network.start(generator(s.seed, START), s.init_scale)
    step = Step(network, s.learning_rate, s.lambda_)
    sample = task.train_set(ceil(min(s.batch_size, s.n_spl * s.K) / s.K))
    words = torch.from_numpy(sample.words[: s.batch_size]).long().to(device)
    labels = torch.from_numpy(sample.labels[: s.batch_size]).long().to(device)
    steps = s.epochs * ceil(s.n_spl * s.K / s.batch_size)
    tests = s.n_test / (3.0 * s.n_spl * s.test_every)  # a forward pass is a third of a step
    return steps * (1.0 + tests) * _timed(lambda: step(words, labels), device)


def _certified(experiment: Experiment, device: str) -> float:
    s, task = experiment.settings, experiment.task
    count = AFTER_PARTS if s.n_spl >= 4 * PLAIN.parts[0].sentences else EVALUATIONS
    work = 6.0 * count * s.n_spl * s.K**2 * s.L * _RANK + float(s.K) * s.L * s.n_w**2
    if work < _SHORT * _SLOW:
        return work / _SLOW
    n_spl = max(1, min(s.n_spl, int(_SCORES / s.K**2)))
    sample = task.train_set(n_spl)
    decay = experiment.decay(sample)
    problem = Problem(sample, s.n_w, s.K, s.lambda_, experiment.normaliser, s.d, decay=decay, device=device)
    rank = min(_RANK, problem.largest_rank)
    rng = torch.Generator().manual_seed(0)
    V, U = (
        torch.randn(rows, rank, generator=rng, dtype=torch.float64).to(device) for rows in (s.n_w, s.K * s.L)
    )
    single = float(s.n_spl) * s.K**2 > 2e6
    model = make_model(problem, single=single)
    evaluation = _timed(lambda: model.value(V, U), device) * s.n_spl / n_spl
    columns = min(s.K * s.L, _COLUMNS)
    block = torch.randn(s.n_w, columns, generator=rng, dtype=torch.float64).to(device)
    product = _timed(lambda: block @ block.T, device) * s.K * s.L / columns
    return (count + 2.0) * evaluation + product  # a certificate goes over the data about twice


def _timed(work: Callable[[], object], device: str) -> float:
    """Return the median seconds of a call, after a first one; other programs slow the run too."""
    seconds: list[float] = []
    while len(seconds) < 4 or sum(seconds[1:]) < _MEASURED:
        started = time.perf_counter()
        work()
        if device.startswith("cuda"):
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return median(seconds[1:])
