"""`feature-collapse explore`: the interactive page, in a browser on this machine."""

from __future__ import annotations

import sys
import webbrowser
from typing import Annotated

import typer

from feature_collapse.cli.options import echo

INTERRUPTED = 130


def command(
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any that is free.")] = 5006,
    address: Annotated[
        str,
        typer.Option(
            "--address", "--host", help="Address to listen on; the default is for this machine alone."
        ),
    ] = "127.0.0.1",
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-websocket-origin",
            help="HOST[:PORT] under which other machines' browsers come, with --address.",
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open the page in the browser.")] = True,
) -> None:
    """See collapse happen, break and be repaired, live in a browser, with a proof beside the picture.

    Works without a network and writes nothing. Ctrl-C ends it.
    """
    from feature_collapse.errors import InputError

    try:
        import bokeh  # noqa: F401
    except ImportError:
        raise InputError("the explorer needs bokeh: install feature-collapse[explore]") from None
    from feature_collapse.explorer.page.server import Place, serve

    def ready(url: str) -> None:
        echo(f"the explorer is at {url} (Ctrl-C ends it)")
        if browser:
            webbrowser.open(url)

    try:
        serve(Place(port, address, tuple(allow or ())), ready)
    except KeyboardInterrupt:
        print("feature-collapse: the explorer has ended; it kept nothing", file=sys.stderr)
        sys.exit(INTERRUPTED)
