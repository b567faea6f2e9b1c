"""Stochastic gradient descent as in the paper (§2): shuffled mini-batches, constant rate, weight decay."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.errors import RunStopped, check_int, check_lambda, check_real
from feature_collapse.model.network import Network
from feature_collapse.model.residuals import UNKNOWN, collapse_residuals
from feature_collapse.sgd.checkpoint import (
    COLUMNS,
    Checkpoint,
    Checkpointing,
    read_checkpoint,
    write_checkpoint,
)
from feature_collapse.sgd.step import Step
from feature_collapse.task.sentences import Sentences
from feature_collapse.task.task import SHUFFLE, generator
from feature_collapse.threads import one_torch_thread

_SHOW = 0.1  # seconds between two calls of the callback


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
        decay: (n_w,) a_j: word j decays with a_j λ in place of λ; None for 1 each.
        lazy: only the words of a batch decay, once per occurrence, which has the penalty of a_j = n_w p_j
            in the mean, p_j being the share of word j.
        n_c: concepts, for the residuals of collapse in the history; None leaves them NaN.
    """

    epochs: int = 1200
    batch_size: int = 100
    learning_rate: float = 0.1
    lambda_: float = 1e-3
    seed: int = 0
    test_every: int = 10
    decay: Float[np.ndarray, " n_w"] | None = field(default=None, compare=False)
    lazy: bool = False
    n_c: int | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: a value out of its range.
        """
        check_int("epochs", self.epochs, 1)
        check_int("batch_size", self.batch_size, 1)
        check_real("learning_rate", self.learning_rate, 0.0, above=True)
        check_lambda(self.lambda_)
        check_int("test_every", self.test_every, 1)

    def measures(self, epoch: int) -> bool:
        """Return whether the test accuracy is measured after this epoch."""
        return epoch % self.test_every == 0 or epoch in (1, self.epochs)


@dataclass(frozen=True, eq=False)
class SGDResult:
    """What a training run leaves besides the network's weights.

    Attributes:
        history: one row per epoch, columns `checkpoint.COLUMNS`; NaN where the test accuracy was not
            measured.
        seconds: training time, that of earlier parts of a resumed run included.
    """

    history: Float[np.ndarray, "epochs 8"]
    seconds: float


@dataclass(frozen=True)
class TrainingProgress:
    """How far a training run is; loss and accuracy are of this epoch so far, or of the last.

    Attributes:
        step, steps: done, and in all.
        epoch: under way.
        loss, train_accuracy: on the sentences of the epoch; NaN before the first report.
        test_accuracy: the last one measured; NaN before the first.
    """

    step: int
    steps: int
    epoch: int
    loss: float = math.nan
    train_accuracy: float = math.nan
    test_accuracy: float = math.nan


TrainingSet = Callable[[int], Sentences]


@one_torch_thread()
def train_sgd(
    network: Network,
    training_set: Sentences | TrainingSet,
    test_set: Sentences,
    settings: SGDSettings,
    *,
    checkpoint: Checkpointing | None = None,
    callback: Callable[[TrainingProgress], None] | None = None,
) -> SGDResult:
    """Train a network in place, from its present weights or from a checkpoint of the same run.

    Time 6 epochs·N·K·L·d flops; memory O((n_w + K L) d) beside the data.

    Args:
        network: its weights are the start, and the result.
        training_set: the set, or a function of the epoch (from 1) that gives a fresh one of the same size.
        test_set: measured every `test_every` epochs and after the last one.
        settings: of the descent.
        checkpoint: file to resume from and to write to, with the run's key; None for neither.
        callback: is called with the progress about ten times a second.

    Raises:
        RunStopped: the loss is not finite.
        KeyboardInterrupt: after Ctrl-C, once the checkpoint is written.
    """
    run = _Training(network, settings, checkpoint, callback)
    with _deferred_interrupt() as interrupted:
        while run.epoch <= settings.epochs:
            sentences = training_set if isinstance(training_set, Sentences) else training_set(run.epoch)
            run.do_epoch(sentences, interrupted)
            run.end_epoch(len(sentences), test_set)
        run.save()
        if interrupted():  # during the last measurement
            raise KeyboardInterrupt
    run.show()
    return SGDResult(run.history(), run.seconds())


class _Training:
    """A run under way: the network, where it is, what it has seen."""

    def __init__(
        self,
        network: Network,
        settings: SGDSettings,
        checkpoint: Checkpointing | None,
        callback: Callable[[TrainingProgress], None] | None,
    ) -> None:
        self.network, self.settings = network, settings
        self.checkpoint, self.callback = checkpoint, callback
        s = settings
        self.step = Step(network, s.learning_rate, s.lambda_, s.decay, s.lazy)
        self.epoch, self.done, self.per_epoch = 1, 0, 0
        self.rows: list[tuple[float, ...]] = []
        self._before = 0.0
        saved = read_checkpoint(checkpoint.path, checkpoint.key) if checkpoint is not None else None
        sizes = (network.W.shape, network.U.shape)
        if saved is not None and (saved.W.shape, saved.U.shape) == sizes:
            self._resume(saved)
        self._began = self._saved = self._shown = time.monotonic()
        self.last = (math.nan, math.nan, self.rows[-1][3] if self.rows else math.nan)

    def _resume(self, saved: Checkpoint) -> None:
        self.network.load(saved.W, saved.U)
        self.epoch, self.done, self._before = saved.epoch, saved.step, saved.seconds
        self.rows = [tuple(row) for row in saved.history]
        self.step.loss.fill_(saved.loss)
        self.step.correct.fill_(saved.correct)

    def do_epoch(self, data: Sentences, interrupted: Callable[[], bool]) -> None:
        """Do the remaining steps of the epoch."""
        N, B = len(data), self.settings.batch_size
        self.per_epoch = math.ceil(N / B)
        rng = generator(self.settings.seed, SHUFFLE, self.epoch)
        for words, labels in Batches(data, B, rng, self.network.W.device).after(self.done):
            self.step(words, labels)
            self.done += 1
            now = time.monotonic()
            if now - self._shown > _SHOW:
                seen = min(self.done * B, N)
                self.last = (float(self.step.loss) / seen, int(self.step.correct) / seen, self.last[2])
                self.show()
            due = self.checkpoint is not None and now - self._saved > self.checkpoint.seconds
            if (due or interrupted()) and math.isfinite(float(self.step.loss)):
                self.save()
            if interrupted():
                raise KeyboardInterrupt

    def end_epoch(self, N: int, test_set: Sentences) -> None:
        """Note the epoch's loss and accuracies, and go on to the next."""
        loss, accuracy = float(self.step.loss) / N, int(self.step.correct) / N
        if not math.isfinite(loss):
            raise RunStopped(
                f"the loss became {loss} in epoch {self.epoch}: training diverged; lower the learning rate "
                f"(now {self.settings.learning_rate:g}) or raise the batch size "
                f"(now {self.settings.batch_size})"
            )
        measured = self.settings.measures(self.epoch)
        test = self.network.accuracy(test_set.words, test_set.labels) if measured else math.nan
        self.last = (loss, accuracy, test if measured else self.last[2])
        n_c = self.settings.n_c
        residuals = UNKNOWN if n_c is None else collapse_residuals(self.network.features(), n_c)
        self.rows.append((float(self.epoch), loss, accuracy, test, self.seconds(), *residuals))
        self.epoch, self.done = self.epoch + 1, 0
        self.step.reset()

    def seconds(self) -> float:
        """Return the training time so far."""
        return self._before + time.monotonic() - self._began

    def history(self) -> np.ndarray:
        """Return the rows of the epochs that are behind."""
        return np.array(self.rows, dtype=np.float64).reshape(-1, len(COLUMNS))

    def save(self) -> None:
        """Write the checkpoint, if one is wanted."""
        self._saved = time.monotonic()
        if self.checkpoint is not None:
            W, U = self.network.W.detach().cpu(), self.network.U.detach().cpu()
            sums = (float(self.step.loss), int(self.step.correct))
            at = (self.epoch, self.done)
            state = Checkpoint(self.checkpoint.key, W, U, *at, *sums, self.history(), self.seconds())
            write_checkpoint(self.checkpoint.path, state)

    def show(self) -> None:
        """Call the callback with the progress."""
        self._shown = time.monotonic()
        if self.callback is not None:
            epochs, step = self.settings.epochs, (self.epoch - 1) * self.per_epoch + self.done
            shown = min(self.epoch, epochs)
            self.callback(TrainingProgress(step, epochs * self.per_epoch, shown, *self.last))


class Batches:
    """The shuffled batches of one epoch, on the device."""

    def __init__(self, data: Sentences, B: int, rng: np.random.Generator, device: torch.device) -> None:
        """Shuffle them."""
        self.order = torch.from_numpy(rng.permutation(len(data))).to(device)
        self.words = torch.from_numpy(data.words).to(device)
        self.labels = torch.from_numpy(data.labels).to(device)
        self.B = B

    def after(self, done: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Return the batches that remain after `done` steps."""
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
