"""Who may ask: a browser that typed one of the explorer's own names, not a page elsewhere behind its back.

bokeh checks the origin of a connection, but hands the page itself to any name. A name that leads here and is
not the explorer's is a mistake, whose page could never connect, or another site's trick: both get one
sentence and no session.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

from bokeh.server.auth_provider import AuthProvider
from bokeh.server.util import check_allowlist
from tornado.web import Finish, RequestHandler

from feature_collapse.boundary import clip


class Hosts(AuthProvider):  # type: ignore[misc]  # bokeh leaves it untyped
    """What bokeh asks before it makes a session or opens a connection."""

    def __init__(self, names: Iterable[str]) -> None:
        """Let those in who come by a name.

        Args:
            names: HOST:PORT, or HOST for port 80, in small letters.
        """
        self.names = list(names)
        super().__init__()

    @property
    def get_user_async(self) -> Callable[[RequestHandler], Awaitable[str]]:
        """Return what is called with each request."""
        return self._check

    @property
    def login_url(self) -> str:
        """Return where bokeh would send whom it does not know; there are no such."""
        return "/"

    async def _check(self, handler: RequestHandler) -> str:
        """Let a request pass.

        Raises:
            Finish: it may not; the answer is one sentence.
        """
        request = handler.request
        host = request.host.lower()
        if not check_allowlist(host, self.names):
            self._refuse(
                handler,
                f"the explorer does not answer to the name {clip(host)!r}, but to {', '.join(self.names)}; "
                "start it with --allow-websocket-origin NAME for another",
            )
        headers = request.headers
        elsewhere = headers.get("Sec-Fetch-Site") == "cross-site"
        if elsewhere and headers.get("Sec-Fetch-Mode") not in ("navigate", "websocket"):
            self._refuse(handler, "the explorer is a page, and no part of another site's")
        return "visitor"

    @staticmethod
    def _refuse(handler: RequestHandler, sentence: str) -> None:
        handler.clear()
        handler.set_status(403)
        handler.set_header("Content-Type", "text/plain; charset=utf-8")
        handler.finish(sentence + "\n")
        raise Finish
