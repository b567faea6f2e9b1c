"""The server of the explorer: bokeh's, on this machine alone unless told, with its own files alone."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.document import Document
from bokeh.server.server import Server

from feature_collapse.boundary import clip, parse_count
from feature_collapse.errors import InputError, check_int
from feature_collapse.explorer.page.document import fill
from feature_collapse.explorer.page.house import House
from feature_collapse.explorer.page.own_page import LONGEST_UPLOAD

LOOPBACK = "127.0.0.1"
MESSAGE = 4 * LONGEST_UPLOAD  # bytes; a larger one ends the connection that sent it
UNUSED, CHECKED = 15_000, 5_000  # milliseconds: a session without a tab is dropped, looked for


@dataclass(frozen=True)
class Place:
    """Where the explorer listens.

    Attributes:
        port: 0 for any that is free.
        address: of the machine's; only its own programs reach 127.0.0.1.
        origins: names HOST[:PORT] under which browsers may come besides; the address itself always may.

    Raises:
        InputError: a port out of range, or an origin that is no single host.
    """

    port: int = 5006
    address: str = LOOPBACK
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the port."""
        check_int("port", self.port, 0, 65535)
        for origin in self.origins:
            host, _, port = origin.partition(":")
            if not host or "*" in host or "/" in origin or (port and parse_count(port) is None):
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
            websocket_max_message_size=MESSAGE,
            http_server_kwargs={"max_buffer_size": 1 << 20, "max_header_size": 1 << 16},
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


def _origins(place: Place) -> list[str]:
    """Return the hosts from which a page may open a connection: those that its address is typed as."""
    own = dict.fromkeys(("localhost", LOOPBACK, place.address))
    return [f"{host}:{place.port}" for host in own] + list(place.origins)


def _free_port(place: Place) -> int:
    """Return the port of a place, or a free one for 0; fails as the server would, but leaves nothing open."""
    family = socket.AF_INET6 if ":" in place.address else socket.AF_INET
    with socket.socket(family) as found:
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
    host = LOOPBACK if place.address in ("0.0.0.0", "::") else place.address
    server.start()
    server.io_loop.add_callback(ready, f"http://{host}:{server.port}/")
    try:
        server.io_loop.start()
    finally:
        house.close()
        server.stop(wait=False)
