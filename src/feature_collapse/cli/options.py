"""Command-line options made from the settings, so that both have one vocabulary, and other shared options."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from feature_collapse.boundary import printable

if TYPE_CHECKING:
    from feature_collapse.experiments.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", help="TOML file of settings; options on the command line override it."),
]

_FOLDED = 20  # columns to which the text of a row may be folded

# settings that only one of the methods reads
SGD_ONLY = ("decay", "epochs", "batch_size", "learning_rate", "init_scale", "fresh", "test_every")
CERTIFIED_ONLY = ("gap", "time_limit")


def with_settings(*without: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorate `command(given, …)`: `given` becomes one option per setting, except those in `without`.

    The command receives in `given` a dict of the settings that the user gave, keyed as in a TOML file.
    """
    from feature_collapse.experiments.settings import FIELDS

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        parameters, names = [], []
        for name, field in FIELDS.items():
            if name in without:
                continue
            names.append(name)
            text = str(field.metadata["help"])
            shown = "" if field.default is None else rf" \[default: {field.default}]"
            kind = {"int": int, "float": float, "bool": bool}.get(str(field.type).split(" |")[0], str)
            flag = "--" + name.rstrip("_").replace("_", "-")
            option = typer.Option(flag, help=text + shown, show_default=False, rich_help_panel="Settings")
            parameters.append(
                inspect.Parameter(
                    name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=None,
                    annotation=Annotated[kind | None, option],
                )
            )

        def wrapped(**arguments: Any) -> None:
            given = {name.rstrip("_"): arguments.pop(name) for name in names}
            command({key: value for key, value in given.items() if value is not None}, **arguments)

        own = list(inspect.signature(command).parameters.values())[1:]
        hints = get_type_hints(command, include_extras=True)
        own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[p.name]) for p in own]
        wrapped.__signature__ = inspect.Signature([*own, *parameters])  # type: ignore[attr-defined]
        wrapped.__annotations__ = {p.name: p.annotation for p in [*own, *parameters]}
        wrapped.__doc__, wrapped.__name__ = command.__doc__, command.__name__
        return wrapped

    return decorate


def settings_of(file: Path | None, given: dict[str, Any], **fixed: Any) -> Settings:
    """Return the settings of a TOML file, overridden by those given on the command line, and by `fixed`.

    Raises:
        InputError: a file that cannot be read, an unknown key, a value of the wrong type or out of range, or
            an exponent without Zipf's law.
    """
    from feature_collapse.boundary import read_toml
    from feature_collapse.experiments.settings import Settings

    source = str(file) if file else "the command line"
    settings = Settings.from_mapping({**(read_toml(file) if file else {}), **given, **fixed}, source)
    check_exponent(settings.word_law, settings.exponent)
    return settings


def check_exponent(word_law: str, exponent: float) -> None:
    """Refuse an exponent that the word law does not read: who gives one means Zipf's law.

    Raises:
        InputError: an exponent other than the default, with another law.
    """
    from feature_collapse.errors import InputError

    if word_law != "zipf" and exponent != 1.0:
        raise InputError(
            f"exponent = {exponent:g}, but it is Zipf's and word_law = {word_law!r}: "
            "give word_law = 'zipf' too"
        )


def echo(text: str = "") -> None:
    """Print a line of text; terminal escapes in names are shown as ?."""
    typer.echo(printable(text))


def paragraph(text: str, keep: str = "") -> None:
    """Print text folded to the terminal, or to 80 columns where there is none; indented where it is.

    No line breaks at a space of `keep`, such as that of "n_c = 3" for " = ".
    """
    from rich.console import Console

    console = Console()
    width = (console.width if console.is_terminal else 80) - 1
    for line in printable(text).split("\n"):
        indent = line[: len(line) - len(line.lstrip())]
        line = line.replace(keep, keep.replace(" ", "\xa0"))
        folded = textwrap.fill(line, width, subsequent_indent=indent + "  ", break_on_hyphens=False)
        typer.echo(folded.replace("\xa0", " "))


def unfolded(text: str) -> str:
    r"""Return a docstring with each paragraph on one line, which the terminal then folds at its own width.

    >>> unfolded("Do it.\n\n    Where there is\n    something to do.")
    'Do it.\n\nWhere there is something to do.'
    """
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))


def print_json(value: Any) -> None:
    r"""Print a value as JSON on stdout; control characters in names stay as \\u escapes."""
    text = json.dumps(value, indent=1, ensure_ascii=False)
    typer.echo("".join(c if c.isprintable() or c == "\n" else f"\\u{ord(c):04x}" for c in text))


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table; the first column is text, the others numbers, which never break.

    Where the terminal is too narrow for that, each row is printed as lines of `column: value`.
    """
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    columns, cells = list(columns), [[printable(cell) for cell in row] for row in rows]
    drawn = Table(title=Text(printable(title)) if title else None, title_justify="left")
    for index, column in enumerate(columns):
        drawn.add_column(
            column, justify="left" if index == 0 else "right", overflow="fold", no_wrap=index > 0
        )
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    console = Console()
    console = console if console.is_terminal else Console(width=140)
    natural = Measurement.get(console, console.options.update(max_width=10_000), drawn).maximum
    first = max((len(row[0]) for row in cells), default=0)  # the one column that may break
    if natural - max(0, first - _FOLDED) <= console.width:
        console.print(drawn)
        return
    typer.echo(printable(title))
    for row in cells:
        text = "; ".join(f"{column}: {cell}" for column, cell in zip(columns, row, strict=True))
        width = console.width - 1
        typer.echo(textwrap.fill(text, width, subsequent_indent="  ", break_on_hyphens=False))
