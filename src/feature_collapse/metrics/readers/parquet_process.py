"""A Parquet file read in a process of its own: a damaged one may abort the library below, and with it ours.

    python -m feature_collapse.metrics.readers.parquet_process FILE

writes the table to its output as an Arrow file, or the one sentence that says what is wrong, and then ends
with `REFUSED`. Any other end is that of the library.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from feature_collapse.boundary import guarded
from feature_collapse.errors import InputError

if TYPE_CHECKING:
    import polars

WHAT = "a Parquet file"
REFUSED = 3  # exit code of a file that is refused with a sentence
BOMB = 1 << 28, 256
"""A table of more than so many cells, so many times as many as the file has bytes, is taken for a bomb."""


def frame_of(path: Path) -> polars.DataFrame:
    """Return the table of a Parquet file. Time: that of reading it, and about half a second.

    Raises:
        InputError: the file is damaged or too large for its bytes.
    """
    import polars

    command = [sys.executable, "-P", "-m", __name__, str(path.absolute())]
    where = {"PYTHONPATH": os.pathsep.join(folder for folder in sys.path if folder)}
    done = subprocess.run(command, env=os.environ | where, stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode == REFUSED:
        raise InputError(done.stdout.decode(errors="replace").replace(str(path.absolute()), str(path), 1))
    if done.returncode:
        raise InputError(f"{path} is damaged: the library that reads {WHAT} ended ({done.returncode})")
    with guarded(path, WHAT):
        return polars.read_ipc(io.BytesIO(done.stdout))


def read_here(path: Path) -> polars.DataFrame:
    """Return the table of a Parquet file, in this process."""
    import polars

    with guarded(path, WHAT):
        table = polars.scan_parquet(path, glob=False)  # only the footer is read so far
        height = table.select(polars.len()).collect().item()
        cells = height * max(len(table.collect_schema()), 1)
        if cells > BOMB[0] and cells > BOMB[1] * path.stat().st_size:
            raise InputError(f"{path} has {path.stat().st_size} bytes but {cells} cells: refused")
        return table.collect()


def _main() -> int:
    try:
        frame = read_here(Path(sys.argv[1]))
    except InputError as error:
        sys.stdout.buffer.write(str(error).encode())
        return REFUSED
    whole = io.BytesIO()
    frame.write_ipc(whole)
    sys.stdout.buffer.write(whole.getbuffer())
    return 0


if __name__ == "__main__":
    sys.exit(_main())
