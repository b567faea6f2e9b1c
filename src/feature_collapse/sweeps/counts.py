"""The states of a run, and how many runs are in each."""

from __future__ import annotations

from dataclasses import dataclass

STATES = ("pending", "running", "done", "failed")


@dataclass(frozen=True)
class Counts:
    """How many runs of the present grid are in each state; without a driver none is running.

    Attributes:
        pending, running, done, failed: in that state.
    """

    pending: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0

    @property
    def ended(self) -> int:
        """Return the number of runs that are done or failed."""
        return self.done + self.failed

    @property
    def total(self) -> int:
        """Return the number of runs."""
        return self.pending + self.running + self.ended
