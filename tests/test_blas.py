"""BLAS has one thread while the package works, as many as before afterwards, and threads change no bit."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.linalg  # noqa: F401  # brings a BLAS of its own
from threadpoolctl import threadpool_info, threadpool_limits

import feature_collapse as fc
from feature_collapse import blas
from feature_collapse.blas import in_turn, one_blas_thread, shared, usable_cores
from feature_collapse.metrics import FeatureStatistics, measure


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _three_threads():
    with threadpool_limits(3, user_api="blas"):
        if blas_threads() != {3}:
            pytest.skip("this numpy's BLAS takes no number of threads")
        yield


def test_blas_has_one_thread_inside_and_what_it_had_afterwards():
    with one_blas_thread():
        assert blas_threads() == {1}
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {1}
    assert blas_threads() == {3}
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        raise ZeroDivisionError
    assert blas_threads() == {3}


def test_of_blocks_that_overlap_the_last_to_end_gives_the_number_back():
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with one_blas_thread():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with one_blas_thread():
        thread.start()
        assert entered.wait(10)
    assert blas_threads() == {1}  # the other is still at work
    leave.set()
    thread.join(10)
    assert blas_threads() == {3}


def _seen_by(monkeypatch, run) -> set[frozenset[int]]:
    """Return BLAS's numbers of threads at the singular values that a call computes."""
    seen: set[frozenset[int]] = set()
    for name in ("svd", "eigh", "eigvalsh"):
        whole = getattr(np.linalg, name)

        def noted(*args, whole=whole, **options):
            seen.add(frozenset(blas_threads()))
            return whole(*args, **options)

        monkeypatch.setattr(np.linalg, name, noted)
    run()
    return seen


def _features() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    ids = np.arange(600) % 6
    return generator.standard_normal((6, 40))[ids] + generator.standard_normal((600, 40)), ids


def _statistics() -> None:
    x, ids = _features()
    FeatureStatistics(6, 40).update(x, ids).finalize()


def _classify() -> None:
    task = fc.make_task(n_w=12, L=3, K=8, seed=0)
    fc.classify(fc.solve(fc.Problem.of(task, n_spl=3, lambda_=0.01)).weights, task)


@pytest.mark.parametrize("run", [lambda: measure(*_features()), _statistics, _classify])
def test_what_is_decomposed_is_decomposed_on_one_thread(monkeypatch, run):
    assert _seen_by(monkeypatch, run) == {frozenset({1})}
    assert blas_threads() == {3}


def test_without_it_blas_has_its_own_number(monkeypatch):
    assert _seen_by(monkeypatch, lambda: np.linalg.svd(np.eye(3))) == {frozenset({3})}


@pytest.mark.parametrize("frequencies", [None, 1.0 + np.arange(600) % 50])
def test_a_report_does_not_depend_on_the_threads(monkeypatch, frequencies):
    x, ids = _features()
    monkeypatch.setattr(blas, "_WORTH_SHARING", 0.0)
    names: set[str] = set()
    reports = []
    for threads in ("1", "4"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        names.clear()

        def noted(*args, whole=np.bincount, **options):
            names.add(threading.current_thread().name)
            return whole(*args, **options)

        with monkeypatch.context() as patch:
            patch.setattr(np, "bincount", noted)
            reports.append(measure(x, ids, frequencies, resamples=20, shuffles=20).to_dict())
        assert (len(names) > 1) == (threads == "4")  # control: threads were at work
    assert reports[0] == reports[1]


def test_results_come_in_the_order_of_the_items_and_a_few_are_ahead():
    begun: list[int] = []

    def items():
        for i in range(100):
            begun.append(i)
            yield i

    results = in_turn(lambda i: 2 * i, items(), threads=3)
    assert next(results) == 0
    assert len(begun) <= 4
    assert list(results) == [2 * i for i in range(1, 100)]
    assert len(begun) == 100


def test_an_exception_is_raised_at_its_item_and_ends_the_rest():
    done: list[int] = []

    def work(i: int) -> int:
        if i == 5:
            raise ValueError("five")
        done.append(i)
        return i

    with pytest.raises(ValueError, match="five"):
        list(in_turn(work, range(1000), threads=2))
    assert len(done) < 20


@pytest.mark.parametrize(("wished", "cores"), [("3", 3), ("5,2", 5), ("0", None), ("many", None), ("", None)])
def test_omp_num_threads_says_how_many_may_work(monkeypatch, wished, cores):
    monkeypatch.setenv("OMP_NUM_THREADS", wished)
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    assert usable_cores() == (cores or allowed)


def test_small_pieces_are_not_shared(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "4")

    def names(operations: float) -> set[str]:
        return set(shared(lambda _: threading.current_thread().name, range(50), operations))

    assert names(1.0) == {threading.current_thread().name}
    assert threading.current_thread().name not in names(1e12)


@pytest.mark.skipif(usable_cores() < 2, reason="OpenBLAS takes no more threads than there are cores")
def test_a_command_begins_with_one_blas_thread_unless_told():
    code = (
        "import sys; sys.argv = ['feature-collapse', '--version']\n"
        "from feature_collapse.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "import numpy, threadpoolctl\n"
        "print({p['num_threads'] for p in threadpoolctl.threadpool_info() if p['user_api'] == 'blas'})"
    )
    for given, wanted in ((None, "{1}"), ("2", "{2}")):
        environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
        environment |= {} if given is None else {"OPENBLAS_NUM_THREADS": given}
        out = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
        )
        assert out.stdout.splitlines()[-1] == wanted


def test_torch_keeps_its_number_where_blocks_overlap():
    torch = pytest.importorskip("torch")
    from feature_collapse.threads import one_torch_thread

    entered, leave, seen = threading.Event(), threading.Event(), []

    def other() -> None:
        torch.set_num_threads(2)
        with one_blas_thread():
            entered.set()
            leave.wait(10)
        seen.append(torch.get_num_threads())

    thread, before = threading.Thread(target=other), torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with one_torch_thread():
            thread.start()
            assert entered.wait(10)
        leave.set()
        thread.join(10)
        assert seen == [2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_the_limit_holds_also_where_another_thread_has_set_a_number():
    seen: list[set[int]] = []

    def other() -> None:
        with one_blas_thread():
            seen.append(blas_threads())
        seen.append(blas_threads())

    limits = threadpool_limits(3, user_api="blas")  # this thread's from now on
    thread = threading.Thread(target=other)
    thread.start()
    thread.join(10)
    limits.restore_original_limits()
    assert seen == [{1}, {3}]


def test_a_forked_child_has_the_numbers_back():
    with one_blas_thread():
        pid = os.fork() if hasattr(os, "fork") else pytest.skip("no fork here")
        if pid == 0:  # the child: nothing of pytest's may run in it
            os._exit(0 if blas_threads() == {3} and blas._limit.inside == 0 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert blas_threads() == {1}


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_have_the_callers_errstate(threads):
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        list(in_turn(lambda x: np.log(np.zeros(x)), [3], threads))
    with np.errstate(divide="ignore"):
        assert np.isneginf(next(in_turn(lambda x: np.log(np.zeros(x)), [3], threads))).all()


def test_no_more_threads_than_memory_allows(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    threads = []

    def counted(function, items, count):
        threads.append(count)
        return map(function, items)

    monkeypatch.setattr(blas, "in_turn", counted)
    for numbers in (1e3, 5e7, 1e8, 1e12):
        shared(abs, [1], 1e12, numbers)
    assert threads == [8, 4, 2, 1]
