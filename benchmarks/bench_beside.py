"""How long figures take beside other work: busy loops on every core, against the same run without them.

    python benchmarks/bench_beside.py [--rounds 3] [--loops 2] [--only figure3 quick] [--than FOLDER]

Each round runs every subject alone and beside `--loops` shells that count for ever, in turn, each in a
process of its own: figures 3, 4b and 4c by the certified solver without their drawing, the report of
`measure` on 14,416 × 384 numbers, and the whole of `reproduce all --quick`. Prints, as JSON lines, the
seconds of every run and the CPU seconds (spinning shows there even on a machine that is busy already), then a
table of medians: alone, beside, and the ratio; a fair share of two cores beside two loops is 2. With
`--than`, the package in another folder (an earlier commit's `src`) runs in the same rounds, and the table has
its times too.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FIGURES = ("figure3", "figure4b", "figure4c")
SUBJECTS = (*FIGURES, "measure", "quick")
ONE = """
import json, sys, time
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.presets import select
from feature_collapse.experiments.run import execute
chosen = next(e for e in select([sys.argv[1]], method="certified") if e.drawn)
run = Experiment.of(chosen.settings)
run.data
began = time.perf_counter()
found = execute(run, device="cpu")
print(json.dumps({"seconds": time.perf_counter() - began, "relative_gap": found.summary["relative_gap"]}))
"""
MEASURED = """
import json, time
import numpy as np
from feature_collapse.metrics import measure
generator = np.random.default_rng(0)
ids = np.arange(14_416) % 100
x = generator.standard_normal((100, 384))[ids] + generator.standard_normal((14_416, 384))
began = time.perf_counter()
measure(x, ids, 1.0 / (1.0 + np.arange(14_416) // 100))
print(json.dumps({"seconds": time.perf_counter() - began, "relative_gap": None}))
"""


@dataclass(frozen=True)
class Seen:
    """Seconds of one run, CPU seconds of all its threads, and the gap it proved, if it was one problem."""

    seconds: float
    cpu_seconds: float
    relative_gap: float | None


def run(subject: str, package: Path) -> Seen:
    """Run a subject once in a new process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "PYTHONPATH": str(package)}
    with tempfile.TemporaryDirectory() as folder:
        whole = ["-m", "feature_collapse", "reproduce", "all", "--quick", "--out", folder]
        one = ["-c", MEASURED] if subject == "measure" else ["-c", ONE, subject]
        command = whole if subject == "quick" else one
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{subject} ended with {done.returncode}: {done.stderr[-2000:]}")
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if subject == "quick":
        return Seen(wall, cpu, None)
    found = json.loads(done.stdout.splitlines()[-1])
    return Seen(found["seconds"], cpu, found["relative_gap"])


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Keep cores busy until the end of the block."""
    others = [subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(loops)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    """Alternate, and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--loops", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=[*SUBJECTS], choices=SUBJECTS)
    parser.add_argument("--than", type=Path, help="another package's folder, to run in the same rounds")
    asked = parser.parse_args()
    ours = Path(__file__).resolve().parent.parent / "src"
    packages = {"here": ours} | ({"than": asked.than.resolve()} if asked.than else {})
    seen: dict[tuple[str, str, int], list[Seen]] = {}
    load = os.getloadavg()[0]
    for number in range(asked.rounds):
        for subject in asked.only:
            for loops in (0, asked.loops):
                for name, package in packages.items():
                    with busy(loops):
                        found = run(subject, package)
                    seen.setdefault((subject, name, loops), []).append(found)
                    line = {"round": number, "subject": subject, "package": name, "loops": loops}
                    print(json.dumps({**line, **vars(found)}), flush=True)
    print(f"load before the first run {load:.1f}, {os.cpu_count()} cores, medians of {asked.rounds} rounds")
    print(
        f"{'':10} {'package':8} {'alone s':>8} {'beside s':>9} {'ratio':>6} {'CPU s alone':>12} {'beside':>7}"
    )
    for subject in asked.only:
        for name in packages:
            alone, beside = seen[subject, name, 0], seen[subject, name, asked.loops]
            ratios = [b.seconds / a.seconds for a, b in zip(alone, beside, strict=True)]
            a, b, cpu, cpu_beside = (
                statistics.median(getattr(x, unit) for x in runs)
                for unit in ("seconds", "cpu_seconds")
                for runs in (alone, beside)
            )
            ratio = statistics.median(ratios)
            print(f"{subject:10} {name:8} {a:8.2f} {b:9.2f} {ratio:6.2f} {cpu:12.2f} {cpu_beside:7.2f}")


if __name__ == "__main__":
    main()
