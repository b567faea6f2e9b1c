"""Progress of a sweep: runs done, rate, time left; one line now and then where there is no terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from feature_collapse.sweeps.driver import SweepProgress

_EVERY = 30.0  # seconds between two lines without a terminal


@contextmanager
def sweep_progress(name: str) -> Iterator[Callable[[SweepProgress], None]]:
    """Yield a function that shows progress on stderr: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        shown = time.monotonic()

        def line(at: SweepProgress) -> None:
            nonlocal shown
            if time.monotonic() - shown > _EVERY:
                shown = time.monotonic()
                print(
                    f"{name}: {at.done + at.failed:,} of {at.total:,} runs, {_rate(at)}",
                    file=sys.stderr,
                    flush=True,
                )

        yield line
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task(name, total=None, text="starting workers")

        def show(at: SweepProgress) -> None:
            ended = at.done + at.failed
            text = f"{ended:,}/{at.total:,}, {at.failed:,} failed, {at.workers} workers, {_rate(at)}"
            progress.update(bar, total=at.total, completed=ended, text=text)

        yield show


def _rate(at: SweepProgress) -> str:
    from feature_collapse.experiments.cost import duration

    if not at.fresh:
        return "no run finished yet"
    rate = at.fresh / at.seconds
    left = (at.total - at.done - at.failed) / rate
    return f"{60 * rate:,.0f} runs/min, {duration(left)} left"
