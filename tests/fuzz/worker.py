"""The process that reads broken files: `python -m fuzz.worker`, jobs in, a line for each case out.

It may die of what it reads; its parent (harness.py) sees at which case and goes on after it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

from feature_collapse.errors import InputError
from feature_collapse.metrics.readers import parquet, parquet_process
from fuzz.kind import Kind

EXECUTING = ("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "pty.spawn")
EXECUTING += ("subprocess.Popen", "socket.connect", "webbrowser.open")


class TimeUp(BaseException):
    """A case took longer than allowed; no reader may catch it."""


class Trap:
    """Notices, and forbids, that anything is executed while a file is read."""

    def __init__(self) -> None:
        self.armed = False
        self.caught = ""
        sys.addaudithook(self._event)

    def _event(self, event: str, _: tuple[object, ...]) -> None:
        if self.armed and event in EXECUTING:
            self.caught = event
            raise PermissionError(f"{event} while a file was read")

    def read(self, kind: Kind, path: Path) -> tuple[str, str]:
        """Read one case; return what came of it and, where that is no good, the reason."""
        self.armed, self.caught = True, ""
        try:
            kind.read(path)
            answer = ("read", "")
        except InputError as error:
            answer = ("clean", "") if "\n" not in str(error) else ("escape", "a message of several lines")
        except TimeUp:
            answer = ("hang", "out of time")
        except BaseException as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            answer = ("escape", f"{type(error).__name__} in {Path(last.filename).name}: {str(error)[:100]!r}")
        finally:
            self.armed = False
        return ("executed", self.caught) if self.caught else answer


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    signal.setitimer(signal.ITIMER_PROF, seconds)  # of the processor: others may keep it busy
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _time_up(_: int, __: FrameType | None) -> None:
    raise TimeUp


def main() -> None:
    """Read jobs (kind, seed, first, count, seconds); write a line `index outcome reason` for every case."""
    from fuzz.kinds import KINDS, SELF_TEST

    gigabytes = float(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 2**30),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _time_up)
    report = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)  # a library's last words
    for late in ("torch", "polars"):  # imported by a case, they would count as its time
        with suppress(ImportError):
            import_module(late)
    parquet.frame_of = parquet_process.read_here  # this process is the one that may die
    trap = Trap()
    for line in sys.stdin:
        name, seed, first, count, seconds = json.loads(line)
        kind = SELF_TEST if name == SELF_TEST.name else KINDS[name]
        with tempfile.TemporaryDirectory() as folder:
            seeds = kind.seeds()
            kind.prepare(Path(folder))
            path = Path(folder) / kind.file
            for whole in seeds:  # what is imported late is imported now
                path.write_bytes(whole)
                trap.read(kind, path)
            for index in range(first, first + count):
                path.write_bytes(kind.case(seeds, seed, index))
                with _at_most(seconds):
                    outcome, reason = trap.read(kind, path)
                report.write(f"{index}\t{outcome}\t{reason!r}\n")
        report.write(f"done\t{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\t''\n")


if __name__ == "__main__":
    main()
