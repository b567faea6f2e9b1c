"""What a run will cost is measured before it starts, in time to change one's mind."""

import time

import pytest
import torch

from feature_collapse.experiments import cost
from feature_collapse.experiments.cost import seconds_of
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.run import execute
from feature_collapse.experiments.settings import Settings

SGD = Settings(n_w=300, K=200, L=8, d=32, epochs=40, batch_size=50, normaliser="layernorm")
CERTIFIED = Settings(n_w=300, K=200, L=8, d=32, method="certified", n_spl=10, lambda_=3e-3)


def test_training_takes_about_as_long_as_was_said_within_a_factor_of_ten():
    experiment = Experiment.of(SGD)
    said, started = seconds_of(experiment), time.perf_counter()
    execute(experiment, device="cpu")
    taken = time.perf_counter() - started
    assert 0.1 < said / taken < 10.0  # the machine may be shared


def test_a_certified_run_takes_about_as_long_as_was_said_within_a_factor_of_ten():
    experiment = Experiment.of(CERTIFIED)
    said, started = seconds_of(experiment), time.perf_counter()
    execute(experiment, device="cpu")
    taken = time.perf_counter() - started
    assert 0.1 < said / taken < 10.0


def test_the_estimate_of_training_grows_with_its_epochs(monkeypatch):
    monkeypatch.setattr(cost, "_timed", lambda work, device: 0.01)
    few, many = (seconds_of(Experiment.of(SGD.replace(epochs=n))) for n in (10, 1000))
    assert many == pytest.approx(100 * few)


def test_an_estimate_changes_nothing_of_the_run():
    experiment = Experiment.of(SGD.replace(epochs=2))
    alone = execute(experiment, device="cpu").weights.W
    state = torch.random.get_rng_state()
    seconds_of(experiment)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert (execute(Experiment.of(SGD.replace(epochs=2)), device="cpu").weights.W == alone).all()


TINY = "--n-w 12 --K 6 --L 3 --d 4 --device cpu".split()


@pytest.mark.parametrize(
    "command",
    [("train", *TINY, "--epochs", "2", "--out", "r"), ("solve", *TINY, "--out", "r")],
    ids=lambda command: command[0],
)
def test_a_long_run_is_announced_in_one_line_before_it_starts_and_a_short_one_is_not(
    command_line, monkeypatch, command
):
    assert "will take about" not in command_line(*command)[2]
    monkeypatch.setattr(cost, "LONG", -1.0)
    assert "will take about" not in command_line(*command)[2]  # it is finished, and reused
    err = command_line(*command[:-1], "other")[2]
    assert [line for line in err.splitlines() if "will take about 0 s, by a measurement" in line]


def test_reproduce_announces_the_sum_of_its_runs(command_line, tmp_path, monkeypatch):
    monkeypatch.setattr(cost, "seconds_of", lambda experiment, device: 7000.0)
    monkeypatch.setattr("feature_collapse.experiments.run.execute", _stop)
    code, _, err = command_line("reproduce", "figure3", "--quick", "--device", "cpu")
    assert code == 130
    assert "this will take about 3.9 h, by a measurement now" in err  # two runs
    folder = next(path for path in tmp_path.rglob("config.json")).parent
    (folder / "checkpoint.safetensors").touch()
    err = command_line("reproduce", "figure3", "--quick", "--device", "cpu")[2]
    assert "about 3.9 h, less what an earlier run has done" in err


def _stop(*_, **__):
    raise KeyboardInterrupt
