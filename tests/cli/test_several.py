"""`solve` in several processes: the record of one, and what is left when a rank dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ranks_started import SRC, ended, environment, started

LONG = ("--K", "150", "--n-w", "90", "--L", "6", "--n-spl", "5", "--gap", "1e-8", "--device", "cpu")
SHORT = ("--K", "12", "--n-w", "12", "--L", "3", "--n-spl", "4", "--device", "cpu")


def solve_command(out: str, *options: str) -> tuple[str, ...]:
    return ("-m", "feature_collapse", "solve", "--out", out, *options)


def one_rank(folder: Path, out: str, *options: str) -> dict:
    given = {name: value for name, value in environment(1, 0, 1).items() if name != "RANK"}
    command = [sys.executable, *solve_command(out, *options)]
    subprocess.run(command, env=given, cwd=folder, check=True, capture_output=True)
    return json.loads((folder / out / "summary.json").read_text())


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
    iterations = np.loadtxt(tmp_path / "run" / "history.csv", delimiter=",", skiprows=1, usecols=0)
    assert [resumed["status"], whole["status"]] == ["solved", "solved"]
    assert iterations[-1] > 10  # it went on, and did not begin again
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
    # rank 0 last: it ends at once, and the other would see that before it is told why
    (code, out, err), (_, *other) = cut_off(tmp_path, (1, 0), signal.SIGINT)
    assert (code, out) == (130, "")
    assert err.startswith("feature-collapse: interrupted; what was finished is kept")
    assert err.count("\n") == 1
    assert other == ["", ""]
    assert (tmp_path / "run" / "checkpoint.safetensors").exists()
