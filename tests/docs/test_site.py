"""The built site in a real browser: offline, searchable, with formulas, on a desktop and on a phone.

Skipped where `make docs` has not been run, and, the browser's tests, where Chromium or playwright is missing.
"""

import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import feature_collapse

SITE = Path(__file__).parents[2] / "docs" / "_build" / "html"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PAGES = (
    "index",
    "statements",
    "reference/solve",
    "auto_gallery/index",
    "auto_gallery/plot_03_layernorm",
    "notebooks/the-paper-in-20-minutes",
    "teach",
    "beyond-the-paper",
)
OUTSIDE = (
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(?:https?:)?//|"""
    r"""<link\b[^>]*\bhref=["']?(?:https?:)?//"""
)

pytestmark = pytest.mark.skipif(not (SITE / "index.html").exists(), reason="the site is not built: make docs")


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(SITE))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


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
    """Open a page at a width: the page, the addresses asked for, and what went wrong."""
    contexts = []

    def opened(path, width=1280):
        context = browser.new_context(viewport={"width": width, "height": 900})
        contexts.append(context)
        page, asked, wrong = context.new_page(), [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("requestfailed", lambda request: wrong.append(request.url))
        page.on("console", lambda said: said.type == "error" and wrong.append(said.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(f"{address}/{path}", wait_until="load")
        return page, asked, wrong

    yield opened
    for context in contexts:
        context.close()


def test_the_site_is_below_60_megabytes():
    assert sum(p.stat().st_size for p in SITE.rglob("*") if p.is_file()) < 60e6


def test_no_page_names_a_script_style_or_picture_of_another_machine():
    found = [p.name for p in SITE.rglob("*.html") if re.search(OUTSIDE, p.read_text(encoding="utf-8"))]
    assert found == []


def test_every_figure_is_a_picture():
    found = [p.name for p in SITE.rglob("*.html") if "&lt;Figure size" in p.read_text(encoding="utf-8")]
    assert found == []
    assert (SITE / "teach.html").read_text(encoding="utf-8").count("<img alt=") >= 5


def test_the_look_for_outside_addresses_sees_one():
    assert re.search(OUTSIDE, '<script src="https://cdn.jsdelivr.net/npm/mathjax@4/tex.js"></script>')
    assert not re.search(OUTSIDE, '<a href="https://arxiv.org/abs/2305.16162"><img src="_images/a.png"></a>')


@pytest.mark.parametrize("name", feature_collapse.__all__)
def test_every_public_name_has_a_page_with_example_source_theorem_and_tests(name):
    page = (SITE / "reference" / f"{name}.html").read_text(encoding="utf-8")
    text = re.sub(r"<[^>]+>", "", page).replace("&gt;", ">")
    for part in (">>> ", f"from feature_collapse import {name}", "[source]", "Rests on", "tests/", "src/"):
        assert part in text, part


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_asks_nothing_of_other_machines_and_fits_the_screen(visit, address, path, width):
    page, asked, wrong = visit(f"{path}.html", width)
    page.wait_for_load_state("networkidle")
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert wrong == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_request_that_leaves_the_machine_would_be_seen(visit, address):
    page, asked, _ = visit("index.html")
    page.route("**/*", lambda route: route.abort())
    page.evaluate("new Image().src = 'http://192.0.2.1/x.png'")
    page.wait_for_timeout(200)
    assert [url for url in asked if not url.startswith(address)] == ["http://192.0.2.1/x.png"]


def test_formulas_are_set_and_not_left_as_source(visit):
    page, _, _ = visit("statements.html")
    page.wait_for_selector("mjx-container svg")
    assert page.locator("mjx-container").count() > 40
    assert page.locator("mjx-container [data-mml-node=merror]").count() == 0
    assert r"\frac" not in page.locator("article").inner_text()


def test_every_symbol_of_a_numbered_equation_can_be_scrolled_to_on_a_phone(visit):
    page, _, _ = visit("statements.html", 390)
    page.wait_for_selector("mjx-container svg")
    page.wait_for_load_state("networkidle")
    boxes = page.locator("mjx-container[display=true][width=full]")
    assert boxes.count() >= 4
    lefts = boxes.evaluate_all("all => all.map(one => one.getBoundingClientRect().left)")
    assert min(lefts) >= 0


def test_the_paper_map_shows_its_last_column_on_a_wide_screen(visit):
    page, _, _ = visit("paper-map.html", 1280)
    wide = page.locator("article table").evaluate_all(
        "all => all.map(one => one.scrollWidth - one.clientWidth)"
    )
    assert max(wide) <= 1


def test_the_name_of_the_next_page_stays_on_the_screen_of_a_phone(visit):
    page, _, _ = visit("api.html", 390)
    right = page.locator(".prev-next-title").evaluate_all(
        "all => all.map(one => one.getBoundingClientRect().right)"
    )
    assert max(right) <= 390


@pytest.mark.parametrize(
    ("asked_for", "answer"),
    [
        ("duality gap", "glossary|certificates|statements"),
        ("NC1", "metrics|glossary"),
        ("lazy decay", "glossary|proved"),
        ("theorem 2 constants", "statements|paper-map"),
        ("new normaliser", "plot_11_new_normaliser|extending"),
        ("figure 10", "sweeps"),
        ("stops solver gap", "certificates|choose-a-method|Solution"),
        ("sweep kill", "sweeps|plot_12_sweep"),
    ],
)
def test_search_finds(visit, asked_for, answer):
    page, _, wrong = visit(f"search.html?q={asked_for.replace(' ', '+')}")
    page.wait_for_selector("#search-results ul.search li a")
    page.wait_for_function("document.querySelector('#search-results .search-summary')?.innerText.length > 0")
    links = page.locator("#search-results ul.search li > a").evaluate_all("all => all.map(a => a.href)")
    assert any(re.search(answer, link) for link in links[:8]), links[:8]
    assert wrong == []
