"""The command line: parse, call, print. Each command lives in the file of its name."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import re
import sys
from typing import NoReturn

from feature_collapse.boundary import clip, printable
from feature_collapse.errors import InputError, RunStopped

_INTERRUPTED = "interrupted; what was finished is kept, and the same command goes on from there"


def main() -> None:
    """Entry point of `feature-collapse`: a user's mistake is one sentence on stderr and exit code 2."""
    # before numpy reads it; a command works in threads of its own (feature_collapse.blas)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # to load torch makes a million objects and drops few: looking through them is a third of a short command
    often = gc.get_threshold()
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    from feature_collapse.cli.several import leave

    try:
        _run()
    except SystemExit as end:
        leave(end.code)
        raise
    finally:
        gc.set_threshold(*often)


def _run() -> NoReturn:
    import typer

    from feature_collapse.cli.several import run_command

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # an ASCII or Latin-1 terminal shows ? for λ
            stream.reconfigure(errors="replace")
    try:
        code = run_command(sys.argv[1:] or ["--help"])
        sys.stdout.flush()
    except (InputError, RunStopped) as error:
        _fail(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (KeyboardInterrupt, typer.Abort):
        _fail(_INTERRUPTED, code=130)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            path = error.filename or "the output folder"
            _fail(f"no space is left on the disk that holds {path}; nothing was half written")
        path = f" {error.filename}" if error.filename else ""
        _fail(f"cannot read or write{path}: {error.strerror or error}")
    except MemoryError as error:
        _fail(f"not enough memory for a problem of this size ({error or 'no details'})")
    except Exception as error:
        # PyTorch's own on the CPU, and numpy's
        if isinstance(error, RuntimeError | ValueError) and re.search(
            "allocate memory|array is too big", str(error)
        ):
            _fail("not enough memory for a problem of this size")
        # the parser's own errors: an unknown option, a word for a number
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        _fail(_not_a_number(error, sys.argv[1:]) or _of_another_method(error) or message())
    if code == 130:  # the parser turned Ctrl-C into an exit code
        _fail(_INTERRUPTED, code=130)
    sys.exit(code if isinstance(code, int) else 0)


def _not_a_number(error: Exception, arguments: list[str]) -> str | None:
    """Return our own sentence where an option that takes a number was given something else."""
    option = getattr(error, "param", None)
    kind = re.search("valid (integer|number|float)", getattr(error, "message", ""))
    if option is None or kind is None:
        return None
    wanted = "an integer" if kind[1] == "integer" else "a number"
    for flag in option.opts:
        for index, argument in enumerate(arguments):
            name, _, value = argument.partition("=")
            if name == flag:
                value = value or next(iter(arguments[index + 1 :]), "")
                return f"{option.name.rstrip('_')} = {clip(value)!r}, but must be {wanted}"
    return None


def _of_another_method(error: Exception) -> str | None:
    """Return our own sentence where an option is a setting that only another command's method reads."""
    from feature_collapse.cli.options import CERTIFIED_ONLY, SGD_ONLY

    option = str(getattr(error, "option_name", ""))
    command = str(getattr(getattr(error, "ctx", None), "info_name", ""))
    name = option.lstrip("-").replace("-", "_")
    if command in ("solve", "path") and name in SGD_ONLY:
        instead = "; the penalty of lazy decay is --decay-exponent 1 --decay-frequency data"
        return (
            f"{option} is a setting of stochastic gradient descent, which {command} does not use: "
            f"feature-collapse train has it{instead if name == 'decay' else ''}"
        )
    if command == "train" and name in CERTIFIED_ONLY:
        return f"{option} is a setting of the certified solver: feature-collapse solve has it"
    return None


def _fail(sentence: str, code: int = 2) -> NoReturn:
    print(f"feature-collapse: {printable(' '.join(sentence.split()))}", file=sys.stderr)
    sys.exit(code)
