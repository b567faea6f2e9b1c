"""Pictures of records drawn by a process of their own, while the next record is computed.

    python -m feature_collapse.reports.drawing PARENT < paths

PARENT is the process that begins it. The process reads a record's folder from each line, a JSON string, and
ends with its input, and after the record at hand where its parent is gone. Files are whole or absent.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from feature_collapse.experiments.record import Record, read_record
from feature_collapse.reports.reproduction import save_record_pictures

_PATIENCE = 5.0  # seconds for a process that is asked to end


class Drawing:
    """Draws what is added; at the end of the block all of it is there, unless an exception ends it."""

    def __init__(self) -> None:
        """Begin nothing before the first record."""
        self._records: list[Record] = []
        self._process: subprocess.Popen[str] | None = None

    def add(self, record: Record) -> None:
        """Let a finished record be drawn."""
        if not self._records:
            with contextlib.suppress(OSError):  # without a process all is drawn at the end
                self._process = _begin()
        self._records.append(record)
        if self._process is not None and self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):  # it has failed, which is seen at the end
                print(json.dumps(str(record.path.resolve())), file=self._process.stdin, flush=True)

    def __enter__(self) -> Drawing:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for what was added, but after Ctrl-C.

        Where the process has failed it is drawn here, which says what is wrong.
        """
        at_once = kind is not None and issubclass(kind, KeyboardInterrupt)
        done = _end(self._process, at_once)
        if kind is None and not done:
            for record in self._records:
                save_record_pictures(record)


def _begin() -> subprocess.Popen[str]:
    # not from the working directory, and not ended by a Ctrl-C that is meant for the run
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "feature_collapse.reports.drawing", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
        start_new_session=True,
    )


def _end(process: subprocess.Popen[str] | None, at_once: bool) -> bool:
    """Wait for the end of a process, or make it; return whether it did everything."""
    if process is None:
        return False
    try:
        if not at_once:
            process.communicate()
    finally:  # also where Ctrl-C ends the wait
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired, ValueError):
            process.communicate(timeout=_PATIENCE)
        process.kill()
        process.wait()
    return process.returncode == 0


def _main(parent: int) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # an exception: nothing is left half written
    with contextlib.suppress(KeyboardInterrupt):
        for line in sys.stdin:
            if os.getppid() != parent:
                return
            save_record_pictures(read_record(Path(json.loads(line))))
        return
    sys.exit(1)


if __name__ == "__main__":
    _main(int(sys.argv[1]))
