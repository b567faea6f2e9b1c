"""How far a long measurement is: whoever listens hears which pass is under way, and how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Listener = Callable[[str, int, int], None]
"""Receives the name of the pass, how many of its steps are done, and how many there are."""

T = TypeVar("T")
_LISTENER: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Let a function hear of every pass inside the block, in this thread.

    >>> with listening(lambda *heard: print(*heard)):
    ...     _ = list(followed("rows", range(2), 2))
    rows 0 2
    rows 1 2
    rows 2 2
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def followed(name: str, steps: Iterable[T], count: int) -> Iterator[T]:
    """Yield the steps of a pass, telling the listener, if any, of each."""
    listener = _LISTENER.get()
    if listener is None:
        yield from steps
        return
    for done, step in enumerate(steps):
        listener(name, done, count)
        yield step
    listener(name, count, count)
