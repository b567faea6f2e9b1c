"""The two pictures of the explorer in the docs, taken in Chromium.

    python docs/_ext/explorer_pictures.py

starts `feature-collapse explore` on a free port and writes `docs/images/explorer-*.png`; a minute. Needs the
extras explore and docs, and Chromium.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PICTURES = {  # name: address, size of the window
    "explorer-4b": ("preset=4b&epoch=300", (1280, 800)),
    "explorer-third-phone": ("preset=third&epoch=300", (844, 390)),
}


def main() -> None:
    """Take them."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    command = [sys.executable, "-m", "feature_collapse", "explore", "--no-browser", "--port", "0"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        address = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for name, (query, (width, height)) in PICTURES.items():
                page = browser.new_page(viewport={"width": width, "height": height})
                page.set_default_timeout(120_000)
                page.goto(f"{address}?{query}")
                page.wait_for_selector("body[data-ready=yes]")
                page.wait_for_function("location.search.includes('epoch=300')")
                page.get_by_role("button", name="Play", exact=True).wait_for()
                page.keyboard.press("m")
                page.get_by_text("Crosses, the certified minimiser").wait_for()
                page.wait_for_timeout(1000)  # until it is drawn
                page.screenshot(path=ROOT / "docs" / "images" / f"{name}.png")
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


if __name__ == "__main__":
    main()
