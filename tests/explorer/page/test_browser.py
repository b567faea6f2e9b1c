"""The page in a real browser: it plays, fails and is repaired, proves, restores a link, reads a table.

Skipped where bokeh, playwright or Chromium is missing. One server for all, as `feature-collapse explore` is.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bokeh", reason="needs the extra explore")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SOURCE = Path(__file__).parents[3] / "src"
WAIT = 60_000  # milliseconds; on a free machine a tenth of a second
pytestmark = pytest.mark.slow


def started(*arguments):
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "feature_collapse", "explore", "--no-browser", *arguments]
    return subprocess.Popen(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # ignored in background jobs, and inherited
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


@pytest.fixture(scope="module")
def address():
    server = started("--port", "0")
    line = server.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+/", line)
    assert found, line + server.stderr.read()
    yield found[0]
    server.send_signal(signal.SIGINT)
    try:
        _, error = server.communicate(timeout=60)
    finally:
        server.kill()
    assert server.returncode == 130
    assert error == "feature-collapse: the explorer has ended; it kept nothing\n"


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the extra docs")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser, address):
    """Open the page with a query: the page, the addresses asked for, and what went wrong."""
    contexts = []

    def opened(query="", size=(1280, 800)):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        page, asked, wrong = context.new_page(), [], []
        page.set_default_timeout(WAIT)
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda found: asked.append(found.url))
        page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address + query)
        page.wait_for_selector("body[data-ready=yes]")
        return page, asked, wrong

    yield opened
    for context in contexts:
        context.close()


def said(page, part):
    """The paragraphs of a part of the page."""
    return page.locator(f"#{part} p").all_inner_texts()


def accuracy(page):
    return float(re.search(r"([\d.]+) % of new", said(page, "verdict")[0])[1]) / 100


def number(page, name, column=0):
    """A value of the table of all digits, which may be folded away."""
    row = page.locator("#numbers tr", has=page.locator(f"th:text-is('{name}')"))
    return float(row.locator("td").nth(column).text_content())


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def at_rest(page, query, epoch):
    """Wait until a run that a link names has got there."""
    page.wait_for_function(f"location.search.includes('epoch={epoch}')")
    assert query in page.url


def test_the_page_loads_without_an_error_or_a_request_to_another_machine(visit, address):
    page, asked, wrong = visit()
    page.wait_for_load_state("networkidle")
    host = address.split("//")[1]
    allowed = (address, f"ws://{host}", "data:", "blob:")
    assert [url for url in asked if not url.startswith(allowed)] == []
    assert any(url.startswith("ws://") for url in asked)
    assert wrong == []


def test_five_seconds_of_play_raise_the_accuracy_on_new_sentences(visit):
    page, _, wrong = visit()
    before = accuracy(page)
    press(page, "Play")
    page.wait_for_timeout(5000)
    for _ in range(60):  # a busy machine: until ten epochs are behind
        if accuracy(page) > before + 0.1:
            break
        page.wait_for_timeout(1000)
    press(page, "Pause")
    page.wait_for_function("location.search.includes('epoch=')")
    assert accuracy(page) > before + 0.1
    assert wrong == []


def test_4b_ends_far_below_4c_and_the_third_cure_with_it(visit):
    ends = {}
    for name, epoch in (("4b", 300), ("4c", 100), ("third", 300)):
        page, _, wrong = visit(f"?preset={name}&epoch={epoch}")
        at_rest(page, "exponent=1.0", epoch)
        ends[name] = number(page, "test_accuracy")
        assert wrong == []
    assert ends["4b"] < ends["4c"] - 0.2
    assert abs(ends["third"] - ends["4c"]) < 0.02


def test_the_minimiser_appears_and_the_gap_is_never_negative_and_falls(visit):
    page, _, wrong = visit("?preset=4b")
    press(page, "Certified minimiser")
    page.get_by_text("Crosses, the certified minimiser").wait_for()
    press(page, "Play")
    gaps = []
    for _ in range(8):
        gaps.append(number(page, "relative_gap"))
        page.wait_for_timeout(700)
    page.wait_for_function("location.search.includes('epoch=300')")
    gaps.append(number(page, "relative_gap"))
    assert min(gaps) >= 0
    assert gaps[-1] < 0.3 * gaps[0]
    assert number(page, "risk") >= number(page, "lower_bound", 1)
    assert wrong == []


def test_a_link_restores_the_state(visit):
    page, _, _ = visit("?exponent=0.5&normaliser=layernorm&n_w=60&K=40&learning_rate=0.1")
    for _ in range(3):
        press(page, "Step")
    page.wait_for_function("location.search.includes('epoch=7&step=2')")
    page.wait_for_timeout(1000)
    risk, link = number(page, "risk"), page.evaluate("location.search")
    again, _, _ = visit(link)
    again.wait_for_timeout(1000)
    again.get_by_role("button", name="Play", exact=True).wait_for()
    again.wait_for_timeout(1000)
    assert number(again, "risk") == risk
    assert again.evaluate("location.search") == link


def table(tmp_path):
    rng = np.random.default_rng(0)
    vectors = np.repeat(np.eye(3, 6), 8, axis=0) + 0.05 * rng.normal(size=(24, 6))
    np.save(tmp_path / "mine.npy", vectors)
    groups = "\n".join(f"{i},<b>g{i // 8}</b>,{1 + i % 8}" for i in range(24))
    (tmp_path / "groups.csv").write_text("entity,concept,frequency\n" + groups)
    (tmp_path / "wrong.npy").write_bytes(b"\x80\x04<b>no table</b>")


def choose(page, place, path):
    page.locator("input[type=file]").nth(place).set_input_files(path)
    page.wait_for_timeout(1000)


def test_own_data_loads_and_a_wrong_file_is_one_sentence(visit, tmp_path):
    table(tmp_path)
    page, _, wrong = visit()
    page.get_by_text("A table of your own").click()
    press(page, "Show my table")
    page.get_by_text("choose a table of at most 4 MB first").wait_for()
    choose(page, 0, tmp_path / "wrong.npy")
    choose(page, 1, tmp_path / "groups.csv")
    press(page, "Show my table")
    page.get_by_text("wrong.npy is a torch file, which the page does not take").wait_for()
    assert len(said(page, "message")) == 1
    choose(page, 0, tmp_path / "mine.npy")
    press(page, "Show my table")
    page.get_by_text("mine.npy: 24 entities, 3 concepts, 6 dimensions").wait_for()
    assert page.locator("#own-said b").count() == 0  # names are text
    assert said(page, "message") == []
    assert wrong == []


@pytest.mark.parametrize(
    "query", ["?K=1e9", "?seed=%00%ff", "?preset=zz", "?K=5&K=6", "?lambda=nan", "?" + "a" * 3000]
)
def test_an_odd_address_is_one_sentence_on_a_page_that_works(visit, query):
    page, _, wrong = visit(query)
    assert len(said(page, "message")) == 1
    press(page, "Step")
    page.wait_for_function("location.search.includes('epoch=')")
    assert wrong == []


def test_keys_play_pause_and_choose(visit):
    page, _, _ = visit()
    page.keyboard.press("3")
    page.get_by_text("rare words stay near the middle").wait_for()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Pause", exact=True).wait_for()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Play", exact=True).wait_for()


def focused(page):
    """What has the focus, inside whatever shadow: its tag, its name and the width of its outline."""
    return page.evaluate(
        """() => {
            let at = document.activeElement
            while (at.shadowRoot && at.shadowRoot.activeElement) at = at.shadowRoot.activeElement
            const name = at.getAttribute("aria-label") || (at.labels && at.labels[0] || at).textContent
            return [at.tagName, at.getAttribute("role"), name.trim(), getComputedStyle(at).outlineWidth]
        }"""
    )


def test_every_control_is_reached_by_tab_has_a_name_and_shows_that_it_has_the_focus(visit):
    page, _, _ = visit()
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(focused(page))
    controls = [r for r in reached if r[0] in ("BUTTON", "SELECT", "INPUT", "SUMMARY") or r[1] == "slider"]
    names = [name for _, _, name, _ in controls]
    for wanted in ("Zipf exponent", "concepts n_c", "classes K", "lazy decay", "seed", "speed", "Play"):
        assert wanted in names
    assert "" not in names
    assert {width for *_, width in controls} == {"3px"}


def test_a_slider_moves_by_the_keyboard(visit):
    page, _, wrong = visit()
    for _ in range(40):
        page.keyboard.press("Tab")
        if focused(page)[2] == "Zipf exponent":
            break
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    page.get_by_text("rare words stay near the middle").wait_for()  # figure 4b's settings
    assert wrong == []


def test_the_page_under_another_name_is_one_sentence(browser, address):
    page = browser.new_page(extra_http_headers={})
    found = page.request.get(address, headers={"Host": "evil.example"})
    assert found.status == 403
    assert found.text().count("\n") == 1
    page.close()


def test_the_page_fits_a_phone_held_sideways(visit):
    page, _, _ = visit(size=(844, 390))
    assert page.evaluate("document.documentElement.scrollWidth") <= 844
    for name in ("Play", "Step", "Certified minimiser"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box["y"] + box["height"] < 120 and box["height"] >= 24


def test_a_tab_that_is_closed_while_it_plays_leaves_the_others_alone(visit):
    first, _, _ = visit()
    second, _, wrong = visit()
    press(first, "Play")
    first.wait_for_timeout(500)
    first.close()
    press(second, "Step")
    second.wait_for_function("location.search.includes('epoch=')")
    assert wrong == []


def test_a_page_of_another_site_gets_no_connection(visit, address):
    page, _, _ = visit()
    page.route("http://site.example/", lambda route: route.fulfill(body="<h1>elsewhere</h1>"))
    page.goto("http://site.example/")
    opened = page.evaluate(
        """(address) => new Promise((done) => {
            const socket = new WebSocket(address.replace("http", "ws") + "ws", ["bokeh", "x"])
            socket.onopen = () => done("open"); socket.onerror = () => done("refused")
        })""",
        address,
    )
    assert opened == "refused"
