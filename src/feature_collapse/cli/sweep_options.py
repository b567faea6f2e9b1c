"""The command-line options of a sweep's driver, declared once for `sweep run` and `sweep resume`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from feature_collapse.errors import InputError

if TYPE_CHECKING:
    from feature_collapse.sweeps.options import SweepOptions

_OPTIONS: dict[str, tuple[Any, Any]] = {  # name -> its type with the option, its default
    "scheduler": (
        Annotated[
            str | None,
            typer.Option(
                help="Address of a Dask scheduler, tcp:// or tls://HOST:PORT. Default: a local cluster."
            ),
        ],
        None,
    ),
    "workers": (
        Annotated[
            int | None, typer.Option(help="Local worker processes, one thread each. Default: one per core.")
        ],
        None,
    ),
    "memory_per_worker": (
        Annotated[
            str | None, typer.Option(help="Limit of a local worker, such as 2GiB. Default: equal shares.")
        ],
        None,
    ),
    "retries": (Annotated[int, typer.Option(help="Further tries of a run that fails.")], 2),
    "retry_failed": (
        Annotated[bool, typer.Option("--retry-failed", help="Try runs again that were recorded as failed.")],
        False,
    ),
    "tls_ca": (
        Annotated[
            Path | None,
            typer.Option(help="Certificates (PEM) of the authority behind a scheduler at tls://."),
        ],
        None,
    ),
    "tls_cert": (Annotated[Path | None, typer.Option(help="Your certificate (PEM) for it.")], None),
    "tls_key": (
        Annotated[Path | None, typer.Option(help="The certificate's key (PEM), without a password.")],
        None,
    ),
    "dashboard": (
        Annotated[
            bool,
            typer.Option(
                "--dashboard", help="Serve Dask's pages of the local cluster, to all on this machine."
            ),
        ],
        False,
    ),
}


def with_driver(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate `command(…, options)`: its SweepOptions come from the command line."""

    def wrapped(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in _OPTIONS}
        command(options=_options(given), **arguments)

    # SweepOptions is for the type checker: importing it here would cost start-up
    hints = get_type_hints(command, localns={"SweepOptions": object}, include_extras=True)
    own = [
        p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name])
        for p in inspect.signature(command).parameters.values()
        if p.name != "options"
    ]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _OPTIONS.items()
    ]
    wrapped.__signature__ = inspect.Signature([*own, *more])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in [*own, *more]}
    wrapped.__doc__, wrapped.__name__ = command.__doc__, command.__name__
    return wrapped


def _options(given: dict[str, Any]) -> SweepOptions:
    from feature_collapse.sweeps.options import SweepOptions, TLSFiles

    files = [given.pop(name) for name in ("tls_ca", "tls_cert", "tls_key")]
    if any(file is not None for file in files) and None in files:
        raise InputError("give --tls-ca, --tls-cert and --tls-key together, or none of them")
    return SweepOptions(**given, tls=None if None in files else TLSFiles(*files))
