"""A server answers to its own names, makes no session for others, and refuses a wrong place in a sentence."""

import logging
import socket
import sys
from types import SimpleNamespace

import pytest

pytest.importorskip("bokeh", reason="needs the extra explore")

import asyncio

from tornado.httputil import HTTPHeaders
from tornado.web import Finish

from feature_collapse.errors import InputError
from feature_collapse.explorer.page.hosts import Hosts
from feature_collapse.explorer.page.house import House
from feature_collapse.explorer.page.own_page import LONGEST_UPLOAD
from feature_collapse.explorer.page.server import Place, _is_news, make_server


class Handler:
    """What is asked of a request's handler."""

    def __init__(self, host, **headers):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        self.request = SimpleNamespace(host=host, headers=HTTPHeaders(fields))
        self.status, self.said = 200, ""

    def clear(self):
        self.said = ""

    def set_status(self, status):
        self.status = status

    def set_header(self, name, value):
        assert (name, value) == ("Content-Type", "text/plain; charset=utf-8")

    def finish(self, text):
        self.said = text


def asked(host, names=("localhost:5006", "127.0.0.1:5006", "lecture.example"), **headers):
    handler = Handler(host, **headers)
    try:
        asyncio.run(Hosts(names).get_user_async(handler))
    except Finish:
        assert handler.status == 403 and handler.said.count("\n") == 1
    return handler


@pytest.mark.parametrize("host", ["localhost:5006", "LocalHost:5006", "127.0.0.1:5006", "lecture.example"])
def test_a_name_of_the_explorer_is_answered(host):
    assert asked(host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5006", "localhost", "localhost:50061", "", "[::1]:5006"]
)
def test_a_name_that_only_leads_here_is_refused_in_one_sentence(host):
    found = asked(host)
    assert found.status == 403
    assert "--allow-websocket-origin" in found.said


def test_the_sentence_about_a_name_shows_what_can_be_printed():
    assert "\x1b" not in asked("a\x1b[2J.example").said


@pytest.mark.parametrize(
    ("mode", "status"), [("navigate", 200), ("websocket", 200), ("no-cors", 403), ("cors", 403)]
)
def test_another_site_may_link_to_the_page_but_not_load_it_behind_the_readers_back(mode, status):
    assert asked("localhost:5006", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode=mode).status == status
    assert asked("localhost:5006", Sec_Fetch_Site="same-origin", Sec_Fetch_Mode=mode).status == 200


@pytest.mark.parametrize(
    "place",
    [
        {"port": -1},
        {"port": 65536},
        *(
            {"address": a}
            for a in ("", "::", "::1", "a\x00b", "x" * 64, "ü" * 80, "a b", "127.0.0.1:80", "-")
        ),
        *(
            {"origins": (o,)}
            for o in ("", "*", "h:0", "h:70000", "h:x", "h:", "a b", "a,b", "a\nb", "[::1]:80")
        ),
    ],
)
def test_a_place_that_cannot_be_one_is_one_sentence_before_anything_listens(place):
    with pytest.raises(InputError, match="must be") as caught:
        Place(**place)
    assert "\n" not in str(caught.value)


def test_a_server_is_made_with_names_in_small_letters_and_keys_of_its_own():
    house = House()
    server = make_server(Place(0, origins=("Lecture.Example:80",)), house)
    try:
        inside = server._tornado
        assert "lecture.example:80" in inside.websocket_origins
        assert inside.sign_sessions and len(inside.secret_key) >= 32
        assert server._http.conn_params.chunk_size <= LONGEST_UPLOAD <= server._http.max_buffer_size
    finally:
        server.stop()
        house.close()


def test_what_a_closed_tab_had_sent_is_no_news_and_a_fault_of_ours_is():
    from bokeh.server.connection import ServerConnection

    def record(failing):
        try:
            failing()
        except Exception as error:
            trace = (type(error), error, error.__traceback__)
        return logging.LogRecord("bokeh.server.protocol_handler", logging.ERROR, "", 0, "failed", (), trace)

    gone = ServerConnection.__new__(ServerConnection)
    gone._session = None
    assert not _is_news(record(lambda: gone.session))
    assert _is_news(record(lambda: 1 / 0))


def test_a_port_in_use_is_one_sentence(command_line):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        port = held.getsockname()[1]
        code, out, error = command_line("explore", "--no-browser", "--port", port)
    assert (code, out) == (2, "")
    assert error == f"feature-collapse: port = {port} is in use by another program; give another\n"


def test_without_bokeh_the_extra_is_named(command_line, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    code, _, error = command_line("explore", "--no-browser")
    assert code == 2
    assert error == "feature-collapse: the explorer needs bokeh: install feature-collapse[explore]\n"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--port", 70000), "port = 70000, but must be an integer from 0 to 65535"),
        (("--address", "203.0.113.7"), "must be an address of this machine"),
        (("--allow-websocket-origin", "*"), "must be one host, or host:port"),
    ],
)
def test_a_wrong_place_is_one_sentence(command_line, arguments, says):
    code, _, error = command_line("explore", "--no-browser", *arguments)
    assert code == 2 and says in error and error.count("\n") == 1
