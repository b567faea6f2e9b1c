"""The command line: parse, call, print. Each command lives in the file of its name."""

from __future__ import annotations

import errno
import os
import sys

from feature_collapse.errors import InputError, RunStopped


def main() -> None:
    """Entry point of `feature-collapse`: a user's mistake is one sentence on stderr and exit code 2."""
    from feature_collapse.cli.app import app

    try:
        app()
    except (InputError, RunStopped) as error:
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        _fail("interrupted; what was finished is kept, and the same command goes on from there", code=130)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            place = error.filename or "the output folder"
            _fail(f"no space is left on the disk that holds {place}; nothing was half written")
        where = f" {error.filename}" if error.filename else ""
        _fail(f"cannot read or write{where}: {error.strerror or error}")


def _fail(sentence: str, code: int = 2) -> None:
    print(f"feature-collapse: {sentence}", file=sys.stderr)
    sys.exit(code)
