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
        self._sent: dict[str, tuple[Future[Any], Callable[[], bool]]] = {}
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
            held[0].cancel()

        def arrived(future: Future[T]) -> None:
            if not (self.closed or self._house.closed or future.cancelled()):
                self._document.add_next_tick_callback(lambda: self._answer(name, future, then, still))

        try:
            future = self._house.submit(work)
        except InputError as error:
            self._say(str(error))
            return False
        self._sent[name] = future, still
        future.add_done_callback(arrived)
        return True

    def busy(self, name: str) -> bool:
        """Return whether an answer of a name has not come yet, and is still wanted."""
        return name in self._sent and self._sent[name][1]()

    def while_wanted(self, still: Callable[[], bool]) -> Callable[[object], None]:
        """Return what work calls with its progress: it ends it where the answer is wanted no more.

        The tab or the server may be gone, or `still` no longer true; `CancelledError` is raised then.
        """

        def check(progress: object) -> None:
            if self.closed or self._house.closed or not still():
                raise CancelledError

        return check

    def _answer(
        self, name: str, future: Future[T], then: Callable[[T], None], still: Callable[[], bool]
    ) -> None:
        if name in self._sent and self._sent[name][0] is future:
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
