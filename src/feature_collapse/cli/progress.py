"""Progress of a run: loss, accuracy, speed and time left; a line now and then without a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from feature_collapse.experiments.settings import Settings
    from feature_collapse.sgd.train import TrainingProgress
    from feature_collapse.solver.trace import Progress as Solving

P = ParamSpec("P")
_EVERY = 30.0  # seconds between two lines without a terminal
_OFTEN = 0.2  # seconds between two states of a line on a terminal


@contextmanager
def training_progress(name: str) -> Iterator[Callable[[TrainingProgress | Solving], None]]:
    """Return a function that shows the state of a training run, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from feature_collapse.sgd.train import TrainingProgress

    if not sys.stderr.isatty():
        yield _plain(name)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[numbers]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(name, total=None, numbers="")
        rate = _Rate()

        def show(state: TrainingProgress | Solving) -> None:
            if not isinstance(state, TrainingProgress):
                progress.update(bar, numbers=_solving(state))
                return
            progress.update(
                bar,
                total=state.steps,
                completed=state.step,
                numbers=f"{_training(state)}, {rate(state.step):.0f} steps/s",
            )

        yield show


def announce(runs: Sequence[tuple[Settings, Path]], device: str, ranks: int = 1) -> None:
    """Print on stderr about how long the runs that are not finished will take, where that is long."""
    from feature_collapse.experiments.cost import LONG, duration, seconds_of
    from feature_collapse.experiments.experiment import Experiment
    from feature_collapse.experiments.run import check_device

    todo = [Experiment.of(settings) for settings, folder in runs if not (folder / "summary.json").exists()]
    seconds = sum(seconds_of(experiment, str(check_device(device))) for experiment in todo) / ranks
    if todo and seconds > LONG:
        begun = any((folder / "checkpoint.safetensors").exists() for _, folder in runs)
        less = ", less what an earlier run has done" if begun else ""
        text = (
            f"this will take about {duration(seconds)}{less}, by a measurement now; Ctrl-C keeps what is done"
        )
        print(text, file=sys.stderr, flush=True)


def with_measuring_progress(command: Callable[P, None]) -> Callable[P, None]:
    """Decorate a command that measures: which pass is under way is shown on stderr."""

    @wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        from feature_collapse.metrics.progress import listening

        with listening(_passes(sys.stderr.isatty())):
            command(*args, **kwargs)

    return inner


def _passes(terminal: bool) -> Callable[[str, int, int], None]:
    """Return a listener that shows the pass under way: in place on a terminal, else a line now and then."""
    shown = time.monotonic()

    def show(name: str, done: int, count: int) -> None:
        nonlocal shown
        if terminal and done == count:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - shown >= (_OFTEN if terminal else _EVERY):
            shown = time.monotonic()
            text = f"{name}: {done:,} of {count:,}"
            before, after = ("\r\x1b[K", "") if terminal else ("", "\n")
            print(f"{before}{text}", end=after, file=sys.stderr, flush=True)

    return show


class _Rate:
    """Steps per second, over the last few seconds."""

    def __init__(self) -> None:
        self.marks: list[tuple[float, int]] = []

    def __call__(self, step: int) -> float:
        now = time.monotonic()
        self.marks = [*(m for m in self.marks if now - m[0] < 5), (now, step)]
        (t0, s0), (t1, s1) = self.marks[0], self.marks[-1]
        return (s1 - s0) / (t1 - t0) if t1 > t0 else 0.0


def _training(state: TrainingProgress) -> str:
    test = "" if state.test_accuracy != state.test_accuracy else f", test {100 * state.test_accuracy:.1f}%"
    return f"epoch {state.epoch}, loss {state.loss:.4f}, train {100 * state.train_accuracy:.1f}%{test}"


def _solving(state: Solving) -> str:
    gap = "" if state.relative_gap == float("inf") else f", relative gap {state.relative_gap:.1e}"
    return f"{state.phase}, iteration {state.iteration}, risk {state.risk:.6g}{gap}, rank {state.rank}"


def _plain(name: str) -> Callable[[TrainingProgress | Solving], None]:
    from feature_collapse.sgd.train import TrainingProgress

    started = shown = time.monotonic()
    first: int | None = None

    def show(state: TrainingProgress | Solving) -> None:
        nonlocal shown, first
        now = time.monotonic()
        late = now - shown >= _EVERY
        shown = now if late else shown
        if not isinstance(state, TrainingProgress):
            if late:
                print(f"{name}: {_solving(state)}", file=sys.stderr, flush=True)
            return
        first = state.step if first is None else first
        if not late:
            return
        rate = (state.step - first) / (now - started)
        left = f", {(state.steps - state.step) / rate:.0f} s left" if rate > 0 else ""
        print(f"{name}: {_training(state)}, {rate:.0f} steps/s{left}", file=sys.stderr, flush=True)

    return show
