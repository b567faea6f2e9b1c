import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from feature_collapse.errors import InputError, RunStopped
from feature_collapse.keyed_tensors import read_keyed, write_keyed
from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.sgd.checkpoint import Checkpointing, read_checkpoint
from feature_collapse.sgd.step import Step
from feature_collapse.sgd.train import SGDSettings, train_sgd
from feature_collapse.task import make_task

TASK = make_task(3, 30, 5, 20, word_law="zipf", seed=2)
TRAIN, TEST = TASK.train_set(5), TASK.test_set()


def network(name="none", seed=0, eps=1e-5):
    return Network(30, 5, 20, 8, make_normaliser(name, eps)).start(np.random.default_rng(seed), 0.1)


def trained(name="none", epochs=7, **options):
    start = network(name)
    result = train_sgd(start, TRAIN, TEST, SGDSettings(epochs=epochs, batch_size=12), **options)
    return start, result


@pytest.mark.parametrize("name", ["none", "layernorm", "rmsnorm", "sphere"])
def test_a_step_is_that_of_pytorchs_optimiser(name):
    ours = network(name).double()
    theirs = Network(30, 5, 20, 8, ours.normaliser, dtype=torch.float64).load(ours.W, ours.U)
    decay_W = 1e-2 if name == "none" else 0.0
    groups = [{"params": [theirs.W], "weight_decay": decay_W}, {"params": [theirs.U]}]
    optimiser = torch.optim.SGD(groups, lr=0.3, weight_decay=1e-2)
    step, words, labels = (
        Step(ours, 0.3, 1e-2),
        torch.from_numpy(TRAIN.words).long(),
        torch.from_numpy(TRAIN.labels),
    )
    losses = []
    for rows in (slice(0, 12), slice(12, 24), slice(24, 36)):
        step(words[rows], labels[rows].long())
        loss = torch.nn.functional.cross_entropy(theirs(words[rows]), labels[rows].long())
        losses.append(float(loss.detach()))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    torch.testing.assert_close(ours.W, theirs.W, rtol=1e-11, atol=1e-13)
    torch.testing.assert_close(ours.U, theirs.U, rtol=1e-11, atol=1e-13)
    assert float(step.loss) / 12 == pytest.approx(sum(losses), rel=1e-12)


def test_two_runs_from_one_seed_are_bitwise_equal_and_another_shuffle_is_not():
    (a, _), (b, _) = trained(), trained()
    assert torch.equal(a.W, b.W)
    assert torch.equal(a.U, b.U)
    c = network()
    train_sgd(c, TRAIN, TEST, SGDSettings(epochs=7, batch_size=12, seed=1))
    assert not torch.equal(a.W, c.W)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("name", ["none", "layernorm"])
def test_a_run_that_is_cut_off_and_resumed_ends_with_the_same_weights(tmp_path, name, monkeypatch):
    whole, result = trained(name)
    path = tmp_path / "checkpoint.safetensors"
    calls = 0
    step = Step.__call__

    def fails(self, words, labels):
        nonlocal calls
        calls += 1
        if calls == 31:  # in the middle of the fourth epoch
            raise Killed
        step(self, words, labels)

    monkeypatch.setattr(Step, "__call__", fails)
    with pytest.raises(Killed):
        trained(name, checkpoint=Checkpointing(path, 0.0, "k"))
    at = read_checkpoint(path, "k")
    assert at is not None
    assert (at.epoch, at.step) == (4, 3)
    resumed, again = trained(name, checkpoint=Checkpointing(path, key="k"))
    assert torch.equal(whole.W, resumed.W)
    assert torch.equal(whole.U, resumed.U)
    np.testing.assert_array_equal(again.history[:, :4], result.history[:, :4])


def test_a_checkpoint_of_another_run_is_not_continued(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    trained(checkpoint=Checkpointing(path, key="one"))
    assert read_checkpoint(path, "two") is None
    path.write_bytes(path.read_bytes()[:100])
    assert read_checkpoint(path, "one") is None


SCRIPT = """
import sys
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
settings = Settings(n_w=60, K=40, L=6, d=8, word_law="zipf", epochs=250, batch_size=20, test_every=50)
run(settings, sys.argv[1], device="cpu", checkpoint_seconds=0.02)
"""


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGINT])
def test_killed_or_interrupted_and_resumed_gives_the_weights_of_an_undisturbed_run(tmp_path, ending):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2] / "src")}

    def start(folder):
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, str(folder)], env=environment, stderr=subprocess.DEVNULL
        )

    assert start(tmp_path / "whole").wait(120) == 0
    cut = tmp_path / "cut"
    for _ in range(2):
        process = start(cut)
        deadline = time.monotonic() + 100
        at = (
            (cut / "checkpoint.safetensors").stat().st_mtime_ns
            if (cut / "checkpoint.safetensors").exists()
            else 0
        )
        while process.poll() is None and time.monotonic() < deadline:
            path = cut / "checkpoint.safetensors"
            if path.exists() and path.stat().st_mtime_ns > at:
                process.send_signal(ending)
                break
            time.sleep(0.002)
        assert process.wait(60) != 0, "the run ended before it could be cut off"
        assert not (cut / "summary.json").exists()
    assert start(cut).wait(120) == 0
    one, two = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert (one["W"] == two["W"]).all()
    assert (one["U"] == two["U"]).all()
    assert sorted(p.name for p in cut.iterdir()) == sorted(p.name for p in (tmp_path / "whole").iterdir())


def test_divergence_names_the_epoch_and_what_to_lower():
    start = network().load(torch.full((30, 8), 1e20), torch.full((20, 5, 8), 1e20))
    with pytest.raises(RunStopped, match=r"epoch 1: training diverged; lower the learning rate \(now 1000\)"):
        train_sgd(start, TRAIN, TEST, SGDSettings(epochs=2, learning_rate=1000.0))


def test_fresh_sentences_every_epoch_lower_the_true_risk_further_than_a_fixed_set():
    fixed, fresh = network(seed=1), network(seed=1)
    schedule = SGDSettings(epochs=150, batch_size=20, lambda_=1e-4, learning_rate=0.5)
    train_sgd(fixed, TRAIN, TEST, schedule)
    train_sgd(fresh, lambda epoch: TASK.fresh_set(5, epoch), TEST, schedule)
    new = TASK.test_set(50)
    assert fresh.cross_entropy(new.words, new.labels) < fixed.cross_entropy(new.words, new.labels)


def test_progress_and_history_tell_the_same():
    states = []
    _, result = trained(epochs=4, callback=states.append)
    assert states[-1].step == states[-1].steps == 4 * 9
    assert states[-1].loss == result.history[-1, 1]
    assert result.history[:, 0].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"epochs": 0}, "epochs = 0"),
        ({"batch_size": 0}, "batch_size = 0"),
        ({"learning_rate": 0.0}, "learning_rate = 0, but must be a number > 0"),
        ({"learning_rate": -1.0}, "learning_rate = -1"),
        ({"learning_rate": float("nan")}, "learning_rate = nan"),
        ({"lambda_": -1e-3}, "lambda = -0.001, but must be a number ≥ 0"),
        ({"test_every": 0}, "test_every = 0"),
    ],
)
def test_wrong_settings_are_named(wrong, message):
    with pytest.raises(InputError, match=message):
        SGDSettings(**wrong)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_gives_the_weights_of_the_cpu_to_rounding():
    cpu, gpu = network(), network().cuda()
    for one in (cpu, gpu):
        train_sgd(one, TRAIN, TEST, SGDSettings(epochs=3, batch_size=12))
    torch.testing.assert_close(gpu.W.cpu(), cpu.W, rtol=1e-4, atol=1e-5)


def test_an_interrupt_during_the_last_measurement_is_not_swallowed(monkeypatch):
    monkeypatch.setattr(Network, "accuracy", lambda *_: os.kill(os.getpid(), signal.SIGINT) or 0.0)
    with pytest.raises(KeyboardInterrupt):
        trained(epochs=1)


def test_every_flipped_bit_of_a_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    trained(checkpoint=Checkpointing(path, key="k"))
    data = path.read_bytes()
    assert read_checkpoint(path, "k") is not None
    for bit in np.random.default_rng(0).integers(0, 8 * len(data), 400):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << int(bit % 8)
        path.write_bytes(flipped)
        assert read_checkpoint(path, "k") is None


@pytest.mark.parametrize(
    "change",
    [
        {"numbers": torch.full((5,), float("nan"), dtype=torch.float64)},
        {"numbers": torch.zeros(5, dtype=torch.complex64)},
        {"numbers": torch.ones(3, dtype=torch.float64)},
        {"numbers": torch.tensor([1.0, 1.0, 1.0, 1e30, 1.0], dtype=torch.float64)},
        {"W": torch.full((30, 8), float("inf"))},
        {"W": torch.zeros(29, 8)},
        {"U": torch.zeros(20, 40)},
        {"history": torch.zeros(2, 3)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_hostile_checkpoint_is_not_used(tmp_path, change):
    path = tmp_path / "checkpoint.safetensors"
    trained(epochs=3, checkpoint=Checkpointing(path, key="k"))
    found = read_keyed(path, "k")
    write_keyed(path, "k", {**found, **change})
    resumed, _ = trained(epochs=3, checkpoint=Checkpointing(path, key="k"))
    whole, _ = trained(epochs=3)
    assert torch.equal(resumed.W, whole.W)
