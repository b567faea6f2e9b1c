"""The driver of a sweep: hands batches to Dask, commits what comes back, retries, goes on.

Batches in flight are few (two for each worker), so a kill costs little and a hundred thousand runs take no
memory on the scheduler. A worker that dies takes along what it held: those runs are handed out again, each
while nothing else is under way, so that only a run that kills its worker by itself is blamed; after `retries`
more tries it is recorded as failed. How far the sweep is, is read from its file and counted nowhere else.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from feature_collapse.errors import RunStopped
from feature_collapse.sweeps.messages import Batch, BatchEnd, Finished
from feature_collapse.sweeps.options import SweepOptions
from feature_collapse.sweeps.plan import Planner, Unit, units
from feature_collapse.sweeps.spec import Sweep
from feature_collapse.sweeps.store import Store
from feature_collapse.sweeps.worker import WrongVersions, run_batch, versions

_POLL = 0.5  # seconds
_LOST = 30.0  # seconds without a scheduler
_UNMANNED = 120.0  # seconds without a local worker
_DIED = "the worker that ran it died, perhaps for lack of memory"


@dataclass(frozen=True)
class SweepProgress:
    """What a progress display shows.

    Attributes:
        done, failed, total: runs of the present grid in the file, those of earlier drivers included.
        fresh: runs that this driver finished.
        seconds: since its first batch was handed out.
        busy: seconds of computing in its runs, all workers together.
        workers: at the moment.
    """

    done: int
    failed: int
    total: int
    fresh: int
    seconds: float
    busy: float
    workers: int


Callback = Callable[[SweepProgress], None]


class Driver:
    """One driver of one open, claimed sweep file."""

    def __init__(
        self, store: Store, sweep: Sweep, options: SweepOptions, todo: list[Unit], callback: Callback
    ) -> None:
        """Plan the units; nothing is handed out yet."""
        self.store, self.options, self.callback = store, options, callback
        self.quantities = sweep.quantities
        self.folder = str(store.path.with_name(store.path.stem + "-records")) if sweep.folders else None
        self.planner = Planner(todo)
        self.versions = versions()
        self.ended_before = store.counts().ended
        self.client: Any = None
        self.tries: dict[str, int] = {}
        self.flying: dict[Any, list[Unit]] = {}
        self.suspects: list[Unit] = []  # whose worker died while it held other runs too
        self.alone: Any = None  # the future of the suspect under way, if any
        self.arrived = threading.Event()
        self.busy, self.began = 0.0, time.monotonic()
        self.workers, self.looked, self.reached, self.manned = 0, 0.0, time.monotonic(), time.monotonic()

    def drive(self, client: Any) -> SweepProgress:
        """Hand out and commit until nothing is left."""
        self.client = client
        self.began = self.reached = self.manned = time.monotonic()
        try:
            while len(self.planner) or self.flying or self.suspects:
                self._look()
                self._fill()
                self.callback(self.progress())
                if not self.flying:
                    time.sleep(_POLL)
                    continue
                self.arrived.wait(_POLL)
                self.arrived.clear()
                for future in [future for future in self.flying if future.status != "pending"]:
                    self._collect(future)
        finally:
            with suppress(Exception):
                client.cancel(list(self.flying), force=True)
        self.callback(self.progress())
        return self.progress()

    def progress(self) -> SweepProgress:
        """Return where the sweep is, by its file."""
        counts = self.store.counts()
        return SweepProgress(
            counts.done,
            counts.failed,
            counts.total,
            counts.ended - self.ended_before,
            time.monotonic() - self.began,
            self.busy,
            self.workers,
        )

    def _look(self) -> None:
        """Count the workers; a scheduler that stays away ends the driver."""
        now = time.monotonic()
        if now - self.looked < 1.0 and self.workers:
            return
        self.looked = now
        if self.client.status == "running":
            with suppress(OSError, TimeoutError):
                self.workers = sum(self.client.nthreads().values())
                self.reached = now
                self.manned = now if self.workers else self.manned
        if now - self.manned > _UNMANNED and self.options.scheduler is None:
            raise RunStopped(
                f"no local worker has lived for {_UNMANNED:.0f} s: they die as soon as they start, perhaps "
                "for lack of memory; what was finished is kept"
            )
        if now - self.reached > _LOST or self.client.status in ("closed", "closing"):
            raise RunStopped(
                f"the scheduler was lost; {self.store.counts().done} finished runs are kept, and a resume "
                "goes on from there"
            )

    def _fill(self) -> None:
        if self.suspects or self.alone is not None:
            if not self.flying:
                (self.alone,) = self._hand_out([[self.suspects.pop(0)]])
            return
        room = 2 * self.workers - len(self.flying)
        batches: list[list[Unit]] = []
        while room > 0 and len(self.planner):
            batches.append(self.planner.batch(self.workers))
            room -= 1
        if batches:
            self._hand_out(batches)

    def _hand_out(self, batches: list[list[Unit]]) -> list[Any]:
        self.store.start(key for batch in batches for unit in batch for key in unit.keys)
        futures = []
        for batch in batches:
            message = Batch(tuple(unit.runs for unit in batch), self.quantities, self.folder, self.versions)
            future = self.client.submit(run_batch, message, pure=False, retries=0)
            self.flying[future] = batch
            future.add_done_callback(lambda _: self.arrived.set())
            futures.append(future)
        return futures

    def _collect(self, future: Any) -> None:
        batch = self.flying.pop(future)
        alone = future is self.alone
        self.alone = None if alone else self.alone
        error: BaseException | None = None
        if future.status == "finished":
            with suppress(OSError, TimeoutError):  # computed, but the worker is gone
                answer: BatchEnd = future.result()
                self._commit(batch, answer)
                return
        elif future.status not in ("cancelled", "lost"):
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
        text = _DIED if name == "KilledWorker" else f"{name}: {' '.join(str(error).split())}"[:500]
        self._commit(batch, BatchEnd((tuple(Finished(key, text, None, None) for key in batch[0].keys),), ""))

    def _commit(self, batch: list[Unit], answer: BatchEnd) -> None:
        finished = []
        for unit, ends in zip(batch, answer.units, strict=True):
            seconds = sum(end.seconds or 0.0 for end in ends)
            if seconds:
                self.planner.measured(unit, seconds)
                self.busy += seconds
            left = []
            for planned, end in zip(unit.runs, ends, strict=True):
                tries = self.tries[end.key] = self.tries.get(end.key, 0) + 1
                if end.error is not None and tries <= self.options.retries:
                    left.append(planned)
                else:
                    finished.append(replace(end, attempts=tries))
            self.planner.again(units(left))
        if finished:
            self.store.finish(finished, self.versions.to_dict(), answer.worker)
