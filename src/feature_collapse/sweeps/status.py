"""How far a sweep is, what failed and why, and who drives it: one look at its file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from feature_collapse.sweeps.counts import Counts
from feature_collapse.sweeps.database import parse
from feature_collapse.sweeps.store import Store

_ERRORS = 5


@dataclass(frozen=True)
class CommonError:
    """An error, how many runs it ended, and the key of one of them."""

    error: str
    runs: int
    first: str


@dataclass(frozen=True)
class SweepStatus:
    """Where a sweep is.

    Attributes:
        name: of the sweep.
        counts: of its runs in each state.
        seconds: of computing so far, all workers together.
        most_attempts: of a run.
        last_finished: when, UTC, or None.
        errors: the commonest.
        versions: of the libraries that its runs were computed with.
        outside_the_grid: runs in the file that the present grid does not have.
        driven_by: who drives it now, or None.
    """

    name: str
    counts: Counts
    seconds: float
    most_attempts: int
    last_finished: str | None
    errors: tuple[CommonError, ...]
    versions: tuple[dict[str, str], ...]
    outside_the_grid: int
    driven_by: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, the counts beside the rest."""
        found = asdict(self)
        counts = found.pop("counts")
        return {"name": found.pop("name"), "runs": self.counts.total, **counts, **found}


def read_status(store: Store) -> SweepStatus:
    """Return where the sweep in a file is. O(rows), 0.2 s for 100,000.

    Raises:
        InputError: a damaged file.
    """
    driven_by = store.driven_by()
    seconds, attempts, finished = store.rows(
        "SELECT total(seconds), max(attempts), max(finished) FROM runs WHERE position IS NOT NULL"
    )[0]
    errors = store.rows(
        "SELECT error, count(*) AS n, min(key) FROM runs WHERE state = 'failed' AND position IS NOT NULL "
        f"GROUP BY error ORDER BY n DESC LIMIT {_ERRORS}"
    )
    versions = store.rows("SELECT versions FROM versions")
    return SweepStatus(
        store.sweep.name,
        store.counts(driven=driven_by is not None),
        seconds,
        attempts if isinstance(attempts, int) else 0,
        None if finished is None else str(finished),
        tuple(CommonError(str(error), runs, str(key)) for error, runs, key in errors),
        tuple(parse(store.path, text, "an entry of the versions") for (text,) in versions),
        store.rows("SELECT count(*) FROM runs WHERE position IS NULL")[0][0],
        driven_by,
    )
