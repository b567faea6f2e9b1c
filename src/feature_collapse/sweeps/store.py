"""The store of a sweep: one SQLite file, one row per run, keyed by the hash of its settings.

The driver is the only writer. Results are committed as they arrive, each batch in one transaction; a kill at
any moment leaves every committed row whole. What a killed driver left running is pending again when the next
one starts (engine.py). Readers (status, export, plot) may look on while it works.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from feature_collapse.errors import InputError, RunStopped
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.settings import Settings
from feature_collapse.sweeps import database, schema
from feature_collapse.sweeps.counts import STATES, Counts
from feature_collapse.sweeps.database import parse, worded
from feature_collapse.sweeps.lock import hold, is_held
from feature_collapse.sweeps.messages import Finished, Planned
from feature_collapse.sweeps.spec import Run, Sweep


class Store:
    """An open sweep file. Use it in a `with` statement."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Hold a connection that `open_store` made."""
        self.path, self._db, self._claimed = path, connection, False
        self._identity = _identity(path)

    def __enter__(self) -> Store:
        """Return the store itself."""
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with worded(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        self.check_there()

    def check_there(self) -> None:
        """Check that the file is still the one that was opened.

        Raises:
            RunStopped: it was deleted, moved or replaced, and what is written reaches it no more.
        """
        if _identity(self.path) != self._identity:
            raise RunStopped(
                f"{self._named} was deleted, moved or replaced while it was in use; what was finished since "
                "is lost with it, and the same command begins anew"
            )

    @property
    def sweep(self) -> Sweep:
        """Return the sweep that the file holds."""
        found = self.rows("SELECT spec FROM sweep")
        if not found:
            raise InputError(f"{self._named} holds no sweep yet: its first run was stopped at once")
        return Sweep.from_mapping(parse(self.path, found[0][0], "the sweep"), self._named)

    @property
    def _named(self) -> str:
        return f"sweep file {str(self.path)!r}"

    def rows(self, query: str, values: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        """Return what a query finds.

        Raises:
            InputError: a damaged file.
        """
        with worded(self.path):
            return self._db.execute(query, tuple(values)).fetchall()

    def set_sweep(self, sweep: Sweep, runs: Iterable[Run]) -> None:
        """Make this the file's sweep: new runs are added, known ones keep what they have.

        Runs that the sweep no longer has stay in the file, out of sight, and come back with it.
        """
        rows = (
            (run.key, position, run.group, json.dumps(run.axes), json.dumps(run.settings.to_mapping()))
            for position, run in enumerate(runs)
        )
        with self._transaction() as db:
            db.execute(
                "INSERT INTO sweep VALUES (1, ?, ?, ?) ON CONFLICT (one) DO UPDATE SET name = excluded.name, "
                "spec = excluded.spec",
                (sweep.name, json.dumps(sweep.source), _now()),
            )
            db.execute("UPDATE runs SET position = NULL")
            db.executemany(
                "INSERT INTO runs (key, position, grp, axes, settings) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key) DO UPDATE SET position = excluded.position, grp = excluded.grp, "
                "axes = excluded.axes",
                rows,
            )

    def reset(self, *, failed: bool = False) -> None:
        """Make runs that a dead driver left `running` pending again, and with `failed` the failed ones."""
        with self._transaction() as db:
            db.execute("UPDATE runs SET state = 'pending' WHERE state = 'running'")
            if failed:
                db.execute(
                    "UPDATE runs SET state = 'pending', attempts = 0, error = NULL WHERE state = 'failed'"
                )

    def pending(self) -> list[Planned]:
        """Return every run that is still to do, in the order of the grid.

        Raises:
            InputError: a run that would be another one now: the file is damaged, or a file it names changed.
        """
        found = self.rows(
            "SELECT key, settings FROM runs WHERE state = 'pending' AND position IS NOT NULL "
            "ORDER BY position"
        )
        return [self._planned(key, settings) for key, settings in found]

    def _planned(self, key: str, text: str) -> Planned:
        settings = Settings.from_mapping(parse(self.path, text, f"the settings of run {key}"), self._named)
        found = Experiment.of(settings)
        if found.key != key and not settings.files:
            raise InputError(f"{self._named} is damaged (the settings of run {key} do not give its key)")
        if found.key != key:
            raise InputError(
                f"{settings.files} is not what it was when run {key} of "
                f"{str(self.path)!r} was planned; put the old file back, or give the sweep's TOML file to "
                "`sweep run`, which plans the runs anew"
            )
        return Planned(key, found.settings)

    def start(self, keys: Iterable[str]) -> None:
        """Mark runs as handed to a worker."""
        with self._transaction() as db:
            db.executemany("UPDATE runs SET state = 'running' WHERE key = ?", ((key,) for key in keys))

    def finish(self, finished: Iterable[Finished], versions: Mapping[str, str], worker: str) -> None:
        """Commit what a batch of runs gave, in one transaction. A finished run is never overwritten."""
        text = json.dumps(dict(versions), sort_keys=True)
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO versions (versions) VALUES (?)", (text,))
            (number,) = db.execute("SELECT id FROM versions WHERE versions = ?", (text,)).fetchone()
            for one in finished:
                changed = db.execute(
                    "UPDATE runs SET state = ?, attempts = ?, error = ?, seconds = ?, finished = ?, "
                    "result = ?, worker = ?, versions = ? WHERE key = ? AND state != 'done'",
                    (
                        "failed" if one.error is not None else "done",
                        one.attempts,
                        one.error,
                        one.seconds,
                        _now(),
                        None if one.result is None else json.dumps(one.result),
                        worker,
                        number,
                        one.key,
                    ),
                ).rowcount
                assert changed == 1, f"run {one.key} was done already"

    def counts(self, driven: bool | None = None) -> Counts:
        """Return how many runs of the grid are in each state; those that a dead driver left are pending.

        Args:
            driven: whether a driver is at work, where that is known; None looks.
        """
        found = dict(self.rows("SELECT state, count(*) FROM runs WHERE position IS NOT NULL GROUP BY state"))
        pending, running, done, failed = (found.get(state, 0) for state in STATES)
        if running and not (self._claimed or (is_held(self.path) if driven is None else driven)):
            pending, running = pending + running, 0
        return Counts(pending, running, done, failed)

    def columns(
        self, states: tuple[str, ...] = ("done", "failed"), *, settings: bool = True
    ) -> dict[str, list[Any]]:
        """Return the runs of the grid in some states, in its order, column by column, JSON as text.

        Without `settings`, most of the text, it takes half as long.
        """
        names = ["key", "grp", "axes", "state", "attempts", "error", "seconds", "result"] + [
            "settings"
        ] * settings
        marks = ", ".join("?" * len(states))
        found = self.rows(
            f"SELECT {', '.join(names)} FROM runs "
            f"WHERE position IS NOT NULL AND state IN ({marks}) ORDER BY position",
            states,
        )
        columns = zip(*found, strict=True) if found else ((),) * len(names)
        return {name: list(values) for name, values in zip(names, columns, strict=True)}

    def driven_by(self) -> str | None:
        """Return who drives this sweep now, or None."""
        return self._driver() if is_held(self.path) else None

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Be the only driver, until the end of the block or of the process.

        Raises:
            InputError: another process drives this sweep; it is named.
        """
        with hold(self.path) as free:
            if not free:
                raise InputError(f"{self._driver()}; wait for it or stop it")
            with self._transaction() as db:
                db.execute(
                    "INSERT OR REPLACE INTO driver VALUES (1, ?, ?, ?)",
                    (os.getpid(), socket.gethostname(), _now()),
                )
            self._claimed = True
            try:
                yield
            finally:
                self._claimed = False

    def _driver(self) -> str:
        found = self.rows("SELECT pid, host, started FROM driver")
        who = "process {} on {} since {}".format(*found[0]) if found else "another process"
        return f"{self._named} is being driven by {who}"


def open_store(path: str | Path, *, create: bool = False) -> Store:
    """Open a sweep file; bring an older one to the present schema. One that cannot be written can be read.

    Raises:
        InputError: a file that is missing (unless `create`), is not ours, is damaged, or is from a newer
            version; it is left as it was.
    """
    try:
        path = Path(path).resolve()
        there = path.exists()
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name too long, a zero byte
        raise InputError(
            f"sweep file {str(path)!r} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None
    if not there:
        if not create:
            raise InputError(f"sweep file {str(path)!r} does not exist")
        database.create_database(path)
    database.recognise(path)
    with worded(path):
        connection = database.open_database(path)
        try:
            schema.migrate(connection, str(path))
        except BaseException:
            connection.close()
            raise
    return Store(path, connection)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
