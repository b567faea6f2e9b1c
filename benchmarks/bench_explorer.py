"""Benchmark of the explorer: time to the first picture, frames a second, ten sessions at once, memory.

    python benchmarks/bench_explorer.py [--sessions 10] [--seconds 20] [--preset 4b]

Starts `feature-collapse explore` on a free port. The first two need Chromium and playwright; the sessions are
clients of bokeh's own protocol in this process, each of which plays, acknowledges every frame as a browser
does, and presses a key once a second: an answer is the time until the server has dealt with the press.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import websocket_connect

SOURCE = Path(__file__).parents[1] / "src"


def serve() -> tuple[subprocess.Popen[str], str]:
    """Start the explorer; returns the process and the address."""
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "feature_collapse", "explore", "--no-browser", "--port", "0"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    return process, next(word for word in line.split() if word.startswith("http"))


def memory(process: subprocess.Popen[str]) -> float:
    """Resident memory of the server in MB."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor(process: subprocess.Popen[str]) -> float:
    """Seconds of a core that the server has used."""
    ticks = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")


def in_a_browser(address: str, preset: str, seconds: float) -> tuple[float, float]:
    """Seconds to the first picture of a warm server, and frames a second while it plays."""
    from playwright.sync_api import sync_playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        began = time.perf_counter()
        page.goto(f"{address}?preset={preset}")
        page.wait_for_selector("body[data-ready=yes]")
        first = time.perf_counter() - began
        page.keyboard.press(" ")
        page.wait_for_timeout(2000)
        count = "Bokeh.documents[0].get_model_by_name('message').tags[1].end"
        before, began = page.evaluate(count), time.perf_counter()
        page.wait_for_timeout(int(1000 * seconds))
        rate = (page.evaluate(count) - before) / (time.perf_counter() - began)
        browser.close()
    return first, rate


class Client:
    """One session, as a browser has it: plays, acknowledges frames, and presses a key once a second."""

    def __init__(self, address: str, seconds: float) -> None:
        """Of an explorer that is served."""
        self.address, self.seconds = address, seconds
        self.frames, self.answers, self.pressed = 0, [], {}
        self.ids: list[str] = []

    async def run(self, preset: str) -> None:
        """Play and press until the time is up."""
        page = await AsyncHTTPClient().fetch(f"{self.address}?preset={preset}", request_timeout=120)
        token = re.search(r'"token":"([^"]+)"', page.body.decode())[1]
        url = self.address.replace("http", "ws") + "ws"
        request = HTTPRequest(url, connect_timeout=120, request_timeout=120)
        self.socket = await websocket_connect(
            request, subprotocols=["bokeh", token], max_message_size=1 << 26
        )
        await self.receive()  # the server greets first
        await self.send("PULL-DOC-REQ", {})
        while not self.ids:
            await self.receive()
        await self.change(self.ids[3], "value", " :0")
        end, last = time.perf_counter() + self.seconds, time.perf_counter()
        while time.perf_counter() < end:
            await self.receive()
            if time.perf_counter() - last > 1.0 and not self.pressed:
                last = time.perf_counter()
                self.pressed[await self.change(self.ids[3], "value", f"x:{last}")] = last
        self.socket.close()

    async def send(self, kind: str, content: dict) -> str:
        """Send a message of bokeh's protocol; returns its id."""
        name = secrets.token_hex(16)
        for part in ({"msgid": name, "msgtype": kind}, {}, content):
            await self.socket.write_message(json.dumps(part))
        return name

    async def change(self, model: str, attr: str, new: object) -> str:
        """Set a property, as the page's script does."""
        event = {"kind": "ModelChanged", "model": {"id": model}, "attr": attr, "new": new}
        return await self.send("PATCH-DOC", {"events": [event]})

    async def receive(self) -> None:
        """Take one message: count and acknowledge a frame, note an answer."""
        head = json.loads(await self.socket.read_message())
        parts = [json.loads(await self.socket.read_message()) for _ in range(2)]
        for _ in range(2 * head.get("num_buffers", 0)):
            await self.socket.read_message()
        began = self.pressed.pop(head.get("reqid"), None)
        if began is not None:
            self.answers.append(time.perf_counter() - began)
        if head["msgtype"] == "PULL-DOC-REPLY":
            roots = [root["attributes"] for root in parts[1]["doc"]["roots"]]
            tags = next(a["tags"] for a in roots if a.get("name") == "message")
            self.ids = [tag["id"] for tag in tags]
        for event in parts[1].get("events", ()) if head["msgtype"] == "PATCH-DOC" else ():
            if event.get("attr") == "end" and self.ids and event["model"]["id"] == self.ids[0]:
                self.frames += 1
                await self.change(self.ids[1], "end", event["new"])


def together(address: str, sessions: int, seconds: float, preset: str) -> list[Client]:
    """Run so many sessions at once."""
    clients = [Client(address, seconds) for _ in range(sessions)]

    async def all_of_them() -> None:
        await asyncio.gather(*(client.run(preset) for client in clients))

    asyncio.run(all_of_them())
    return clients


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sessions", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--preset", default="4b")
    given = parser.parse_args()
    process, address = serve()
    try:
        alone = memory(process)
        first, rate = in_a_browser(address, given.preset, given.seconds)
        before, began = processor(process), time.perf_counter()
        clients = together(address, given.sessions, given.seconds, given.preset)
        share = (processor(process) - before) / (time.perf_counter() - began)
        answers = [a for client in clients for a in client.answers]
        print("| quantity | value |\n|---|---|")
        print(f"| first picture | {first:.2f} s |")
        print(f"| frames a second, one session in Chromium | {rate:.1f} |")
        print(f"| {given.sessions} sessions: frames a second, all together | "
              f"{sum(c.frames for c in clients) / given.seconds:.1f} |")  # fmt: skip
        print(f"| {given.sessions} sessions: median answer (largest) | "
              f"{statistics.median(answers):.3f} s ({max(answers):.2f} s) |")  # fmt: skip
        print(
            f"| memory at the start, after {given.sessions} sessions | {alone:.0f} MB, "
            f"{memory(process):.0f} MB |"
        )
        print(f"| of a core, the server got meanwhile | {share:.2f} |")
        print(f"| load of the machine | {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores |")
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
