"""Fuzz in a process of its own, watched: it may run out of memory, hang or die without ending the count."""

from __future__ import annotations

import ast
import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from feature_collapse.errors import InputError

TESTS = Path(__file__).parents[1]
PATIENCE = 20.0  # seconds beyond a case's own limit, for what no signal interrupts
START = 120.0  # seconds for imports and seeds


@dataclass
class Tally:
    """Counts of one kind: clean errors, files read, escapes, hangs, executed; and what escaped."""

    counts: Counter[str] = field(default_factory=Counter)
    bad: list[tuple[int, str, str]] = field(default_factory=list)
    peak: int = 0

    def add(self, index: int, outcome: str, reason: str) -> None:
        """Count one case."""
        self.counts[outcome] += 1
        if outcome not in ("clean", "read"):
            self.bad.append((index, outcome, reason))


def _read_apart(name: str, seed: int, index: int) -> tuple[str, str] | None:
    """Return what comes of a case that killed the worker, read as users do; None for most kinds."""
    from fuzz.kinds import KINDS

    kind = KINDS.get(name)
    if kind is None or not kind.deadly:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / kind.file
        path.write_bytes(kind.case(kind.seeds(), seed, index))
        try:
            kind.read(path)
        except InputError as error:
            return None if "\n" in str(error) else ("clean", "")
    return None


class Worker:
    """A worker process with a memory limit; started again when it dies."""

    def __init__(self, gigabytes: float = 4.0, seconds: float = 10.0) -> None:
        self.gigabytes, self.seconds = gigabytes, seconds
        self.process: subprocess.Popen[bytes] | None = None
        self.unread = b""

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def fuzz(self, kind: str, seed: int, first: int, count: int) -> Tally:
        """Read `count` cases of a kind from index `first` on."""
        tally, index, stop = Tally(), first, first + count
        while index < stop:
            process = self._started()
            assert process.stdin is not None and process.stdout is not None
            job = [kind, seed, index, stop - index, self.seconds]
            process.stdin.write(json.dumps(job).encode() + b"\n")
            process.stdin.flush()
            fresh = True
            while index <= stop:
                line = self._line(process, START if fresh else self.seconds + PATIENCE)
                fresh = False
                if not line:
                    words = self._last_words()
                    tally.add(index, *(_read_apart(kind, seed, index) or words))
                    index += 1
                    break
                head, outcome, reason = line.split("\t", 2)
                if head == "done":
                    tally.peak = max(tally.peak, int(outcome))
                    return tally
                tally.add(int(head), outcome, ast.literal_eval(reason))
                index = int(head) + 1
        return tally

    def _started(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            path = os.pathsep.join([str(TESTS), str(TESTS.parent / "src"), os.environ.get("PYTHONPATH", "")])
            quiet = {
                "PYTHONPATH": path,
                "POLARS_MAX_THREADS": "1",
                "OMP_NUM_THREADS": "1",
                "MPLBACKEND": "Agg",
            }
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fuzz.worker", str(self.gigabytes)],
                env={**os.environ, **quiet},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        return self.process

    def _line(self, process: subprocess.Popen[bytes], seconds: float) -> str:
        """Return the next line, or nothing where the worker died or is stuck."""
        assert process.stdout is not None
        while b"\n" not in self.unread:
            with selectors.DefaultSelector() as selector:
                selector.register(process.stdout, selectors.EVENT_READ)
                content = os.read(process.stdout.fileno(), 1 << 16) if selector.select(seconds) else b""
            if not content:
                return ""
            self.unread += content
        line, _, self.unread = self.unread.partition(b"\n")
        return line.decode()

    def _last_words(self) -> tuple[str, str]:
        assert self.process is not None
        try:
            code = self.process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            self._end()
            return "hang", "no signal ended it"
        self._end()
        return "escape", f"the process died (exit code {code})"

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process, self.unread = None, b""
