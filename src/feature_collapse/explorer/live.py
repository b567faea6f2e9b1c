"""A run under way: one immutable state, handed on step by step, as `feature-collapse train` takes them.

The same choice gives the same weights after the same number of steps, to the last bit, whoever makes them and
in however many pieces: start, shuffles and update come from `sgd/` and `experiments/`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from feature_collapse.errors import RunStopped
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.explorer.choice import Choice
from feature_collapse.model.network import Network
from feature_collapse.model.weights import Weights
from feature_collapse.risk.problem import Problem
from feature_collapse.sgd.step import Step
from feature_collapse.sgd.train import Batches
from feature_collapse.task import Sentences
from feature_collapse.task.task import SHUFFLE, START, generator


@dataclass(frozen=True, eq=False)
class State:
    """Where a run is; never changed, only replaced.

    Attributes:
        W: (n_w, d) embeddings, before normalisation.
        U: (K, L, d) linear weights.
        epoch: epochs that are finished.
        step: steps done of the next one.
    """

    W: Float[Tensor, "n_w d"]
    U: Float[Tensor, "K L d"]
    epoch: int
    step: int


@dataclass(frozen=True, eq=False)
class Training:
    """What does not change during a run; `Training.of` makes one from a choice.

    >>> training = Training.of(Choice(n_w=12, K=6, L=3))
    >>> state = training.advance(training.start(), steps=3)
    >>> state.epoch, state.step, training.steps_per_epoch
    (3, 0, 1)
    """

    experiment: Experiment

    @classmethod
    def of(cls, choice: Choice) -> Training:
        """Return the training of a choice, with its data drawn.

        Raises:
            InputError: a decay beyond what the learning rate allows.
        """
        training = cls(Experiment.of(choice.settings()))
        training.step(training.network(training.start()))  # which checks the decay against the rate
        return training

    @cached_property
    def train(self) -> Sentences:
        """The training sentences."""
        return self.experiment.data.train

    @cached_property
    def decay(self) -> Float[np.ndarray, " n_w"] | None:
        """(n_w,) the decay of each word beside λ, or None where all are 1."""
        return self.experiment.decay(self.train)

    @cached_property
    def problem(self) -> Problem | None:
        """The risk with the words' decays, of which the bound speaks; None where there are none."""
        if self.decay is None:
            return None
        s = self.experiment.settings
        return Problem(self.train, s.n_w, s.K, s.lambda_, d=s.d, decay=self.decay)

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch."""
        return math.ceil(len(self.train) / self.experiment.settings.batch_size)

    def network(self, state: State | None = None) -> Network:
        """Return a network of the run's sizes, with the weights of a state where one is given."""
        s = self.experiment.settings
        network = Network(s.n_w, s.L, s.K, s.d, self.experiment.normaliser)
        return network if state is None else network.load(state.W, state.U)

    def step(self, network: Network) -> Step:
        """Return the step that changes a network."""
        s, lazy = self.experiment.settings, self.experiment.settings.decay == "lazy"
        return Step(network, s.learning_rate, s.lambda_, None if lazy else self.decay, lazy)

    def start(self) -> State:
        """Return the state before the first step."""
        s = self.experiment.settings
        network = self.network().start(generator(s.seed, START), s.init_scale)
        return State(network.W.data, network.U.data, 0, 0)

    def advance(self, state: State, steps: int, seconds: float = math.inf) -> State:
        """Return the state after so many steps, or fewer where the time is up. 6 B K L d flops a step.

        Args:
            state: where to begin; it is left as it is.
            steps: to do, at most.
            seconds: after which to stop; at least one step is done.

        Raises:
            RunStopped: the weights are no longer finite.
        """
        s, network = self.experiment.settings, self.network(state)
        step, epoch, done = self.step(network), state.epoch, state.step
        end, left = time.monotonic() + seconds, steps
        while left > 0:
            rng = generator(s.seed, SHUFFLE, epoch + 1)
            for words, labels in Batches(self.train, s.batch_size, rng, network.W.device).after(done):
                step(words, labels)
                done, left = done + 1, left - 1
                if left == 0 or time.monotonic() > end:
                    break
            if done == self.steps_per_epoch:
                epoch, done = epoch + 1, 0
            if time.monotonic() > end:
                break
        W, U = network.W.data, network.U.data
        if not (torch.isfinite(W).all() and torch.isfinite(U).all()):
            raise RunStopped(
                f"the weights left the range of numbers in epoch {epoch + 1}: training diverged; lower the "
                f"learning rate (now {s.learning_rate:g})"
            )
        return State(W, U, epoch, done)

    def weights(self, state: State) -> Weights:
        """Return the weights of a state."""
        return Weights(state.W.numpy(), state.U.numpy(), self.experiment.normaliser)
