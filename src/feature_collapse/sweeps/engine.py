"""The driver of a sweep: hands batches to Dask, commits what comes back, retries, goes on.

Batches in flight are few (two for each worker), so a kill costs little and a hundred thousand runs take no
memory on the scheduler. A worker that dies takes along what it held: those runs are handed out again, each
while nothing else is under way, so that only a run that kills its worker by itself is blamed; after `retries`
more tries it is recorded as failed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from feature_collapse.errors import InputError, RunStopped, check_int
from feature_collapse.experiments.settings import Settings
from feature_collapse.sweeps.cluster import connect, import_distributed
from feature_collapse.sweeps.plan import Planner, Unit, units
from feature_collapse.sweeps.spec import Sweep, check_size
from feature_collapse.sweeps.store import Finished, Store, open_store
from feature_collapse.sweeps.worker import Batch, WrongVersions, run_batch, versions

_POLL = 0.5  # seconds
_LOST = 30.0  # seconds without a scheduler


@dataclass(frozen=True)
class Progress:
    """What a progress display is told.

    Attributes:
        done, failed, total: runs of the present grid, those of earlier drivers included.
        fresh: runs that this driver finished.
        seconds: since its first batch was handed out.
        busy: seconds of computing in those runs, all workers together.
        workers: at the moment.
    """

    done: int
    failed: int
    total: int
    fresh: int
    seconds: float
    busy: float
    workers: int


@dataclass(frozen=True)
class Options:
    """How a sweep is driven.

    Attributes:
        scheduler: address of an existing scheduler; None for a local cluster.
        workers, memory_per_worker: of the local cluster.
        retries: further tries of a run that fails.
        retry_failed: whether runs that an earlier driver recorded as failed are tried again.
    """

    scheduler: str | None = None
    workers: int | None = None
    memory_per_worker: str | None = None
    retries: int = 2
    retry_failed: bool = False


Report = Callable[[Progress], None]


def run_sweep(
    sweep: Sweep | None,
    path: str | Path,
    options: Options = Options(),
    *,
    confirmed: bool = False,
    report: Report | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Progress:
    """Run what is not yet done of a sweep; its results are in the file at `path`.

    In a script, call it below `if __name__ == "__main__":`, since the workers are processes of their own.

    Args:
        sweep: to run; None for the one in the file. A file that holds another sweep gets this one, and keeps
            the results of runs that both have.
        path: the sweep file; made where it is not there.
        options: of the driver.
        confirmed: whether a grid of more than 10,000 runs is meant.
        report: is told the progress after each batch and twice a second.
        say: is told single facts, such as the dashboard's address.

    Raises:
        InputError: a wrong sweep, file, scheduler or version; nothing was run.
        RunStopped: no space on the disk, or the scheduler was lost; what was finished is kept.
    """
    check_int("retries", options.retries, 0, 100)
    if sweep is not None:
        check_size(sweep, confirmed)
        runs = list(sweep.runs())  # every setting is checked before the file is made
    with open_store(path, create=sweep is not None) as store, store.claim():
        if sweep is not None:
            store.set_sweep(sweep, runs)
        sweep = store.sweep
        store.reset(failed=options.retry_failed)
        todo = units(checked(store.pending(), str(path)), chains=not sweep.folders)
        if not todo:
            return _Driver(store, sweep, None, todo, options, report).progress()
        import_distributed()
        with connect(options.scheduler, options.workers, options.memory_per_worker, say) as client:
            return _Driver(store, sweep, client, todo, options, report).drive()


def checked(pending: Iterable[tuple[str, dict[str, Any]]], where: str) -> list[tuple[str, dict[str, Any]]]:
    """Key and full settings of the pending runs, whose settings still give their key: a vocabulary may have changed.

    Raises:
        InputError: a run that would be another one now.
    """
    found = []
    for key, mapping in pending:
        settings = Settings.from_mapping(mapping, f"sweep file {where!r}")
        if settings.key() != key and settings.vocabulary is None:
            raise InputError(
                f"sweep file {where!r} is damaged (the settings of run {key} do not give its key)"
            )
        if settings.key() != key:
            raise InputError(
                f"vocabulary = {settings.vocabulary!r} is not what it was when run {key} of {where!r} was planned; "
                "put the old file back, or give the sweep's TOML file to `sweep run`, which plans the runs anew"
            )
        found.append((key, settings.to_mapping()))
    return found


class _Driver:
    def __init__(
        self,
        store: Store,
        sweep: Sweep,
        client: Any,
        todo: list[Unit],
        options: Options,
        report: Report | None,
    ) -> None:
        self.store, self.client, self.options, self.report = store, client, options, report
        self.quantities = sweep.quantities
        self.folder = str(store.path.with_name(store.path.stem + "-records")) if sweep.folders else None
        self.planner = Planner(todo)
        self.versions = versions()
        self.counts = store.counts()
        self.total = sum(self.counts.values())
        self.tries: dict[str, int] = {}
        self.flying: dict[Any, list[Unit]] = {}
        self.suspects: list[Unit] = []  # whose worker died while it held other runs too
        self.alone: Any = None  # the future of the suspect under way, if any
        self.arrived = threading.Event()
        self.fresh, self.busy, self.began = 0, 0.0, time.monotonic()
        self.workers, self.looked, self.reached = 0, 0.0, time.monotonic()

    def drive(self) -> Progress:
        """Until nothing is left."""
        self.began = time.monotonic()
        try:
            while len(self.planner) or self.flying or self.suspects:
                self._look()
                self._fill()
                self._tell()
                if not self.flying:
                    time.sleep(_POLL)
                    continue
                self.arrived.wait(_POLL)
                self.arrived.clear()
                for future in [future for future in self.flying if future.status != "pending"]:
                    self._collect(future)
        finally:
            with suppress(Exception):
                self.client.cancel(list(self.flying), force=True)
        self._tell()
        return self.progress()

    def progress(self) -> Progress:
        """Where the sweep is."""
        return Progress(
            self.counts["done"],
            self.counts["failed"],
            self.total,
            self.fresh,
            time.monotonic() - self.began,
            self.busy,
            self.workers,
        )

    def _tell(self) -> None:
        if self.report is not None:
            self.report(self.progress())

    def _look(self) -> None:
        """How many workers there are; a scheduler that stays away ends the driver."""
        now = time.monotonic()
        if now - self.looked < 1.0 and self.workers:
            return
        self.looked = now
        if self.client.status == "running":
            with suppress(OSError, TimeoutError):
                self.workers = sum(self.client.nthreads().values())
                self.reached = now
        if now - self.reached > _LOST or self.client.status in ("closed", "closing"):
            raise RunStopped(
                f"the scheduler was lost; {self.counts['done']} finished runs are kept, and a resume goes on from there"
            )

    def _fill(self) -> None:
        if self.suspects or self.alone is not None:
            if not self.flying:
                (self.alone,) = self._hand_out([[self.suspects.pop(0)]])
            return
        room = 2 * self.workers - len(self.flying)
        handed: list[list[Unit]] = []
        while room > 0 and len(self.planner):
            batch = self.planner.batch(self.workers)
            handed.append(batch)
            room -= 1
        if handed:
            self._hand_out(handed)

    def _hand_out(self, handed: list[list[Unit]]) -> list[Any]:
        self.store.start(key for batch in handed for unit in batch for key in unit.keys)
        futures = []
        for batch in handed:
            content = Batch(
                tuple((unit.keys, unit.settings) for unit in batch),
                self.quantities,
                self.folder,
                self.versions,
            )
            future = self.client.submit(run_batch, content, pure=False, retries=0)
            self.flying[future] = batch
            future.add_done_callback(lambda _: self.arrived.set())
            futures.append(future)
        return futures

    def _collect(self, future: Any) -> None:
        batch = self.flying.pop(future)
        alone = future is self.alone
        self.alone = None if alone else self.alone
        if future.status == "finished":
            try:
                self._commit(batch, future.result())
                return
            except (OSError, TimeoutError):  # computed, but the worker is gone
                error: BaseException | None = None
        elif future.status == "cancelled" or future.status == "lost":
            error = None
        else:
            error = future.exception()
        if isinstance(error, WrongVersions):
            raise RunStopped(f"{error}; install the same versions there, then resume")
        if error is None:  # the scheduler forgot it, or lost the result
            self.planner.again(batch)
            return
        name = type(error).__name__
        if name == "KilledWorker" and not alone:
            self.suspects += batch
            return
        if len(batch) > 1:
            self.planner.again(batch)
            return
        died = "the worker that ran it died, perhaps for lack of memory"
        text = died if name == "KilledWorker" else f"{name}: {' '.join(str(error).split())}"[:500]
        runs = [{"key": key, "error": text, "seconds": None, "result": None} for key in batch[0].keys]
        self._commit(batch, {"units": [{"seconds": 0.0, "runs": runs}], "worker": ""})

    def _commit(self, batch: list[Unit], told: dict[str, Any]) -> None:
        finished = []
        for unit, outcome in zip(batch, told["units"], strict=True):
            if outcome["seconds"]:
                self.planner.measured(unit, outcome["seconds"])
                self.busy += outcome["seconds"]
            left = []
            for key, settings, one in zip(unit.keys, unit.settings, outcome["runs"], strict=True):
                tries = self.tries[key] = self.tries.get(key, 0) + 1
                if one["error"] is not None and tries <= self.options.retries:
                    left.append((key, settings))
                    continue
                finished.append(Finished(key, one["error"], one["seconds"], one["result"], tries))
            self.planner.again(units(left))
        if not finished:
            return
        self.store.finish(finished, self.versions, told["worker"])
        failed = sum(one.error is not None for one in finished)
        self.fresh += len(finished)
        self.counts["failed"] += failed
        self.counts["done"] += len(finished) - failed


def serial(sweep: Sweep) -> Iterator[tuple[str, dict[str, Any]]]:
    """Key and outcome of every run, one after the other in this process, each on its own."""
    for run in sweep.runs():
        unit = ((run.key,), (run.settings.to_mapping(),))
        (told,) = run_batch(Batch((unit,), sweep.quantities, None, versions()))["units"]
        yield run.key, told["runs"][0]
