"""Several processes as torchrun would start them, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

SRC = Path(__file__).resolve().parent.parent / "src"


def environment(size: int, rank: int, port: int) -> dict[str, str]:
    numbers = {
        "WORLD_SIZE": size,
        "RANK": rank,
        "LOCAL_RANK": rank,
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": 1,
    }
    return {
        **os.environ,
        "PYTHONPATH": str(SRC),
        "MASTER_ADDR": "127.0.0.1",
        **{name: str(number) for name, number in numbers.items()},
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def started(size: int, folder: Path, *arguments: str) -> list[subprocess.Popen]:
    port = free_port()
    return [
        subprocess.Popen(
            [sys.executable, *arguments],
            env=environment(size, rank, port),
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


def ended(processes: list[subprocess.Popen]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of each."""
    try:
        texts = [process.communicate(timeout=300) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [(process.returncode, *text) for process, text in zip(processes, texts, strict=True)]
