"""Work shared among threads that never spin: whole pieces of it, of one torch thread each, joined once.

torch's own threads (OpenMP) meet at a barrier in every operation and wait there by spinning. Alone on a
machine that costs little; beside other programs each barrier waits for a thread that has lost its core,
thousands of times an evaluation. Here an evaluation is cut into pieces that do not depend on the number of
threads, and the results are put together in the order of the pieces, so that they do not depend on it either,
to the last bit.

How many threads: `torch.get_num_threads()` of the calling thread, as the user set it (OMP_NUM_THREADS,
`torch.set_num_threads`). torch keeps that number for each thread, and one for threads that are new: neither
is different afterwards, and other threads never see another.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TypeVar

import torch

from feature_collapse.blas import one_blas_thread

T = TypeVar("T")
R = TypeVar("R")

_MOST_HELPERS = 256  # they start when they are needed, and wait asleep


class _Here(threading.local):
    """How many threads may work for this one; None where it is torch's number."""

    count: int | None = None


class _Helpers:
    """The process's helping threads, begun at first use, and the lock of torch's number for new threads."""

    def __init__(self) -> None:
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget all threads: a forked child has a pool without them."""
        self.lock = threading.Lock()
        self.pool: ThreadPoolExecutor | None = None

    def __call__(self) -> ThreadPoolExecutor:
        with self.lock:
            if self.pool is None:
                self.pool = ThreadPoolExecutor(_MOST_HELPERS, "feature-collapse", _begin_helping)
            return self.pool


_here, _helpers = _Here(), _Helpers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_helpers.begin_anew)


def thread_count() -> int:
    """Return how many threads may work for this one: torch's number, as it was before `one_torch_thread`."""
    return _here.count or torch.get_num_threads()


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Let torch use one thread in this thread, until the end of the block; `each` uses as many as before.

    Other threads, and those that are begun meanwhile, keep torch's number. numpy's BLAS has one, too.
    """
    if _here.count is not None:
        yield
        return
    _here.count = count = torch.get_num_threads()
    try:
        if count > 1:
            _set_here(1)
        with one_blas_thread():
            yield
    finally:
        if count > 1:
            _set_here(count)
        _here.count = None


def each(function: Callable[[T, int], R], items: Sequence[T], device: torch.device | None = None) -> list[R]:
    """Return function(item, seat) for every item, in the items' order; seats number the threads at work.

    The calling thread works too, and meanwhile torch has one thread in it. Every thread takes the next item
    when it is done with one. At an exception no new item is begun, and it is raised when all have stopped.
    For a GPU, whose queue is one, the calling thread works alone.

    >>> each(lambda item, seat: item**2, [1, 2, 3])
    [1, 4, 9]
    """
    seats = min(thread_count(), len(items)) if device is None or device.type == "cpu" else 1
    if seats <= 1:
        return [function(item, 0) for item in items]
    results: dict[int, R] = {}
    todo, lock = iter(range(len(items))), threading.Lock()
    stopped = False

    def work(seat: int) -> None:
        nonlocal stopped
        before, _here.count = _here.count, 1
        try:
            while not stopped:
                with lock:
                    i = next(todo, None)
                if i is None:
                    return
                results[i] = function(items[i], seat)
        except BaseException:
            stopped = True
            raise
        finally:
            _here.count = before

    with one_torch_thread():
        others = [_helpers().submit(work, seat) for seat in range(1, seats)]
        try:
            work(0)
        finally:
            wait(others)
    for other in others:
        other.result()
    return [results[i] for i in range(len(items))]


def _begin_helping() -> None:
    _here.count = 1
    _set_here(1)


def _set_here(count: int) -> None:
    """Set torch's number of threads in this thread alone.

    torch's own function also sets the number for threads to come, which another new thread then sets back.
    A thread takes that number at its first use of torch, which must therefore lie behind it.
    """
    torch.get_num_threads()
    with _helpers.lock, ThreadPoolExecutor(1) as other:
        of_new_threads = other.submit(torch.get_num_threads).result()
        torch.set_num_threads(count)
        other.submit(torch.set_num_threads, of_new_threads).result()
