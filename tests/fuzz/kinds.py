"""All kinds of files that the fuzz knows, by name; a new one is a function that makes files, and a line."""

from __future__ import annotations

import signal
from pathlib import Path

from fuzz.kind import Kind
from fuzz.readers import READERS
from fuzz.records import OURS
from fuzz.resumed import RESUMED

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*READERS, *OURS, *RESUMED)}


class _SelfTest(Kind):
    """Cases that say their index, so that the harness can be tested."""

    def case(self, seeds: list[bytes], seed: int, index: int) -> bytes:
        """Return the index as the file."""
        return b"%d" % index


def _die_or_hang(path: Path) -> None:
    if path.read_bytes() == b"2":
        signal.raise_signal(signal.SIGKILL)
    if path.read_bytes() == b"4":
        while True:
            pass


SELF_TEST = _SelfTest("self-test", lambda: [], _die_or_hang)
