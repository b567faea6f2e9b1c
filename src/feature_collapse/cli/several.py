"""One command line in several processes, as torchrun starts them: rank 0 runs it, the others lend a hand.

WORLD_SIZE > 1 in the environment turns it on. Rank 0 alone prints and writes. The others ignore Ctrl-C, which
a terminal sends to all: rank 0 ends the run. SIGTERM, which torchrun sends to the rest when one has ended,
stops a rank with one sentence.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from feature_collapse.errors import InputError

if TYPE_CHECKING:
    from feature_collapse.ranks import Ranks

_TOLD = (
    "this rank was told to stop (SIGTERM), as torchrun does when another has ended; the same command goes on "
    "from the last checkpoint, with any number of ranks"
)


def run_command(arguments: Sequence[str]) -> Any:
    """Run a command line, and return what the parser returns: an exit code or nothing.

    Raises:
        InputError: a wrong environment, or a command that is not for several processes.
        RankLost: another rank is gone.
    """
    if os.environ.get("WORLD_SIZE", "1") == "1":
        return _app()(list(arguments), standalone_mode=False)
    if arguments[0] != "solve":
        if os.environ.get("RANK", "0") != "0":
            sys.exit(2)  # rank 0 says it
        raise InputError(
            f"WORLD_SIZE = {os.environ['WORLD_SIZE']!r} in the environment, but only solve is for several "
            f"processes, not {arguments[0]}"
        )
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch says in many lines what we say in one
    from feature_collapse.ranks import join

    ranks = join()
    heard = _Signals(ranks)
    try:
        if ranks.rank == 0:
            return _app()(list(arguments), standalone_mode=False, obj=ranks)
        return _lend(ranks, heard)
    finally:
        ranks.end()


def leave(code: str | int | None) -> None:
    """End the process at once where the ranks did not part: torch would abort at threads that still wait."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


def _app() -> Callable[..., Any]:
    from feature_collapse.cli.app import app

    return app


def _lend(ranks: Ranks, heard: _Signals) -> int:
    from feature_collapse.ranks import RankLost
    from feature_collapse.solver.lend import lend

    try:
        lend(ranks)
    except RankLost:
        if heard.interrupt:  # and so did rank 0, which says it
            sys.exit(130)
        raise
    return 0


class _Signals:
    """What this process has been sent; rank 0 raises it once, and is left alone while it saves."""

    def __init__(self, ranks: Ranks) -> None:
        """Take SIGINT and SIGTERM."""
        self.ranks, self.interrupt, self._raised = ranks, False, False
        signal.signal(signal.SIGINT, self._on_interrupt)
        signal.signal(signal.SIGTERM, self._on_stop)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        self.interrupt = True
        if self.ranks.rank == 0:
            self._raise(KeyboardInterrupt())

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        from feature_collapse.ranks import RankLost

        self._raise(RankLost(_TOLD))

    def _raise(self, error: BaseException) -> None:
        if not (self._raised or self.ranks.broken):
            self._raised = True
            raise error
