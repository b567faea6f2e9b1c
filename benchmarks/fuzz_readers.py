"""Read many broken files of every kind and count what came of it. Escapes, hangs and executions must be none.

    python benchmarks/fuzz_readers.py --files 250000 --seed 0
    python benchmarks/fuzz_readers.py --kind npz --files 1 --first 4711 --seed 0 --keep case.npz

The files are shared equally among the kinds. Each is read in a process with a memory limit (RLIMIT_AS), under
a time limit of its own; the same seed and index give the same file.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from fuzz.harness import Worker
from fuzz.kinds import KINDS

OUTCOMES = ("clean", "read", "escape", "hang", "executed")


def main() -> int:
    """Print a row per kind and return 1 if anything escaped."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=250_000, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="index of the first case of each kind")
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="only these (repeatable)")
    parser.add_argument("--seconds", type=float, default=10.0, help="limit of one file")
    parser.add_argument("--memory", type=float, default=4.0, help="limit in GB")
    parser.add_argument("--keep", type=Path, help="write the first case here and stop")
    options = parser.parse_args()
    names = options.kind or list(KINDS)
    if options.keep:
        kind = KINDS[names[0]]
        options.keep.write_bytes(kind.case(kind.seeds(), options.seed, options.first))
        return 0
    count = -(-options.files // len(names))
    total: Counter[str] = Counter()
    print(f"{'kind':24s}{'files':>9s}" + "".join(f"{o:>10s}" for o in OUTCOMES) + f"{'peak MB':>9s}{'s':>7s}")
    for name in names:
        started = time.perf_counter()
        with Worker(options.memory, options.seconds) as worker:
            tally = worker.fuzz(name, options.seed, options.first, count)
        total += tally.counts
        row = "".join(f"{tally.counts[o]:10d}" for o in OUTCOMES)
        seconds = time.perf_counter() - started
        print(f"{name:24s}{count:9d}{row}{tally.peak / 1024:9.0f}{seconds:7.0f}", flush=True)
        reasons = Counter((outcome, reason) for _, outcome, reason in tally.bad)
        for (outcome, reason), times in reasons.most_common(8):
            first = next(i for i, o, r in tally.bad if (o, r) == (outcome, reason))
            print(f"    {outcome}: {reason} ({times}; first at {first})", flush=True)
    print(f"{'all':24s}{count * len(names):9d}" + "".join(f"{total[o]:10d}" for o in OUTCOMES))
    return int(any(total[o] for o in OUTCOMES[2:]))


if __name__ == "__main__":
    sys.exit(main())
