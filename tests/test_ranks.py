"""Ranks that share the classes of one problem: the same answer as one, and what is left when one dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch

from feature_collapse import ranks as module
from feature_collapse.errors import InputError
from feature_collapse.ranks import Ranks
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.risk.shared import SharedRisk
from feature_collapse.task import make_task

SRC = Path(__file__).resolve().parent.parent / "src"
LONG = ("--K", "150", "--n-w", "90", "--L", "6", "--n-spl", "5", "--gap", "1e-8", "--device", "cpu")
SHORT = ("--K", "12", "--n-w", "12", "--L", "3", "--n-spl", "4", "--device", "cpu")

# Every rank runs this; rank 0 compares what the ranks find with what it finds alone.
COMPARE = """
import json, numpy as np, torch
from feature_collapse.certificates.bound import certificate
from feature_collapse.certificates.dual_point import dual_point
from feature_collapse.model.weights import Weights
from feature_collapse.ranks import join
from feature_collapse.risk.empirical import EmpiricalRisk
from feature_collapse.risk.problem import Problem
from feature_collapse.risk.shared import SharedRisk, packed
from feature_collapse.solver.lend import lend
from feature_collapse.solver.options import SolverOptions
from feature_collapse.solver.solve import solve
from feature_collapse.task import make_task

ranks = join()
torch.set_num_threads(1 + ranks.rank)  # which changes nothing
if ranks.rank:
    lend(ranks)
    ranks.end()
    raise SystemExit
found = {}
task = make_task(n_w=24, L=4, K=15, word_law="zipf", seed=0)
many = make_task(n_w=24, L=4, K=160, word_law="zipf", seed=0)
for name, gap, problem in (
    ("plain", 1e-9, Problem.of(task, n_spl=5, lambda_=1e-3)),
    ("layernorm", 1e-8, Problem.of(task, n_spl=5, lambda_=1e-3, normaliser="layernorm", d=12)),
    ("decay", 1e-9, Problem.of(task, n_spl=5, lambda_=1e-3, decay=1.0)),
    ("parts, in single precision", 1e-4, Problem.of(many, n_spl=80, lambda_=2e-2)),
    ("tiny lambda", 1e-6, Problem.of(task, n_spl=5, lambda_=1e-7)),
    ("zero", 1e-9, Problem.of(task, n_spl=5, lambda_=1.0)),
):
    one = solve(problem, gap=gap)
    several = solve(problem, gap=gap, options=SolverOptions(ranks=ranks))
    there = certificate(several.weights, problem)
    found[name] = {
        "statuses": [one.status, several.status],
        "gaps": [gap, one.relative_gap, several.relative_gap],
        "apart": [one.risk - several.risk, one.lower_bound - several.lower_bound],
        "apart at the same weights": [there.risk - several.risk, there.lower_bound - several.lower_bound],
    }

rng = np.random.default_rng(0)
problem = Problem.of(many, n_spl=9, omega=rng.dirichlet(np.ones(160 * 9)))
shared, alone = (make(problem) for make in (
    lambda p: SharedRisk(p, ranks, dtype=torch.float64), lambda p: EmpiricalRisk(p, dtype=torch.float64)))
apart = 0.0
for scale in (1.0, 1.1, 300.0, 1.0):  # that of the third is far from the shift of the second
    V, U, Q = (torch.from_numpy(scale * rng.standard_normal(s)) for s in ((24, 3), (160, 12), (24, 2)))
    pairs = zip(shared.value_and_gradient(V, U), alone.value_and_gradient(V, U))
    pairs = [*((torch.as_tensor(a), torch.as_tensor(b)) for a, b in pairs),
             (shared.apply_gradient(V, U, Q), alone.apply_gradient(V, U, Q))]
    apart = max(apart, *(float((a - b).abs().max() / b.abs().max()) for a, b in pairs))
found["evaluations"] = apart
V, U = (torch.from_numpy(rng.standard_normal(s)) for s in ((24, 3), (160, 12)))
over, _, _ = shared.value_and_gradient(V * 1e200, U * 1e200)
found["overflow"] = [over, alone.value_and_gradient(V * 1e200, U * 1e200)[0]]
apart = 0.0
for scale, limit in ((1.0, 4e9), (100.0, 4e9), (1.0, 1.1e6)):
    with ranks.asking("certify", V * scale, U, torch.tensor([limit], dtype=torch.float64), *packed(problem)):
        a = dual_point(V * scale, U, problem, memory_limit=limit, ranks=ranks)
    b = dual_point(V * scale, U, problem, memory_limit=limit)
    terms = abs(a.data_term / b.data_term - 1), abs(a.entropy() - b.entropy()) / max(b.entropy(), 1e-9)
    apart = max(apart, *terms, float((a.gram - b.gram).abs().max() / b.gram.abs().max()))
    errors = [a.gram_error, b.gram_error]
found["dual points"] = apart
found["gram errors"] = errors
ranks.end()
print(json.dumps(found))
"""


def environment(size: int, rank: int, port: int) -> dict[str, str]:
    numbers = {
        "WORLD_SIZE": size,
        "RANK": rank,
        "LOCAL_RANK": rank,
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": 1,
    }
    return {
        **os.environ,
        "PYTHONPATH": str(SRC),
        "MASTER_ADDR": "127.0.0.1",
        **{name: str(number) for name, number in numbers.items()},
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def started(size: int, folder: Path, *arguments: str) -> list[subprocess.Popen]:
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *arguments],
            env=environment(size, rank, port),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


def ended(processes: list[subprocess.Popen]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of each."""
    try:
        texts = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *text) for process, text in zip(processes, texts, strict=True)]


def solve_command(out: str, *options: str) -> tuple[str, ...]:
    return ("-m", "feature_collapse", "solve", "--out", out, *options)


def one_rank(folder: Path, out: str, *options: str) -> dict:
    given = {name: value for name, value in environment(1, 0, 1).items() if name != "RANK"}
    command = [sys.executable, *solve_command(out, *options)]
    subprocess.run(command, env=given, cwd=folder, check=True, capture_output=True)
    return json.loads((folder / out / "summary.json").read_text())


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What `COMPARE` prints with two ranks."""
    first, second = ended(started(2, tmp_path_factory.mktemp("ranks"), "-c", COMPARE))
    assert first[0] == 0, first[2]
    assert second == (0, "", "")
    return json.loads(first[1])


@pytest.mark.parametrize("name", ["plain", "layernorm", "decay"])
def test_two_ranks_find_the_risk_and_the_bound_of_one(found, name):
    case = found[name]
    assert case["statuses"] == ["solved", "solved"]
    np.testing.assert_allclose(case["apart"], 0.0, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", ["parts, in single precision", "tiny lambda", "zero"])
def test_so_they_do_to_the_gap_on_parts_and_at_small_and_large_lambda(found, name):
    case = found[name]
    gap, *reached = case["gaps"]
    assert case["statuses"] == ["zero" if name == "zero" else "solved"] * 2
    assert max(reached) <= gap


@pytest.mark.parametrize("name", ["plain", "layernorm", "decay", "parts, in single precision", "zero"])
def test_at_the_same_weights_the_bounds_agree_to_rounding(found, name):
    # the bound of the normalised network comes from a search for ν that ends at 0.1 of the gap
    atol = 1e-9 if name == "layernorm" else 1e-12
    np.testing.assert_allclose(found[name]["apart at the same weights"], 0.0, rtol=0, atol=atol)


def test_evaluations_agree_to_rounding_also_where_the_shift_fails(found):
    assert found["evaluations"] < 1e-12
    assert found["overflow"] == [float("inf"), float("inf")]


def test_dual_points_agree_to_rounding_also_out_of_range_and_in_many_blocks(found):
    assert found["dual points"] < 1e-12
    assert found["gram errors"][0] == pytest.approx(found["gram errors"][1], rel=0.2)


class Silent(Ranks):
    """One of two ranks that never hears of the other."""

    def __init__(self) -> None:
        super().__init__(0, 2)

    def _send(self, order, tensors) -> None: ...
    def add(self, *tensors) -> None: ...
    def add_up(self, *tensors) -> None: ...
    def maximum(self, tensor) -> None: ...


def test_a_block_that_is_left_out_changes_the_risk():
    problem = Problem.of(make_task(n_w=24, L=4, K=16, seed=0), n_spl=5)
    rng = np.random.default_rng(0)
    V, U = (torch.from_numpy(rng.standard_normal(shape)) for shape in ((24, 3), (16, 12)))
    whole = EmpiricalRisk(problem, dtype=torch.float64).value_and_gradient(V, U)
    half = SharedRisk(problem, Silent(), dtype=torch.float64).value_and_gradient(V, U)
    assert abs(half[0] - whole[0]) > 0.1 * whole[0]
    assert not half[2][8:].any()  # of the other rank's classes nothing is known
    one = SharedRisk(problem, Ranks(), dtype=torch.float64).value_and_gradient(V, U)
    assert one[0] == pytest.approx(whole[0], rel=1e-14)  # control


@pytest.mark.parametrize(("K", "size"), [(10, 3), (7, 7), (1000, 16)])
def test_blocks_are_a_partition_and_differ_by_one_class_at_most(K, size):
    blocks = [Ranks(rank, size).block(K) for rank in range(size)]
    assert [low for low, _ in blocks] + [K] == [0] + [high for _, high in blocks]
    sizes = [high - low for low, high in blocks]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) == Ranks(0, size).largest_block(K)


def test_fewer_classes_than_ranks_are_refused():
    with pytest.raises(InputError, match="K = 2 classes for 3 ranks"):
        Ranks(0, 3).check(2)


def test_a_record_of_two_ranks_is_like_that_of_one(tmp_path):
    (code, out, err), other = ended(started(2, tmp_path, *solve_command("two", *SHORT)))
    assert code == 0, err
    assert other == (0, "", "")
    assert "is proved" in out
    one = one_rank(tmp_path, "one", *SHORT)
    two = json.loads((tmp_path / "two" / "summary.json").read_text())
    files = [sorted(path.name for path in (tmp_path / name).iterdir()) for name in ("one", "two")]
    assert files[0] == files[1]
    assert list(one) == list(two)
    assert two["risk"] == pytest.approx(one["risk"], rel=1e-9)


def test_torchrun_starts_it(tmp_path):
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    given = {**os.environ, "PYTHONPATH": str(SRC), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, *solve_command("two", *SHORT)]
    done = subprocess.run(command, env=given, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "is proved" in done.stdout
    assert (tmp_path / "two" / "summary.json").is_file()


def cut_off(folder: Path, victims: tuple[int, ...], number: int) -> list[tuple[int, str, str]]:
    """Send a signal to some of two ranks once there is a checkpoint, and return how both end."""
    processes = started(2, folder, *solve_command("run", *LONG))
    deadline = time.monotonic() + 200
    while not (folder / "run" / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        assert processes[0].poll() is None, processes[0].communicate()
        time.sleep(0.01)
    for victim in victims:
        processes[victim].send_signal(number)
    return ended(processes)


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_run_with_one_sentence_and_one_rank_goes_on(tmp_path):
    code, out, err = cut_off(tmp_path, (1,), signal.SIGKILL)[0]
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "another rank of this run has ended or cannot be reached" in err
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
    resumed = one_rank(tmp_path, "run", *LONG)
    whole = one_rank(tmp_path, "whole", *LONG)
    history = [
        np.loadtxt(tmp_path / name / "history.csv", delimiter=",", skiprows=1, usecols=0)
        for name in ("run", "whole")
    ]
    assert [resumed["status"], whole["status"]] == ["solved", "solved"]
    assert history[0][-1] > 10  # it went on, and did not begin again
    for key in ("risk", "lower_bound"):
        assert resumed[key] == pytest.approx(whole[key], rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "number"), [(0, signal.SIGKILL), (1, signal.SIGTERM)])
def test_so_does_rank_0_that_is_killed_and_a_rank_that_is_told_to_stop(tmp_path, victim, number):
    code, out, err = cut_off(tmp_path, (victim,), number)[1 - victim]
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.mark.slow
def test_ctrl_c_which_a_terminal_sends_to_all_is_answered_by_rank_0_alone(tmp_path):
    (code, out, err), (_, *other) = cut_off(tmp_path, (0, 1), signal.SIGINT)
    assert (code, out) == (130, "")
    assert err.startswith("feature-collapse: interrupted; what was finished is kept")
    assert err.count("\n") == 1
    assert other == ["", ""]
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()


@pytest.fixture
def surroundings(monkeypatch):
    """Set the environment of rank 0 of two, but for what is given."""
    monkeypatch.setattr(module, "CONNECT", timedelta(seconds=1))

    def set_(**given):
        for name, value in (environment(2, 0, free_port()) | given).items():
            monkeypatch.setenv(name, value)

    return set_


MISTAKES = {
    "RANK": ("x", "RANK = 'x' in the environment, but must be an integer from 0 to 1"),
    "WORLD_SIZE": ("two", "WORLD_SIZE = 'two' in the environment, but must be an integer from 1"),
    "MASTER_PORT": (
        "99999",
        "MASTER_PORT = '99999' in the environment, but must be an integer from 1 to 65535",
    ),
    "MASTER_ADDR": (
        "no such host",
        "MASTER_ADDR = 'no such host' in the environment, but must be the address",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_environment_is_one_sentence(command_line, surroundings, name):
    value, sentence = MISTAKES[name]
    surroundings(**{name: value})
    code, out, err = command_line("solve")
    assert (code, out) == (2, "")
    assert err.startswith(f"feature-collapse: {sentence}")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"MASTER_ADDR": "192.0.2.1"}, "cannot listen at MASTER_ADDR, MASTER_PORT = 192.0.2.1"),
        ({"RANK": "1"}, "nobody is at 127.0.0.1:"),
        ({}, "the 2 ranks were not all there within 1 s"),
    ],
)
def test_so_are_an_address_that_is_not_this_machines_and_ranks_that_do_not_come(
    command_line, surroundings, given, sentence
):
    surroundings(**given)
    code, out, err = command_line("solve")
    assert (code, out) == (2, "")
    assert err.startswith(f"feature-collapse: {sentence}")


@pytest.mark.parametrize("rank", ["0", "1"])
def test_other_commands_are_not_for_several_processes(command_line, surroundings, rank):
    surroundings(RANK=rank)
    code, out, err = command_line("theory")
    assert (code, out) == (2, "")
    assert ("only solve is for several processes, not theory" in err) == (rank == "0")
