"""Settings → run → record on disk. A finished record of the same settings is reused; an unfinished one goes on."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feature_collapse import __version__
from feature_collapse.errors import InputError, RunStopped
from feature_collapse.experiments.prediction import predict
from feature_collapse.experiments.record import (
    FORMAT,
    Record,
    check_folder,
    prepare_folder,
    read_record,
    write_config,
    write_result,
    write_task,
)
from feature_collapse.experiments.settings import Settings
from feature_collapse.experiments.summary import summarise
from feature_collapse.files import locked, make_folder
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.risk.problem import Problem
from feature_collapse.sgd.checkpoint import COLUMNS as sgd_columns
from feature_collapse.sgd.train import SGDSettings, State, train_sgd
from feature_collapse.solver.solution import COLUMNS as solver_columns
from feature_collapse.solver.solution import Progress
from feature_collapse.solver.solve import solve
from feature_collapse.task import Sentences, Task
from feature_collapse.task.task import START, generator

Report = Callable[[State | Progress], None]


def check_device(name: str) -> torch.device:
    """The device of a name: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        InputError: a device that is not known or not there.
    """
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


def check_ready(runs: Sequence[tuple[Settings, Path]], device: str) -> None:
    """Check the device and every folder before any work starts.

    Raises:
        InputError: as `run` would, but before the first of several runs.
    """
    check_device(device)
    for settings, folder in runs:
        check_folder(folder, settings.key())


@dataclass(frozen=True)
class Outcome:
    """What a method gives for some settings, before it is written.

    Attributes:
        W, U: (n_w, d) and (K, L, d) weights.
        columns, history: names and values, one row per epoch or iteration.
        summary: the content of summary.json.
    """

    W: np.ndarray
    U: np.ndarray
    columns: tuple[str, ...]
    history: np.ndarray
    summary: dict[str, Any]


def execute(
    settings: Settings,
    task: Task,
    train: Sentences,
    test: Sentences,
    *,
    device: str = "auto",
    report: Report | None = None,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 60.0,
    start: tuple[np.ndarray, np.ndarray] | None = None,
) -> Outcome:
    """Minimise the risk of given settings on given data; nothing is written but the checkpoint, where one is named.

    Time and memory are those of the method (`train_sgd`, `solve`). `start`, (n_w, r) and (K, L, r), is where
    the certified solver begins; the gap proved does not depend on it.

    Raises:
        InputError: a device that is not there, a start of other shapes.
        RunStopped: the training diverged.
    """
    place = check_device(device)
    if settings.method == "certified":
        return _certified(settings, train, test, place, report, checkpoint, start)
    return _sgd(settings, task, train, test, place, report, checkpoint, checkpoint_seconds)


def _sgd(
    settings: Settings,
    task: Task,
    train: Sentences,
    test: Sentences,
    device: torch.device,
    report: Report | None,
    checkpoint: Path | None,
    checkpoint_seconds: float,
) -> Outcome:
    normaliser = make_normaliser(settings.normaliser, settings.eps)
    network = Network(settings.n_w, settings.L, settings.K, settings.d, normaliser, device=device)
    network.start(generator(settings.seed, START), settings.init_scale)
    schedule = SGDSettings(
        settings.epochs,
        settings.batch_size,
        settings.learning_rate,
        settings.lambda_,
        settings.seed,
        settings.test_every,
    )
    result = train_sgd(
        network,
        (lambda epoch: task.fresh_set(settings.n_spl, epoch)) if settings.fresh else train,
        test,
        schedule,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        key=settings.key() if checkpoint is not None else "",
        report=report,
    )
    W, U = (p.detach().cpu().numpy() for p in (network.W, network.U))
    finite = bool(np.isfinite(W).all() and np.isfinite(U).all())
    with np.errstate(over="ignore", invalid="ignore"):
        summary = summarise(settings, train, test, W, U) if finite else {}
    if not finite or not all(np.isfinite(value).all() for value in summary.values() if value is not None):
        raise RunStopped(  # the loss of the last step was that before its update
            f"the weights have no finite risk after epoch {settings.epochs}, the last: training diverged; lower the "
            f"learning rate (now {settings.learning_rate:g}) or raise the batch size (now {settings.batch_size})"
        )
    summary |= {"train_ce_last_epoch": float(result.history[-1, 1]), "seconds": result.seconds}
    return Outcome(W, U, sgd_columns, result.history, summary)


def problem_of(settings: Settings, train: Sentences, device: torch.device) -> Problem:
    """The problem of the certified solver for given settings and data.

    Raises:
        InputError: λ = 0 or ε > 0, for which there is no minimiser.
    """
    normaliser = make_normaliser(settings.normaliser, settings.eps)
    return Problem(
        train.words,
        train.labels,
        settings.n_w,
        settings.K,
        settings.lambda_,
        normaliser,
        settings.d,
        device=str(device),
    )


def _certified(
    settings: Settings,
    train: Sentences,
    test: Sentences,
    device: torch.device,
    report: Report | None,
    checkpoint: Path | None,
    start: tuple[np.ndarray, np.ndarray] | None,
) -> Outcome:
    problem = problem_of(settings, train, device)
    found = solve(
        problem,
        gap=settings.gap,
        time_limit=settings.time_limit,
        seed=settings.seed,
        start=start,
        checkpoint=checkpoint,
        report=report,
    )
    summary = summarise(settings, train, test, found.W, found.U)
    summary |= {
        "risk": found.risk,
        "lower_bound": found.lower_bound,
        "gap": found.gap,
        "relative_gap": found.relative_gap,
        "rank": found.rank,
        "operator_norm": found.operator_norm,
        "status": found.status,
        "message": found.message,
        "seconds": found.seconds,
    }
    return Outcome(found.W, found.U, solver_columns, found.history, summary)


def run(
    settings: Settings,
    folder: str | Path,
    *,
    device: str = "auto",
    report: Report | None = None,
    checkpoint_seconds: float = 60.0,
) -> Record:
    """Run an experiment, or return its finished record.

    Time and memory are those of the method (`train_sgd`, `solve`); the data takes 2 N L bytes.

    Args:
        settings: what to run.
        folder: where the record goes.
        device: `auto`, `cpu`, `cuda` or `cuda:N`.
        report: is told the state of a training run a few times a second.
        checkpoint_seconds: time between two checkpoints.

    Raises:
        InputError: a wrong setting, folder or device; nothing is written.
        RunStopped: the training diverged.
    """
    folder, place = Path(folder), check_device(device)
    with locked(make_folder(folder)):
        if prepare_folder(folder, settings.key()):
            return read_record(folder)
        task = settings.task()
        train, test = task.train_set(settings.n_spl), task.test_set(settings.n_test)
        write_config(folder, describe(settings, place, settings.d))
        write_task(folder, task, train, test)
        done = execute(
            settings,
            task,
            train,
            test,
            device=device,
            report=report,
            checkpoint=folder / "checkpoint.safetensors",
            checkpoint_seconds=checkpoint_seconds,
        )
        if done.W.shape[1] != settings.d:
            write_config(folder, describe(settings, place, done.W.shape[1]))
        done.summary["prediction"] = predict(settings, task)
        write_result(folder, done.W, done.U, done.columns, done.history, done.summary)
        return read_record(folder)


def describe(settings: Settings, device: torch.device, d: int) -> dict[str, Any]:
    """The content of config.json; `d` is the dimension of the weights, which a solver may choose below settings.d."""
    names = settings.task().vocabulary
    hardware = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    return {
        "format": FORMAT,
        "key": settings.key(),
        "settings": settings.to_mapping(),
        "seed": settings.seed,
        "d": d,
        "device": str(device),
        "hardware": hardware,
        "threads": torch.get_num_threads(),
        "versions": {
            "feature_collapse": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "git_revision": git_revision(),
        "names": {"concepts": list(names.concepts), "words": list(names.words)},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def git_revision() -> str | None:
    """The commit of the checkout that this code runs from, or None outside one."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10
        )
        tracked = subprocess.run(
            ["git", "-C", str(here), "ls-files", "--error-unmatch", __file__], capture_output=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and tracked.returncode == 0 else None
