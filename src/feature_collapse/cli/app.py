"""The typer application: every command is registered here and defined in a file of its own name."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from feature_collapse import __version__

app = typer.Typer(
    name="feature-collapse",
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

# command name -> module below feature_collapse.cli that defines a function `command`
COMMANDS = (
    "reproduce", "theory", "limit", "check", "solve", "certify", "path", "measure", "train", "task", "figure",
)  # fmt: skip


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"feature-collapse {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    """Feature collapse: find it, prove it, measure it.

    Why do things that play the same role get the same representation, when do they not, and what does
    normalisation change?
    """


for _name in COMMANDS:
    app.command(_name)(import_module(f"feature_collapse.cli.{_name}").command)
app.add_typer(import_module("feature_collapse.cli.sweep").app, name="sweep")
