"""Threads that share work: the same bits for any number, torch's numbers left alone, none left waiting."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from feature_collapse.certificates.certify import certificate
from feature_collapse.model.network import Network
from feature_collapse.model.weights import Weights
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.sgd.train import SGDSettings, train_sgd
from feature_collapse.solver.solve import solve
from feature_collapse.task import make_task
from feature_collapse.threads import each, one_torch_thread, thread_count

TASK = make_task(n_w=60, L=6, K=300, word_law="zipf", seed=0)


@pytest.fixture(autouse=True)
def _number():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def in_new_thread() -> int:
    """torch's number of threads as a thread sees it that is begun now."""
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


def with_threads(count: int, function):
    torch.set_num_threads(count)
    return function()


def evaluation():
    risk = EmpiricalRisk(Problem.of(TASK, n_spl=10), chunk_bytes=1)
    rng = np.random.default_rng(0)
    V, U = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((60, 3), (300, 18)))
    first, second = risk.value_and_gradient(V, U), risk.value_and_gradient(V, U)
    return [torch.tensor(first[0]), first[1], first[2], torch.tensor(second[0]), risk.apply_gradient(V, U, V)]


def certified():
    rng = np.random.default_rng(0)
    weights = Weights(rng.standard_normal((60, 3)), rng.standard_normal((300, 6, 3)))
    found = certificate(weights, TASK.train_set(40), 1e-3)
    return [torch.tensor(list(found.to_dict().values()), dtype=torch.float64)]


def trained():
    network = Network(60, 6, 300, 8).start(np.random.default_rng(0))
    train_sgd(network, TASK.train_set(2), TASK.test_set(2), SGDSettings(epochs=2))
    return [network.W.detach().clone(), network.U.detach().clone()]


def solved():
    found = solve(Problem.of(TASK, n_spl=8, lambda_=3e-3), gap=1e-2)
    return [torch.from_numpy(found.W), torch.from_numpy(found.U), torch.tensor(found.lower_bound)]


@pytest.mark.parametrize("work", [evaluation, certified, trained, solved])
def test_three_threads_give_the_bits_of_one(work) -> None:
    one, three = with_threads(1, work), with_threads(3, work)
    assert all(torch.equal(a, b) for a, b in zip(one, three, strict=True))


def test_results_come_in_the_order_of_the_items_and_every_item_once() -> None:
    torch.set_num_threads(3)
    seats = each(lambda item, seat: (item, seat), range(50))
    assert [item for item, _ in seats] == list(range(50))
    assert {seat for _, seat in seats} <= {0, 1, 2}


def test_two_threads_are_at_work_at_once() -> None:
    torch.set_num_threads(2)
    both = threading.Barrier(2)
    assert sorted(each(lambda _, seat: both.wait(timeout=60) * 0 + seat, range(2))) == [0, 1]


def test_one_thread_does_all_of_it_itself() -> None:
    torch.set_num_threads(1)
    assert set(each(lambda *_: threading.get_ident(), range(5))) == {threading.get_ident()}


def test_torch_has_its_numbers_again_and_other_threads_never_lost_theirs() -> None:
    torch.set_num_threads(3)
    with one_torch_thread():
        assert (torch.get_num_threads(), in_new_thread(), thread_count()) == (1, 3, 3)
        with one_torch_thread():
            pass
        assert torch.get_num_threads() == 1
    assert (torch.get_num_threads(), in_new_thread()) == (3, 3)


def test_an_exception_in_a_thread_is_the_callers_and_leaves_torchs_number() -> None:
    torch.set_num_threads(3)

    def fail(item: int, _: int) -> int:
        if item == 4:
            raise ValueError("four")
        return item

    with pytest.raises(ValueError, match="four"):
        each(fail, range(9))
    assert (torch.get_num_threads(), each(lambda item, _: item, range(3))) == (3, [0, 1, 2])


def test_work_inside_work_is_done_by_the_thread_that_asks() -> None:
    torch.set_num_threads(3)
    counts = each(lambda *_: (thread_count(), each(lambda item, _: item, range(3))), range(6))
    assert counts == [(1, [0, 1, 2])] * 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    code = (
        "import os, sys, torch\n"
        "from feature_collapse.threads import each\n"
        "torch.set_num_threads(2)\n"
        "assert each(lambda item, _: item, range(4)) == [0, 1, 2, 3]\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(each(lambda item, _: item, range(4)) != [0, 1, 2, 3])\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0


def test_a_helping_thread_begins_no_threads_of_torch() -> None:
    code = (  # in a new process, where nobody has told torch a number
        "import os, threading, torch\n"
        "from feature_collapse.threads import each\n"
        "if torch.get_num_threads() < 2: os._exit(3)\n"
        "both = threading.Barrier(2)\n"
        "def work(item, seat):\n"
        "    both.wait(60)\n"
        "    torch.ones(10**6).exp().sum()\n"
        "    return torch.get_num_threads()\n"
        "assert each(work, range(2)) == [1, 1]\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], timeout=120)
    if ended.returncode == 3:
        pytest.skip("torch has one thread here")
    assert ended.returncode == 0
