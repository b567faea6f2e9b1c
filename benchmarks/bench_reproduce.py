"""The paper's four experiments: the plain PyTorch loop's time, extrapolated, over the certified solver's.

    python benchmarks/bench_reproduce.py [--steps 200]

For each figure the plain eager loop (`bench_sgd_step.Plain`, the notebooks' settings) runs a few hundred
steps, before and after ours, and its time per step times the number of steps of the whole training is set
against the seconds in which the certified solver reaches the preset's gap, certificate included.
"""

from __future__ import annotations

import argparse
import json
import math
import time

import torch
from bench_sgd_step import Plain, plain_step

from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.presets import select
from feature_collapse.experiments.run import execute
from feature_collapse.experiments.settings import Settings
from feature_collapse.task import Sentences


def plain_seconds(settings: Settings, train: Sentences, steps: int) -> float:
    """Seconds of a step of the plain loop."""
    torch.manual_seed(0)
    normalised = settings.normaliser != "none"
    step = plain_step(Plain(settings.n_w, settings.L, settings.K, settings.d, normalised), normalised)
    order = torch.randperm(len(train))[: steps * settings.batch_size]
    words = torch.from_numpy(train.words).long()[order].repeat(math.ceil(steps * 100 / len(order)), 1)
    labels = torch.from_numpy(train.labels).long()[order].repeat(math.ceil(steps * 100 / len(order)))
    for i in range(-10, steps):
        if i == 0:
            started = time.perf_counter()
        at = max(i, 0) * 100
        step(words[at : at + 100], labels[at : at + 100])
    return (time.perf_counter() - started) / steps


def main() -> None:
    """Print a line for each figure and the total, as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=200)
    steps = parser.parse_args().steps
    total = [0.0, 0.0]
    sgd = {e.name.removesuffix("-sgd"): e for e in select(["all"], method="sgd")}
    for experiment in select(["all"], method="certified"):
        if not experiment.drawn:
            continue
        schedule = sgd[experiment.name.removesuffix("-certified")].settings
        settings = experiment.settings
        run = Experiment.of(settings)
        train = run.data.train
        before = plain_seconds(schedule, train, steps // 2)
        started = time.perf_counter()
        found = execute(run, device="cpu")
        ours = time.perf_counter() - started
        per_step = (before + plain_seconds(schedule, train, steps - steps // 2)) / 2
        plain = per_step * schedule.epochs * math.ceil(len(train) / schedule.batch_size)
        total = [total[0] + ours, total[1] + plain]
        line = {"figure": experiment.figure, "ours_s": ours, "relative_gap": found.summary["relative_gap"],
                "plain_ms_per_step": 1e3 * per_step, "plain_s": plain, "ratio": plain / ours}  # fmt: skip
        print(json.dumps(line), flush=True)
    print(json.dumps({"total_ours_s": total[0], "total_plain_s": total[1], "ratio": total[1] / total[0],
                      "threads": torch.get_num_threads()}))  # fmt: skip


if __name__ == "__main__":
    main()
