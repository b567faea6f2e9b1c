"""numpy's BLAS on one thread while the package works, and whole pieces of work shared among threads instead.

OpenBLAS, which numpy and scipy bring along, cuts even a small product, eigenvalue or singular value problem
into pieces for threads that wait for one another by spinning. Alone on a machine that gains little; where
other programs hold the cores each piece waits for a thread that has lost its core, and a small decomposition
takes many times as long. So BLAS gets one thread inside `one_blas_thread`, and `in_turn` shares pieces that
are large.
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

import numpy as np
from threadpoolctl import LibController, ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

_WITH_BLAS = ("numpy", "scipy.linalg", "torch")  # modules that bring a BLAS with them
_Numbers = list[tuple[LibController, int]]  # of threads
_NUMBERS = 2e8  # float64, that all threads of a call may hold together
_WORTH_SHARING = 1e7  # operations below which threads cost more than they gain


class _Limit:
    """The limit of all that are inside at once: the first sets it, the last gives back what was before.

    Some BLAS (MKL, OpenBLAS on OpenMP) keep a number for each thread: there every thread has its own limit.
    """

    def __init__(self) -> None:
        self.lock, self.inside, self.loaded = threading.Lock(), 0, -1
        self.libraries: list[LibController] = []
        self.before: _Numbers = []

    def enter(self) -> _Numbers:
        """Set the limit; return what the calling thread gives back by itself."""
        with self.lock:
            if self.inside == 0:
                loaded = sum(name in sys.modules for name in _WITH_BLAS)
                if loaded != self.loaded:  # to look for them takes a millisecond
                    found = ThreadpoolController().select(user_api="blas")
                    self.libraries, self.loaded = found.lib_controllers, loaded
                self.before = self._set_to_one(of_thread=False)
            self.inside += 1
            return self._set_to_one(of_thread=True)

    def leave(self, own: _Numbers) -> None:
        """Give back, the last one also what is the process's."""
        with self.lock:
            _set(own)
            self.inside -= 1
            if self.inside == 0:
                _set(self.before)

    def begin_anew(self) -> None:
        """In a forked child, give back what another thread of the parent's would have."""
        self.lock, inside, self.inside = threading.Lock(), self.inside, 0
        if inside:
            _set(self.before)

    def _set_to_one(self, *, of_thread: bool) -> _Numbers:
        before = [(each, each.num_threads) for each in self.libraries if _is_of_thread(each) == of_thread]
        _set([(library, 1) for library, _ in before])
        return before


def _is_of_thread(library: LibController) -> bool:
    return library.internal_api == "mkl" or getattr(library, "threading_layer", "") == "openmp"


def _set(numbers: _Numbers) -> None:
    """Set the numbers, from whatever thread: OpenBLAS's is else left to the thread that set it first."""
    for library, number in numbers:
        free = getattr(library, "clear_controlling_thread", _nothing)  # threadpoolctl 3.8
        free(force=True)
        library.set_num_threads(number)
        free(force=True)


def _nothing(*, force: bool) -> None:
    pass


_limit = _Limit()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_limit.begin_anew)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy's and scipy's BLAS use one thread until the end of the block, and then as many as before.

    OpenBLAS keeps one number for the process: until then the products of other threads are on one, too.
    """
    own = _limit.enter()
    try:
        yield
    finally:
        _limit.leave(own)


def usable_cores() -> int:
    """Return how many threads may work at once: OMP_NUM_THREADS where that is set, else the cores allowed."""
    wished = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    if wished.isdecimal() and int(wished) > 0:
        return int(wished)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_turn(function: Callable[[T], R], items: Iterable[T], threads: int | None = None) -> Iterator[R]:
    """Yield function(item) for every item, in their order, computed by some threads a few items ahead.

    Each has one thread of BLAS and the caller's `np.errstate`. The results do not depend on the number of
    threads, None being `usable_cores`; one stands for no thread but the caller's.

    >>> list(in_turn(lambda x: x * x, range(4)))
    [0, 1, 4, 9]
    """
    threads = usable_cores() if threads is None else threads
    if threads <= 1:
        yield from map(function, items)
        return
    errors = np.geterr()

    def work(item: T) -> R:
        with one_blas_thread(), np.errstate(**errors):
            return function(item)

    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[R]] = deque()
        try:
            for item in items:
                ahead.append(pool.submit(work, item))
                if len(ahead) > threads:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def shared(
    function: Callable[[T], R], items: Iterable[T], operations: float, numbers: float = 0.0
) -> list[R]:
    """Return function(item) for every item; threads share those that take so many operations each.

    `numbers` are the float64 numbers that one holds meanwhile: no more threads than leave 1.6 GB for all.
    """
    threads = 1 if operations < _WORTH_SHARING else min(usable_cores(), int(_NUMBERS / max(numbers, 1.0)))
    return list(in_turn(function, items, max(threads, 1)))
