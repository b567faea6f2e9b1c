"""The time of one SGD step at the paper's size, ours beside a plain eager PyTorch loop, in turn in one run.

    python benchmarks/bench_sgd_step.py [--device cuda] [--rounds 9] [--steps 50]

Prints the median milliseconds of both and the median of the ratios of the rounds, for h and for h*.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from feature_collapse.model.network import Network
from feature_collapse.model.normalisers import make_normaliser
from feature_collapse.sgd.step import Step
from feature_collapse.task import make_task
from feature_collapse.threads import one_torch_thread


class Plain(nn.Module):
    """The network as one would write it: embedding, LayerNorm, concatenation, linear layer."""

    def __init__(self, n_w: int, L: int, K: int, d: int, normalised: bool) -> None:
        """PyTorch's defaults divided by 1000."""
        super().__init__()
        self.embed = nn.Embedding(n_w, d)
        self.norm = nn.LayerNorm(d, elementwise_affine=False) if normalised else nn.Identity()
        self.linear = nn.Linear(L * d, K, bias=False)
        with torch.no_grad():
            for p in self.parameters():
                p.mul_(1e-3)

    def forward(self, words: Tensor) -> Tensor:
        """The scores."""
        scores: Tensor = self.linear(self.norm(self.embed(words)).flatten(1))
        return scores


def plain_step(model: Plain, normalised: bool) -> Callable[[Tensor, Tensor], None]:
    """A step of the plain loop: forward, loss, backward, optimiser, and the running loss and accuracy."""
    groups = [
        {"params": model.embed.parameters(), "weight_decay": 0.0 if normalised else 1e-3},
        {"params": model.linear.parameters(), "weight_decay": 1e-3},
    ]
    optimiser, criterion = torch.optim.SGD(groups, lr=0.1), nn.CrossEntropyLoss()
    total = {"loss": 0.0, "correct": 0.0}

    def step(words: Tensor, labels: Tensor) -> None:
        scores = model(words)
        loss = criterion(scores, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total["loss"] += loss.detach().item()
        total["correct"] += (scores.detach().argmax(1) == labels).sum().item()

    return step


def measure(normalised: bool, device: str, rounds: int, steps: int) -> dict[str, float]:
    """Median milliseconds of both steps and the median ratio, rounds in turn."""
    task = make_task(word_law="zipf")
    train = task.train_set(5)
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(train)))
    words, labels = torch.from_numpy(train.words).long()[order], torch.from_numpy(train.labels).long()[order]
    batches = [
        (words[i : i + 100].to(device), labels[i : i + 100].to(device)) for i in range(0, len(train), 100)
    ]
    normaliser = make_normaliser("layernorm" if normalised else "none", 1e-5)
    network = Network(1200, 15, 1000, 100, normaliser, device=device).start(np.random.default_rng(0))
    ours = Step(network, 0.1, 1e-3)
    theirs = plain_step(Plain(1200, 15, 1000, 100, normalised).to(device), normalised)

    def seconds(step: Callable[[Tensor, Tensor], None]) -> float:
        started = time.perf_counter()
        for i in range(steps):
            step(*batches[i % len(batches)])
        if device != "cpu":
            torch.cuda.synchronize()
        return (time.perf_counter() - started) / steps

    def our_seconds() -> float:
        with one_torch_thread():  # as `train_sgd` does; theirs has torch's number of threads
            return seconds(ours)

    our_seconds(), seconds(theirs)  # warm-up
    pairs = [(our_seconds(), seconds(theirs)) for _ in range(rounds)]
    return {
        "ours_ms": 1e3 * statistics.median(a for a, _ in pairs),
        "plain_ms": 1e3 * statistics.median(b for _, b in pairs),
        "ratio": statistics.median(a / b for a, b in pairs),
    }


def main() -> None:
    """Print the table as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=50)
    asked = parser.parse_args()
    name = (
        torch.cuda.get_device_name() if asked.device != "cpu" else f"CPU, {torch.get_num_threads()} threads"
    )
    print(json.dumps({"hardware": name, "torch": torch.__version__} | {
        network: measure(network == "h*", asked.device, asked.rounds, asked.steps) for network in ("h", "h*")
    }, indent=1))  # fmt: skip


if __name__ == "__main__":
    main()
