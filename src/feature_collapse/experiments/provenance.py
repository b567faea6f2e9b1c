"""Where a record comes from: versions, hardware, the commit of the code (the content of config.json)."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feature_collapse import __version__
from feature_collapse.experiments.experiment import Experiment
from feature_collapse.experiments.record import FORMAT


def describe(experiment: Experiment, device: torch.device, d: int) -> dict[str, Any]:
    """Return the content of config.json.

    `d` is that of the weights, which a solver may choose below the setting.
    """
    settings, names = experiment.settings, experiment.vocabulary
    return {
        "format": FORMAT,
        "key": experiment.key,
        "settings": settings.to_mapping(),
        "seed": settings.seed,
        "d": d,
        "device": str(device),
        "hardware": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "git_revision": git_revision(),
        "names": {"concepts": list(names.concepts), "words": list(names.words)},
    }


def versions() -> dict[str, str]:
    """Return the versions of this package and of what its numbers rest on."""
    return {
        "feature_collapse": __version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "scipy": version("scipy"),
    }


def processor() -> str:
    """Return the processor's name as the system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def git_revision() -> str | None:
    """Return the commit of the checkout that this code runs from, `-dirty` if changed; None outside one."""
    here = Path(__file__).resolve().parent
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"],
            capture_output=True,
            text=True,
            timeout=10,
        )
        tracked = subprocess.run(
            ["git", "-C", str(here), "ls-files", "--error-unmatch", __file__], capture_output=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 and tracked.returncode == 0 else None
