"""Settings → run → record on disk. A finished record of the same settings is reused.

An unfinished one goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from feature_collapse.errors import InputError, RunStopped, check_type
from feature_collapse.experiments.experiment import Data, Experiment, word_decay
from feature_collapse.experiments.folder import (
    check_folder,
    prepare_folder,
    write_config,
    write_data,
    write_outcome,
)
from feature_collapse.experiments.provenance import describe
from feature_collapse.experiments.record import Outcome, Record, read_record
from feature_collapse.experiments.settings import Settings
from feature_collapse.experiments.summary import summarise
from feature_collapse.files import locked, make_folder
from feature_collapse.model.network import Network
from feature_collapse.model.weights import Weights
from feature_collapse.ranks import ALONE, Ranks
from feature_collapse.risk.problem import Problem
from feature_collapse.sgd.checkpoint import COLUMNS as sgd_columns
from feature_collapse.sgd.checkpoint import Checkpointing
from feature_collapse.sgd.step import check_decay_step
from feature_collapse.sgd.train import SGDSettings, TrainingProgress, train_sgd
from feature_collapse.solver.options import FROM_THEORY, SolverOptions
from feature_collapse.solver.range import check_range
from feature_collapse.solver.solve import solve
from feature_collapse.solver.spectral import lambda_max
from feature_collapse.solver.trace import COLUMNS as solver_columns
from feature_collapse.solver.trace import Progress
from feature_collapse.task.task import START, generator
from feature_collapse.theory.start import mean_field_start

Callback = Callable[[TrainingProgress | Progress], None]
_MANY = 1e6  # scores N·K below which a descent takes a moment from any start


@dataclass(frozen=True)
class Hardware:
    """A device, and the processes that share an experiment.

    Attributes:
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        ranks: processes that share a certified run; this one is rank 0.
    """

    device: str
    ranks: Ranks = ALONE


def check_device(name: str) -> torch.device:
    """Return the device of a name: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        InputError: a device that is not known or not there.
    """
    check_type("device", name, str, "text: auto, cpu, cuda or cuda:N")
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device = {name!r}, but must be auto, cpu, cuda or cuda:N") from None
    if device.type not in ("cpu", "cuda"):
        raise InputError(f"device = {name!r}, but must be auto, cpu, cuda or cuda:N")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= count:
            raise InputError(
                f"device = {name!r}, but this machine has {count} CUDA devices; use --device cpu"
            )
    return device


def _check_method(experiment: Experiment) -> None:
    """Check what the method itself would refuse, before anything is written.

    Raises:
        InputError: a gap or λ out of the solver's range, or a step that turns the decay of a word around.
    """
    s = experiment.settings
    if s.method == "certified":
        check_range(s.gap, s.lambda_)
        return
    decay = None if s.decay == "lazy" else experiment.decay()
    largest = float(s.n_w) if s.decay == "lazy" else 0.0 if decay is None else float(decay.max())
    check_decay_step(s.learning_rate * s.lambda_, largest)


def check_ready(runs: Sequence[tuple[Settings, Path]], device: str) -> None:
    """Check the device and every folder before any work starts.

    Raises:
        InputError: as `run` would, but before the first of several runs.
    """
    check_device(device)
    for settings, folder in runs:
        experiment = Experiment.of(settings)
        _check_method(experiment)
        check_folder(folder, experiment.key)


def execute(
    experiment: Experiment,
    data: Data | None = None,
    *,
    device: str | Hardware = "auto",
    start: Weights | None = None,
    checkpoint: Checkpointing | None = None,
    callback: Callback | None = None,
) -> Outcome:
    """Minimise the risk of an experiment; nothing is written but the checkpoint, where one is named.

    Time and memory are those of the method (`train_sgd`, `solve`).

    Args:
        experiment: what to run.
        data: to use instead of the experiment's own, where several share it.
        device: `auto`, `cpu`, `cuda` or `cuda:N`, or one with ranks.
        start: where the certified solver begins; the gap proved does not depend on it.
        checkpoint: of the unfinished run.
        callback: is called with the state a few times a second.

    Raises:
        InputError: a device that is not there, a start of other shapes.
        RunStopped: the training diverged.
    """
    on, data = device if isinstance(device, Hardware) else Hardware(device), data or experiment.data
    if experiment.settings.method == "certified":
        return _certified(experiment, data, on, start, checkpoint, callback)
    return _sgd(experiment, data, check_device(on.device), checkpoint, callback)


def _sgd(
    experiment: Experiment,
    data: Data,
    device: torch.device,
    checkpoint: Checkpointing | None,
    callback: Callback | None,
) -> Outcome:
    s, task = experiment.settings, data.task
    lazy = s.decay == "lazy"
    network = Network(s.n_w, s.L, s.K, s.d, experiment.normaliser, device=device)
    network.start(generator(s.seed, START), s.init_scale)
    result = train_sgd(
        network,
        (lambda epoch: task.fresh_set(s.n_spl, epoch)) if s.fresh else data.train,
        data.test,
        SGDSettings(
            epochs=s.epochs,
            batch_size=s.batch_size,
            learning_rate=s.learning_rate,
            lambda_=s.lambda_,
            seed=s.seed,
            test_every=s.test_every,
            decay=None if lazy else experiment.decay(data.train),
            lazy=lazy,
            n_c=s.n_c,
        ),
        checkpoint=replace(checkpoint, key=experiment.key) if checkpoint else None,
        callback=callback,
    )
    W, U = (p.detach().cpu().numpy() for p in (network.W, network.U))
    summary = {}
    if np.isfinite(W).all() and np.isfinite(U).all():
        weights = Weights(W, U, experiment.normaliser)
        with np.errstate(over="ignore", invalid="ignore"):
            summary = summarise(weights, data, s.lambda_, experiment.decay(data.train))
    if not summary or not all(np.isfinite(value).all() for value in summary.values() if value is not None):
        raise RunStopped(  # the loss of the last step was that before its update
            f"the weights have no finite risk after epoch {s.epochs}, the last: training diverged; lower the "
            f"learning rate (now {s.learning_rate:g}) or raise the batch size (now {s.batch_size})"
        )
    summary |= {"train_ce_last_epoch": float(result.history[-1, 1]), "seconds": result.seconds}
    return Outcome(weights, sgd_columns, result.history, summary)


def _wants_theory(problem: Problem) -> bool:
    """Return whether R5's weights are a good start: with many sentences a class, or for a λ near λ_max.

    Not where λ is so small that the minimiser fits single sentences, nor where a descent takes no time.
    """
    if problem.radius is not None or len(problem.labels) * problem.K < _MANY:
        return False
    return bool(FROM_THEORY.parts_of(problem)) or problem.lambda_ >= 0.1 * lambda_max(problem)


def _certified(
    experiment: Experiment,
    data: Data,
    on: Hardware,
    start: Weights | None,
    checkpoint: Checkpointing | None,
    callback: Callback | None,
) -> Outcome:
    s, device, file = experiment.settings, check_device(on.device), None
    problem = experiment.problem(data.train, str(device))
    options = SolverOptions(time_limit=s.time_limit, seed=s.seed, n_c=s.n_c, ranks=on.ranks)
    if checkpoint is not None and isinstance(checkpoint.path, Path):
        file, options = checkpoint.path, replace(options, checkpoint_seconds=checkpoint.seconds)
    if start is None and _wants_theory(problem):
        start = mean_field_start(data.task, s.lambda_, word_decay(s, data.task))
        options = replace(options, schedule=FROM_THEORY if start is not None else None)
    found = solve(
        problem,
        gap=s.gap,
        options=options,
        start=start,
        checkpoint=file,
        callback=callback,
    )
    proved = found.to_dict()
    ce = proved.pop("data_term")
    summary = summarise(found.weights, data, s.lambda_, experiment.decay(data.train), ce) | proved
    return Outcome(found.weights, solver_columns, found.history, summary, found.bound.nu)


def run(
    settings: Settings,
    folder: str | Path,
    *,
    device: str = "auto",
    callback: Callback | None = None,
    checkpoint_seconds: float = 30.0,
    ranks: Ranks = ALONE,
) -> Record:
    """Run an experiment, or return its finished record.

    Time and memory are those of the method (`train_sgd`, `solve`); the data takes 2 N L bytes.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     record = run(Settings(n_w=12, L=3, K=6, d=4, epochs=2), folder, device="cpu")
    >>> record.weights.W.shape
    (12, 4)

    Args:
        settings: what to run.
        folder: where the record goes.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        callback: is called with the state of the run a few times a second.
        checkpoint_seconds: time between two checkpoints, which together take at most a twentieth of the
            time of a certified run.
        ranks: processes that share a certified run; this one is rank 0, and the others `lend`.

    Raises:
        InputError: a wrong setting, folder or device; nothing is written.
        RunStopped: the training diverged, or a rank is gone.
    """
    check_type("settings", settings, Settings, "Settings")
    check_type("folder", folder, (str, Path), "a path")
    folder, found = Path(folder), check_device(device)
    experiment = Experiment.of(settings)
    _check_method(experiment)
    with locked(make_folder(folder)):
        if prepare_folder(folder, experiment.key):
            return read_record(folder)
        write_config(folder, describe(experiment, found, settings.d))
        write_data(folder, experiment.data)
        checkpoint = Checkpointing(folder / "checkpoint.safetensors", checkpoint_seconds)
        done = execute(experiment, device=Hardware(device, ranks), checkpoint=checkpoint, callback=callback)
        if done.weights.d != settings.d:
            write_config(folder, describe(experiment, found, done.weights.d))
        done.summary["prediction"] = experiment.reference().summary()
        write_outcome(folder, done)
        return read_record(folder)
