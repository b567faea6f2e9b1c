"""The server of the explorer: bokeh's, on this machine alone unless told, with its own files alone."""

from __future__ import annotations

import errno
import logging
import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server

from feature_collapse.boundary import clip
from feature_collapse.errors import InputError, check_int
from feature_collapse.explorer.page.document import fill
from feature_collapse.explorer.page.hosts import Hosts
from feature_collapse.explorer.page.house import House
from feature_collapse.explorer.page.own_page import LONGEST_UPLOAD

LOOPBACK = "127.0.0.1"
MESSAGE = 4 * LONGEST_UPLOAD  # bytes; a larger one ends the connection that sent it
LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
NAME = re.compile(rf"(?!.{{254}}){LABEL}(\.{LABEL})*")  # of a host
PORT = re.compile(r"[0-9]{1,5}")
GONE = str(Path("bokeh") / "server" / "connection.py")
UNUSED, CHECKED = 15_000, 5_000  # milliseconds: a session without a tab is dropped, looked for


@dataclass(frozen=True)
class Place:
    """Where the explorer listens.

    Attributes:
        port: 0 for any that is free.
        address: a name or an IPv4 address of the machine's; only its own programs reach 127.0.0.1.
        origins: names HOST[:PORT] under which browsers may come besides; the address itself always may.

    Raises:
        InputError: a port out of range, an address that cannot be one, or an origin that is no single host.
    """

    port: int = 5006
    address: str = LOOPBACK
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check each."""
        check_int("port", self.port, 0, 65535)
        if not NAME.fullmatch(self.address.lower()):
            raise InputError(
                f"address = {clip(self.address)!r}, but must be a name or an IPv4 address of this machine"
            )
        for origin in self.origins:
            host, colon, port = origin.partition(":")
            good = not colon or (PORT.fullmatch(port) is not None and 1 <= int(port) <= 65535)
            if not NAME.fullmatch(host.lower()) or not good:
                raise InputError(
                    f"allow-websocket-origin = {clip(origin)!r}, but must be one host, or host:port"
                )


def make_server(place: Place, house: House) -> Server:
    """Return a server that listens but does not run yet; `serve` runs one.

    Raises:
        InputError: a port in use, or an address that is not this machine's.
    """
    for name in ("bokeh", "tornado"):
        logging.getLogger(name).setLevel(logging.ERROR)  # a browser that goes away is no news
    for handler in (logging.getLogger("bokeh.server." + name) for name in ("protocol_handler", "views.ws")):
        handler.addFilter(_is_news)
    torch.set_num_threads(1)  # matrices are small: threads would only wait for each other

    def made(document: Document) -> None:
        context = document.session_context
        found = {} if context is None or context.request is None else context.request.arguments
        arguments = {k: [v.decode("utf-8", "replace") for v in values] for k, values in found.items()}
        fill(document, house, arguments)

    try:
        place = replace(place, port=_free_port(place))  # the origins must be known before the server listens
        return Server(
            Application(FunctionHandler(made)),
            port=place.port,
            address=place.address,
            allow_websocket_origin=_origins(place),
            auth_provider=Hosts(_origins(place)),
            secret_key=secrets.token_hex(32),  # so that no link leads into a session that is another's
            sign_sessions=True,
            include_headers=[],
            include_cookies=[],
            websocket_max_message_size=MESSAGE,
            http_server_kwargs={  # a browser may send a whole message in one frame, which must fit the buffer
                "max_buffer_size": MESSAGE + (1 << 16),
                "max_body_size": 1 << 16,
                "max_header_size": 1 << 16,
            },
            unused_session_lifetime_milliseconds=UNUSED,
            check_unused_sessions_milliseconds=CHECKED,
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(f"port = {place.port} is in use by another program; give another") from None
        if error.errno in (errno.EADDRNOTAVAIL, socket.EAI_NONAME) or isinstance(error, socket.gaierror):
            raise InputError(
                f"address = {clip(place.address)!r}, but must be an address of this machine"
            ) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise InputError(f"port = {place.port} may not be listened on; give one from 1024") from None
        raise


def _is_news(record: logging.LogRecord) -> bool:
    """Return whether the terminal should hear of something: not of what a tab sent that is gone by now.

    bokeh takes what was under way for a connection that is closed, and fails at its first line.
    """
    trace = record.exc_info[2] if record.exc_info else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or not trace.tb_frame.f_code.co_filename.endswith(GONE)


def _origins(place: Place) -> list[str]:
    """Return the hosts from which a page may open a connection: those that its address is typed as."""
    own = dict.fromkeys(("localhost", LOOPBACK, place.address.lower()))
    return [f"{host}:{place.port}" for host in own] + [origin.lower() for origin in place.origins]


def _free_port(place: Place) -> int:
    """Return the port of a place, or a free one for 0; fails as the server would, but leaves nothing open."""
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((place.address, place.port))
        return int(found.getsockname()[1])


def serve(place: Place, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C.

    Args:
        place: where to listen.
        ready: is called with the address to open once there is something to see.

    Raises:
        InputError: as `make_server`.
        KeyboardInterrupt: after Ctrl-C, once every session has ended.
    """
    house = House()
    server = make_server(place, house)
    host = LOOPBACK if place.address == "0.0.0.0" else place.address
    server.start()
    server.io_loop.add_callback(ready, f"http://{host}:{server.port}/")
    try:
        server.io_loop.start()
    finally:
        house.close()
        server.stop(wait=False)
