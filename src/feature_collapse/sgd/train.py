"""Stochastic gradient descent as in the paper (§2): shuffled mini-batches, constant rate, weight decay.

    θ ← θ - ρ (∇_θ (1/B) Σ_i ℓ(h(x_i), y_i) + λ θ),

λ on U always, and on W where no normaliser fixes the norm. The gradient is written out, so that the linear
layer's update, decay included, is a single matrix product; a step costs 6 B K L d flops and allocates nothing
that grows with K.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from feature_collapse.errors import RunStopped, check_int, check_real
from feature_collapse.model.network import Network
from feature_collapse.sgd.checkpoint import COLUMNS, Checkpoint, read_checkpoint, write_checkpoint
from feature_collapse.task.sentences import Sentences
from feature_collapse.task.task import SHUFFLE, generator


@dataclass(frozen=True)
class SGDSettings:
    """Settings of stochastic gradient descent; the defaults are the paper's, figure 3.

    Attributes:
        epochs: passes over the training set.
        batch_size: sentences per step; the last batch of an epoch may be smaller.
        learning_rate: ρ, constant.
        lambda_: λ, the weight decay.
        seed: of the shuffles.
        test_every: epochs between two measurements of the test accuracy.
    """

    epochs: int = 1200
    batch_size: int = 100
    learning_rate: float = 0.1
    lambda_: float = 1e-3
    seed: int = 0
    test_every: int = 10

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: a value out of its range.
        """
        check_int("epochs", self.epochs, 1)
        check_int("batch_size", self.batch_size, 1)
        check_real("learning_rate", self.learning_rate, 0.0, above=True)
        check_real("lambda", self.lambda_, 0.0)
        check_int("test_every", self.test_every, 1)


class Step:
    """One step of descent, with its buffers. `loss` and `correct` add up over the steps since `reset`."""

    def __init__(self, network: Network, learning_rate: float, lambda_: float) -> None:
        """Buffers for a network. Memory O(n_w d)."""
        self.W, self.normaliser = network.W.data, network.normaliser
        self.U = network.U.data.flatten(1)
        d = self.W.shape[1]
        free = self.normaliser.radius(d) is None
        self.rate, self.decay_U = learning_rate, 1.0 - learning_rate * lambda_
        self.decay_W = self.decay_U if free else 1.0
        device = self.W.device
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self._d = d

    def reset(self) -> None:
        """Set the sums of loss and hits to zero."""
        self.loss.zero_()
        self.correct.zero_()

    @torch.no_grad()
    def __call__(self, words: Tensor, labels: Tensor) -> None:
        """Update the weights from one batch: words (B, L) and labels (B,), int64, on the network's device."""
        B = len(words)
        flat = words.reshape(-1)
        v = self.W.index_select(0, flat)
        x = self.normaliser.forward(v).view(B, -1)
        scores = torch.mm(x, self.U.T)
        target = labels.unsqueeze(1)
        self.correct += (scores.argmax(1) == labels).sum()
        log_sum = scores.logsumexp(1, keepdim=True)
        self.loss += (log_sum - scores.gather(1, target)).double().sum()
        p = scores.sub_(log_sum).exp_()
        p.scatter_add_(1, target, p.new_full((1, 1), -1.0).expand(B, 1))
        g = torch.mm(p, self.U).view(-1, self._d)  # B times the gradient at x, before U moves
        self.U.addmm_(p.T, x, beta=self.decay_U, alpha=-self.rate / B)
        g = self.normaliser.vjp(v, g)
        g_W = torch.ops.aten.embedding_dense_backward(g, flat, len(self.W), -1, False)
        if self.decay_W != 1.0:
            self.W.mul_(self.decay_W)
        self.W.add_(g_W, alpha=-self.rate / B)


@dataclass(frozen=True)
class SGDResult:
    """What a training run leaves besides the network's weights.

    Attributes:
        history: one row per epoch, columns `checkpoint.COLUMNS`; NaN where the test accuracy was not
            measured.
        seconds: training time, that of earlier parts of a resumed run included.
    """

    history: np.ndarray
    seconds: float


@dataclass(frozen=True)
class State:
    """What a progress display is told after each step (loss and accuracy: of this epoch so far, or the last)."""

    step: int
    steps: int
    epoch: int
    loss: float
    train_accuracy: float
    test_accuracy: float


TrainingSet = Callable[[int], Sentences]


def train_sgd(
    network: Network,
    training_set: Sentences | TrainingSet,
    test_set: Sentences,
    settings: SGDSettings,
    *,
    checkpoint: Path | None = None,
    checkpoint_seconds: float = 60.0,
    key: str = "",
    report: Callable[[State], None] | None = None,
) -> SGDResult:
    """Train a network in place, from its present weights or from a checkpoint of the same run.

    Time 6 epochs·N·K·L·d flops; memory O((n_w + K L) d) beside the data.

    Args:
        network: its weights are the starting point.
        training_set: the set, or a function of the epoch (from 1) that gives a fresh one of the same size.
        test_set: measured every `test_every` epochs and after the last one.
        settings: of the descent.
        checkpoint: file to resume from and to write to; None for neither.
        checkpoint_seconds: time between two checkpoints.
        key: names the run; a checkpoint with another key is not continued.
        report: is called with the state about ten times a second.

    Raises:
        RunStopped: the loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once the checkpoint is written.
    """
    fresh = training_set if callable(training_set) else None
    data = fresh(1) if fresh is not None else training_set
    assert isinstance(data, Sentences)
    N, B = len(data), settings.batch_size
    per_epoch = math.ceil(N / B)
    step = Step(network, settings.learning_rate, settings.lambda_)
    at = read_checkpoint(checkpoint, key) if checkpoint is not None else None
    epoch, done, rows, before = 1, 0, [], 0.0
    if at is not None:
        network.load(at.W, at.U)
        epoch, done, rows, before = at.epoch, at.step, [tuple(row) for row in at.history], at.seconds
        step.loss.fill_(at.loss)
        step.correct.fill_(at.correct)
    started = saved = shown = time.monotonic()
    last = (math.nan, math.nan, rows[-1][3] if rows else math.nan)

    def save() -> None:
        if checkpoint is not None:
            write_checkpoint(
                checkpoint,
                Checkpoint(
                    key,
                    network.W.detach().cpu(),
                    network.U.detach().cpu(),
                    epoch,
                    done,
                    float(step.loss),
                    int(step.correct),
                    np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS)),
                    before + time.monotonic() - started,
                ),
            )

    def tell(now: float) -> None:
        nonlocal shown
        shown = now
        if report is not None:
            report(
                State(
                    (epoch - 1) * per_epoch + done,
                    settings.epochs * per_epoch,
                    min(epoch, settings.epochs),
                    *last,
                )
            )

    with _deferred_interrupt() as interrupted:
        while epoch <= settings.epochs:
            if fresh is not None and epoch > 1:
                data = fresh(epoch)
            batches = _Batches(data, B, generator(settings.seed, SHUFFLE, epoch), network.W.device)
            for words, labels in batches.after(done):
                step(words, labels)
                done += 1
                now = time.monotonic()
                if now - shown > 0.1:
                    seen = min(done * B, N)
                    last = (float(step.loss) / seen, int(step.correct) / seen, last[2])
                    tell(now)
                if interrupted() or now - saved > checkpoint_seconds:
                    if math.isfinite(float(step.loss)):
                        save()
                    saved = now
                    if interrupted():
                        raise KeyboardInterrupt
            loss, accuracy = float(step.loss) / N, int(step.correct) / N
            if not math.isfinite(loss):
                raise RunStopped(
                    f"the loss became {loss} in epoch {epoch}: training diverged; lower the learning rate "
                    f"(now {settings.learning_rate:g}) or raise the batch size (now {B})"
                )
            measured = epoch % settings.test_every == 0 or epoch in (1, settings.epochs)
            test = network.accuracy(test_set.words, test_set.labels) if measured else math.nan
            last = (loss, accuracy, test if measured else last[2])
            rows.append((float(epoch), loss, accuracy, test, before + time.monotonic() - started))
            epoch, done = epoch + 1, 0
            step.reset()
        save()
        if interrupted():  # during the last measurement
            raise KeyboardInterrupt
    tell(time.monotonic())
    return SGDResult(np.array(rows), before + time.monotonic() - started)


class _Batches:
    """The shuffled batches of one epoch, on the device."""

    def __init__(self, data: Sentences, B: int, rng: np.random.Generator, device: torch.device) -> None:
        self.order = torch.from_numpy(rng.permutation(len(data))).to(device)
        self.words = torch.from_numpy(data.words).to(device)
        self.labels = torch.from_numpy(data.labels).to(device)
        self.B = B

    def after(self, done: int) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches that remain after `done` steps."""
        for start in range(done * self.B, len(self.order), self.B):
            rows = self.order[start : start + self.B]
            yield self.words[rows].long(), self.labels[rows].long()


@contextmanager
def _deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a flag, so that a step is never cut in half; a second Ctrl-C interrupts at once."""
    asked = False

    def on_signal(number: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    try:
        earlier = signal.signal(signal.SIGINT, on_signal)
    except ValueError:  # not in the main thread: signals are not ours
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, earlier)
