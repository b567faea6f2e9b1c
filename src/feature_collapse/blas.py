"""numpy's BLAS on one thread while the package works, and whole pieces of work shared among threads instead.

OpenBLAS, which numpy and scipy bring along, cuts even a small product, eigenvalue or singular value problem
into pieces for threads that wait for one another by spinning. Alone on a machine that gains little; where
other programs hold the cores a singular value decomposition of 1,200 × 100 numbers takes 100 times as long.
So BLAS gets one thread inside `one_blas_thread`, and `in_turn` shares pieces that are large.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

_WITH_BLAS = ("numpy", "scipy.linalg", "torch")  # modules that bring a BLAS with them
_WORTH_SHARING = 1e7  # operations below which threads cost more than they gain


class _Limit:
    """The limit of all that are inside at once: the first sets it, the last gives back what was before."""

    def __init__(self) -> None:
        self.lock, self.inside = threading.Lock(), 0
        self.give_back: Callable[[], None] | None = None
        self.controller: ThreadpoolController | None = None
        self.loaded = 0

    def enter(self) -> None:
        with self.lock:
            if self.inside == 0:
                loaded = sum(name in sys.modules for name in _WITH_BLAS)
                if self.controller is None or loaded != self.loaded:  # to look for it takes a millisecond
                    self.controller, self.loaded = ThreadpoolController(), loaded
                self.give_back = self.controller.limit(limits=1, user_api="blas").restore_original_limits
            self.inside += 1

    def leave(self) -> None:
        with self.lock:
            self.inside -= 1
            if self.inside == 0 and self.give_back is not None:
                self._free()
                self.give_back()
                self._free()

    def _free(self) -> None:
        """Let any thread set the number: OpenBLAS's is left to the thread that set it first."""
        for library in self.controller.lib_controllers if self.controller is not None else ():
            clear = getattr(library, "clear_controlling_thread", None)  # threadpoolctl 3.8
            if clear is not None:
                clear(force=True)


_limit = _Limit()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy's and scipy's BLAS use one thread until the end of the block, and then as many as before.

    BLAS keeps one number for the whole process: until then the products of other threads are on one, too.
    """
    _limit.enter()
    try:
        yield
    finally:
        _limit.leave()


def usable_cores() -> int:
    """Return how many threads may work at once: OMP_NUM_THREADS where that is set, else the cores allowed."""
    wished = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wished.isdecimal() and int(wished) > 0:
        return int(wished)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_turn(function: Callable[[T], R], items: Iterable[T], threads: int | None = None) -> Iterator[R]:
    """Yield function(item) for every item, in their order, computed by some threads a few items ahead.

    The results do not depend on the number of threads, None being `usable_cores`; one stands for no thread
    but the caller's.

    >>> list(in_turn(lambda x: x * x, range(4)))
    [0, 1, 4, 9]
    """
    threads = usable_cores() if threads is None else threads
    if threads <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[R]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(function, item))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def shared(function: Callable[[T], R], items: Iterable[T], operations: float) -> list[R]:
    """Return function(item) for every item; threads share those that take so many operations each."""
    return list(in_turn(function, items, None if operations >= _WORTH_SHARING else 1))
