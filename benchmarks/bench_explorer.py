"""Benchmark of the explorer: time to the first picture, frames a second, ten sessions at once, memory.

    python benchmarks/bench_explorer.py [--sessions 10] [--seconds 20] [--preset 4b]

Starts `feature-collapse explore` on a free port. The first two need Chromium and playwright; the sessions are
clients of bokeh's own protocol in this process, each of which plays, acknowledges every frame as a browser
does, and presses a key once a second: an answer is the time until the server has dealt with the press.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

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


class Client(threading.Thread):
    """One session: plays, acknowledges frames, and presses a key once a second."""

    def __init__(self, address: str, seconds: float) -> None:
        """Of an explorer that is served."""
        super().__init__(daemon=True)
        self.address, self.seconds = address, seconds
        self.frames, self.answers, self.error = 0, [], ""

    def run(self) -> None:
        """Play and press until the time is up."""
        from bokeh.client import pull_session

        try:
            session = pull_session(url=self.address)
            sent, seen, _, pressed = session.document.get_model_by_name("message").tags
            pressed.value = " :0"
            end, last, count = time.perf_counter() + self.seconds, time.perf_counter(), 0
            while time.perf_counter() < end:
                if seen.end != sent.end:
                    self.frames += 1
                    seen.end = sent.end
                if time.perf_counter() - last > 1.0:
                    count, last = count + 1, time.perf_counter()
                    pressed.value = f"x:{count}"
                    session.force_roundtrip()
                    self.answers.append(time.perf_counter() - last)
                session.force_roundtrip()  # which also receives what the server has sent
            session.close()
        except Exception as error:  # whatever ends a session is reported, not hidden
            self.error = repr(error)


def together(address: str, sessions: int, seconds: float) -> list[Client]:
    """Run so many sessions at once."""
    clients = [Client(address, seconds) for _ in range(sessions)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(seconds + 120)
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
        clients = together(address, given.sessions, given.seconds)
        answers = [a for client in clients for a in client.answers]
        errors = [client.error for client in clients if client.error]
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
        print(f"| load of the machine | {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores |")
        if errors:
            print("errors:", *errors, sep="\n")
    finally:
        process.terminate()
        process.wait(30)


if __name__ == "__main__":
    main()
