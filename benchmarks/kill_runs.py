"""Kill certified runs at random moments and see whether what is promised holds.

    python benchmarks/kill_runs.py [--kills 120] [--seed 0] [--folder DIR]

Promised (docs/certificates.md): on one thread, a run that was killed, however often, ends with the same bits
as one that was left alone: the same `weights.safetensors`, iterations, risks, ranks and status. Every file is
whole or absent at any moment; nothing half written is left at the end. A run writes a checkpoint as often as
it may here (a twentieth of its time), so that most kills land behind one. Prints one JSON object; exits with
1 where a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file

from feature_collapse.experiments.record import read_json, read_record
from feature_collapse.experiments.run import run
from feature_collapse.experiments.settings import Settings
from feature_collapse.solver.trace import COLUMNS

KILLED = ("going on from a checkpoint", "behind the first", "before any")  # where a kill landed
KILLS_OF_A_RUN = 6
LONGEST = 25.0  # seconds: a problem that takes more is left out
NOT_PROMISED = (
    "seconds",
    "lower_bound",
)  # columns of the history: a resumed run has its own clock and bounds
FORK = multiprocessing.get_context("fork")


def settings_of(rng: np.random.Generator, number: int) -> Settings:
    """Return a small problem of about a second; every other one under LayerNorm."""
    normaliser = ("none", "layernorm")[number % 2]
    return Settings(
        method="certified",
        normaliser=normaliser,
        n_w=3 * int(rng.integers(20, 80)),
        K=int(rng.integers(20, 60)),
        L=int(rng.integers(4, 9)),
        n_spl=int(rng.choice([2, 5, 20, 90])),
        d=32,
        lambda_=float(10 ** rng.uniform(-3, -2)),
        word_law=str(rng.choice(["uniform", "zipf"])),
        decay_exponent=float(rng.choice([0.0, 1.0])) if normaliser == "none" else 0.0,
        gap=1e-5,
        seed=int(rng.integers(10**6)),
    )


def child(settings: Settings, folder: Path) -> None:
    """Run, on one thread."""
    torch.set_num_threads(1)
    run(settings, folder, device="cpu", checkpoint_seconds=0.0)


def whole_files(folder: Path) -> list[str]:
    """Return the names of files that are neither whole nor marked as temporary."""
    broken = []
    for path in folder.iterdir() if folder.exists() else ():
        try:
            if path.name.endswith(".safetensors"):
                load_file(path)
            elif path.name.endswith(".json"):
                read_json(path)
            elif path.name == "history.csv":
                np.genfromtxt(path, delimiter=",", skip_header=1).reshape(-1, len(COLUMNS))
            elif not path.name.endswith(".part"):
                broken.append(path.name)
        except Exception as error:
            broken.append(f"{path.name}: {error}")
    return broken


def differences(folder: Path, alone: Path) -> list[str]:
    """Return what of two records differs, of that which is promised not to."""
    found = [
        name
        for name in ("weights.safetensors", "task.safetensors")
        if (folder / name).read_bytes() != (alone / name).read_bytes()
    ]
    ours, theirs = read_record(folder), read_record(alone)
    for name in theirs.history:
        if name not in NOT_PROMISED and not np.array_equal(ours.history[name], theirs.history[name], True):
            found.append(f"history: {name}")
    found += [name for name in ("risk", "status") if ours.summary[name] != theirs.summary[name]]
    return found + [f"left behind: {path.name}" for path in folder.iterdir() if path.name.startswith(".")]


def killed_run(settings: Settings, folder: Path, seconds: float, rng: np.random.Generator) -> dict[str, Any]:
    """Kill a run some times, then let it end; returns what was seen."""
    landed: Counter[str] = Counter()
    broken: list[str] = []
    for _ in range(KILLS_OF_A_RUN):
        before = (folder / "checkpoint.safetensors").exists()
        process = FORK.Process(target=child, args=(settings, folder))
        process.start()
        time.sleep(float(rng.uniform(0.0, seconds)))
        if not process.is_alive():
            process.join()
            landed["ended by itself"] += 1
            break
        process.kill()
        process.join()
        after = (folder / "checkpoint.safetensors").exists()
        landed[KILLED[0 if before else 1 if after else 2]] += 1
        landed["with a half-written file beside"] += any(p.name.endswith(".part") for p in folder.iterdir())
        broken += whole_files(folder)
    process = FORK.Process(target=child, args=(settings, folder))
    process.start()
    process.join()
    return {"landed": landed, "broken": broken, "exit": process.exitcode}


def main() -> None:
    """Kill until the number asked for is reached, and print what was seen."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=120)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    root = arguments.folder or Path(tempfile.mkdtemp(prefix="kill-runs-"))
    landed: Counter[str] = Counter()
    kills: Counter[str] = Counter()
    faults: list[str] = []
    number = runs = 0
    while sum(kills.values()) < arguments.kills:
        settings = settings_of(rng, number)
        alone, folder = root / f"{number}-alone", root / f"{number}-killed"
        process = FORK.Process(target=child, args=(settings, alone))
        process.start()
        process.join(LONGEST)
        number += 1
        if process.is_alive():
            process.kill()
            process.join()
            continue
        seconds = read_record(alone).summary["seconds"]
        found = killed_run(settings, folder, 1.1 * seconds / 2, rng)
        faults += [f"run {number - 1}: {fault}" for fault in found["broken"]]
        faults += [f"run {number - 1}: exit code {found['exit']}"] if found["exit"] else []
        faults += [f"run {number - 1}: {fault}" for fault in differences(folder, alone)]
        landed += found["landed"]
        count = sum(found["landed"][name] for name in KILLED)
        kills[settings.normaliser] += count
        text = (
            f"run {number - 1}: {settings.normaliser}, {seconds:.1f} s, {count} kills, {len(faults)} faults"
        )
        print(f"{text}, {len(faults)} faults", file=sys.stderr, flush=True)
        runs += 1
    print(
        json.dumps({"runs": runs, "kills": dict(kills), "landed": dict(landed), "faults": faults}, indent=1)
    )
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
