"""What importing the package costs beside a bare Python: the face, and `measure` by itself.

    python benchmarks/bench_import.py [--repeats 21]

Medians over fresh interpreters, in turn, so that a busy moment falls on all alike. Aim: `import
feature_collapse` within 50 ms of a bare Python. numpy's own time stands beside `measure`, which needs it.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

STATEMENTS = (
    "pass",
    "import feature_collapse",
    "import numpy",
    "from feature_collapse import measure",
    "import torch",
)


def main() -> None:
    """Print a line for each statement: milliseconds in all, and over a bare Python."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=21)
    repeats = parser.parse_args().repeats
    times: dict[str, list[float]] = {statement: [] for statement in STATEMENTS}
    for statement in STATEMENTS:  # once for the caches of the disk
        _run(statement)
    for _ in range(repeats):
        for statement in STATEMENTS:
            begin = time.perf_counter()
            _run(statement)
            times[statement].append(time.perf_counter() - begin)
    bare = statistics.median(times["pass"])
    print(
        f"Python {sys.version.split()[0]}, median of {repeats}, ms\n{'':<36}{'in all':>10}{'over bare':>12}"
    )
    for statement, measured in times.items():
        median = statistics.median(measured)
        print(f"{statement:<36}{1e3 * median:>10.1f}{1e3 * (median - bare):>12.1f}")


def _run(statement: str) -> None:
    subprocess.run([sys.executable, "-c", statement], check=True)


if __name__ == "__main__":
    main()
