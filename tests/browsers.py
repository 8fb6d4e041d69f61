"""A browser for pages that the toolkit writes or serves, and what holds for each of them."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
PHONE, DESK = (390, 844), (1440, 900)

needs_browser = pytest.mark.skipif(not CHROMIUM, reason="no chromium; install it, or set CHROMIUM")


@contextmanager
def opened_page(url: str, size: tuple[int, int] = DESK, scheme: str = "light") -> Iterator[Any]:
    """A page in Chromium, so large in CSS pixels. An error or a warning on its console is a fault."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; pip install '.[dev]'")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
        faults: list[str] = []
        page.on(
            "console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None
        )
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(url)
        yield page
        browser.close()
        assert faults == []


def wait_until(page: Any, condition: str, seconds: float = 20) -> None:
    """Wait for a JavaScript condition. Playwright's own way evaluates inside of the page, which our pages forbid."""
    end = time.monotonic() + seconds
    while not page.evaluate(condition):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def check_page(page: Any, name: str = "") -> None:
    """The page does not scroll sideways, and who cannot see it can use it. With SENTIO_SCREENSHOTS it is kept."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    if name and (folder := os.environ.get("SENTIO_SCREENSHOTS")):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    inside, width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert inside <= width
    found = axe.Axe().run(page)
    serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], one["nodes"][0]["html"]) for one in serious]
