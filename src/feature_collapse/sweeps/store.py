"""The store of a sweep: one SQLite file, one row per run, keyed by the hash of its settings.

The driver is the only writer. Results are committed as they arrive, each batch in one transaction; a kill at
any moment leaves every committed row whole. Readers (status, export, plot) may look on while it works.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from feature_collapse.errors import InputError
from feature_collapse.sweeps import database, schema
from feature_collapse.sweeps.database import parse, told
from feature_collapse.sweeps.lock import hold, is_held
from feature_collapse.sweeps.spec import Run, Sweep

STATES = ("pending", "running", "done", "failed")


@dataclass(frozen=True)
class Finished:
    """The end of one run.

    Attributes:
        key: of the run.
        error: why it failed, or None.
        seconds: it took.
        result: names and numbers, or None.
        attempts: how often it was tried in all.
    """

    key: str
    error: str | None
    seconds: float | None
    result: dict[str, Any] | None
    attempts: int


class Store:
    """An open sweep file. Use it in a `with` statement."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Made by `create` and `open_store`."""
        self.path, self._db = path, connection

    def __enter__(self) -> Store:
        """The store itself."""
        return self

    def __exit__(self, kind: type | None, value: BaseException | None, trace: TracebackType | None) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with told(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise

    @property
    def sweep(self) -> Sweep:
        """The sweep that the file holds."""
        with told(self.path):
            row = self._db.execute("SELECT spec FROM sweep").fetchone()
        if row is None:
            raise InputError(
                f"sweep file {str(self.path)!r} holds no sweep yet: its first run was stopped at once"
            )
        return Sweep.from_mapping(parse(self.path, row[0], "the sweep"), f"sweep file {str(self.path)!r}")

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
                "INSERT INTO runs (key, position, grp, axes, settings) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) "
                "DO UPDATE SET position = excluded.position, grp = excluded.grp, axes = excluded.axes",
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

    def pending(self) -> list[tuple[str, dict[str, Any]]]:
        """Key and settings of every run that is still to do, in the order of the grid."""
        with told(self.path):
            found = self._db.execute(
                "SELECT key, settings FROM runs WHERE state = 'pending' AND position IS NOT NULL ORDER BY position"
            ).fetchall()
        return [(key, parse(self.path, settings, f"the settings of run {key}")) for key, settings in found]

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
                    "UPDATE runs SET state = ?, attempts = ?, error = ?, seconds = ?, finished = ?, result = ?, "
                    "worker = ?, versions = ? WHERE key = ? AND state != 'done'",
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

    def counts(self) -> dict[str, int]:
        """How many runs of the present grid are in each state."""
        with told(self.path):
            query = "SELECT state, count(*) FROM runs WHERE position IS NOT NULL GROUP BY state"
            found = dict(self._db.execute(query).fetchall())
        return {state: found.get(state, 0) for state in STATES}

    def facts(self) -> dict[str, Any]:
        """Compute time so far, most attempts, the commonest errors, the versions, the last driver."""
        with told(self.path):
            seconds, attempts, last = self._db.execute(
                "SELECT total(seconds), max(attempts), max(finished) FROM runs WHERE position IS NOT NULL"
            ).fetchone()
            errors = self._db.execute(
                "SELECT error, count(*) AS n, min(key) FROM runs WHERE state = 'failed' AND position IS NOT NULL "
                "GROUP BY error ORDER BY n DESC LIMIT 5"
            ).fetchall()
            versions = self._db.execute("SELECT versions FROM versions").fetchall()
            hidden = self._db.execute("SELECT count(*) FROM runs WHERE position IS NULL").fetchone()[0]
        return {
            "seconds": seconds,
            "most_attempts": attempts or 0,
            "last_finished": last,
            "errors": [{"error": error, "runs": n, "first": key} for error, n, key in errors],
            "versions": [parse(self.path, text, "an entry of the versions") for (text,) in versions],
            "outside_the_grid": hidden,
            "driven_by": self.driven_by(),
        }

    def columns(
        self, states: tuple[str, ...] = ("done", "failed"), *, settings: bool = True
    ) -> dict[str, list[Any]]:
        """The runs of the present grid in some states, in the order of the grid, column by column, JSON as text.

        Without `settings`, most of the text, it takes half as long.
        """
        names = ["key", "grp", "axes", "state", "attempts", "error", "seconds", "result"] + [
            "settings"
        ] * settings
        marks = ", ".join("?" * len(states))
        with told(self.path):
            found = self._db.execute(
                f"SELECT {', '.join(names)} FROM runs "
                f"WHERE position IS NOT NULL AND state IN ({marks}) ORDER BY position",
                states,
            ).fetchall()
        columns = zip(*found, strict=True) if found else ((),) * len(names)
        return {name: list(values) for name, values in zip(names, columns, strict=True)}

    def driven_by(self) -> str | None:
        """Who drives this sweep now, or None."""
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
            yield

    def _driver(self) -> str:
        with told(self.path):
            row = self._db.execute("SELECT pid, host, started FROM driver").fetchone()
        who = f"process {row[0]} on {row[1]} since {row[2]}" if row else "another process"
        return f"sweep file {str(self.path)!r} is being driven by {who}"


def open_store(path: str | Path, *, create: bool = False) -> Store:
    """Open a sweep file; bring an older one to the present schema. One that cannot be written can be read all the same.

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
        database.create(path)
    database.recognise(path)
    with told(path):
        connection = database.connect(path)
        try:
            schema.migrate(connection, str(path))
        except BaseException:
            connection.close()
            raise
    return Store(path, connection)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
