"""What all sessions share: how many there may be, how long each may compute, threads for longer work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from feature_collapse.errors import InputError

T = TypeVar("T")
MOST_SESSIONS = 24
THREADS = 2
MOST_WAITING = 12  # pieces of longer work, over all sessions
FRAME_SECONDS = 0.03  # of training for one frame, where nobody else plays
LEAST_SECONDS = 0.002


class House:
    """The sessions that are open; made once for a server.

    >>> house = House(most=1)
    >>> house.enter(), house.enter(), house.share()
    (True, False, 0.03)
    """

    def __init__(self, most: int = MOST_SESSIONS) -> None:
        """Open it for so many sessions."""
        self.most, self.open, self.playing = most, 0, 0
        self._waiting, self._lock, self.closed = 0, Lock(), False
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="explorer")

    def enter(self) -> bool:
        """Return whether there is room for one more session, which then counts."""
        if self.open >= self.most:
            return False
        self.open += 1
        return True

    def leave(self) -> None:
        """Count one session less."""
        self.open -= 1

    def share(self) -> float:
        """Return the seconds that one frame may train: all that play have the same."""
        return max(LEAST_SECONDS, FRAME_SECONDS / max(1, self.playing))

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Do longer work in a thread.

        Raises:
            InputError: too much work waits already.
        """
        with self._lock:
            if self._waiting >= MOST_WAITING:
                raise InputError("too many sessions ask for longer work at once; try again in a few seconds")
            self._waiting += 1
        future = self._threads.submit(work)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[T]) -> None:
        with self._lock:
            self._waiting -= 1

    def close(self) -> None:
        """Let go of the threads; work that has not begun is dropped."""
        self.closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
