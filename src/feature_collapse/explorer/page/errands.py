"""Longer work of one session, done in the house's threads; its answer comes back between two frames."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

from bokeh.document import Document

from feature_collapse.errors import InputError, RunStopped
from feature_collapse.explorer.page.house import House

T = TypeVar("T")


class Errands:
    """What a session has sent for; one of each name at a time."""

    def __init__(self, document: Document, house: House, say: Callable[[str], None]) -> None:
        """Begin without any.

        Args:
            document: of the session.
            house: whose threads do the work.
            say: shows one sentence.
        """
        self._document, self._house, self._say = document, house, say
        self._sent: dict[str, Future[Any]] = {}
        self.closed = False

    def send(
        self, name: str, work: Callable[[], T], then: Callable[[T], None], still: Callable[[], bool]
    ) -> bool:
        """Send for something; returns whether it was sent.

        Args:
            name: one that has not begun is dropped for a new one of its name.
            work: done in a thread.
            then: is called with the answer, in the document's own time.
            still: whether the answer is still wanted when it comes.
        """
        held = self._sent.pop(name, None)
        if held is not None:
            held.cancel()

        def arrived(future: Future[T]) -> None:
            if not (self.closed or self._house.closed or future.cancelled()):
                self._document.add_next_tick_callback(lambda: self._answer(name, future, then, still))

        try:
            future = self._house.submit(work)
        except InputError as error:
            self._say(str(error))
            return False
        self._sent[name] = future
        future.add_done_callback(arrived)
        return True

    def busy(self, name: str) -> bool:
        """Return whether an answer of a name has not come yet."""
        return name in self._sent

    def check(self, progress: object) -> None:
        """End work that reports its progress, where its tab or the server is gone.

        Raises:
            CancelledError: it is.
        """
        if self.closed or self._house.closed:
            raise CancelledError

    def _answer(
        self, name: str, future: Future[T], then: Callable[[T], None], still: Callable[[], bool]
    ) -> None:
        if self._sent.get(name) is future:
            del self._sent[name]
        if not still():
            return
        try:
            then(future.result())
        except CancelledError:
            return
        except (InputError, RunStopped) as error:
            self._say(str(error))
        except MemoryError:
            self._say("there is not enough memory for this; take a smaller table or smaller sizes")
