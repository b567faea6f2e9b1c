"""The typer application: every command is registered here and defined in a file of its own name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from feature_collapse import __version__
from feature_collapse.cli import (
    certify,
    check,
    explore,
    figure,
    limit,
    measure,
    path,
    reproduce,
    solve,
    sweep,
    task,
    theory,
    train,
)
from feature_collapse.cli.options import unfolded

_QUESTION = (
    "Why do things that play the same role get the same representation, when do they not, and what does "
    "normalisation change?"
)

app = typer.Typer(
    name="feature-collapse",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS: dict[str, Callable[..., None]] = {
    "reproduce": reproduce.command,
    "theory": theory.command,
    "limit": limit.command,
    "check": check.command,
    "solve": solve.command,
    "certify": certify.command,
    "path": path.command,
    "measure": measure.command,
    "train": train.command,
    "task": task.command,
    "figure": figure.command,
    "explore": explore.command,
}


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"feature-collapse {__version__}")
        raise typer.Exit


@app.callback(help=f"Feature collapse: find it, prove it, measure it.\n\n{_QUESTION}")
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Print the version where it was asked for, before any command."""


for _name, _command in COMMANDS.items():
    app.command(_name, help=unfolded(_command.__doc__ or ""))(_command)
for _registered in sweep.app.registered_commands:
    _registered.help = unfolded(getattr(_registered.callback, "__doc__", None) or "")
app.add_typer(sweep.app, name="sweep")
