"""Make the README's picture of a report: its first screen in Chromium.

    python benchmarks/research/report_picture.py runs/quickstart/report.html docs/images/report.png

Needs playwright (`pip install -e '.[dev]'`) and Chromium on the PATH, or the variable CHROMIUM.
"""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

WIDTH, HEIGHT = 1080, 840
"""CSS pixels: decision, three figures and the chart."""


def draw(report: Path, out: Path) -> None:
    """Write the first screen of a report as a PNG."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(report.resolve().as_uri())
        page.screenshot(path=out)
        browser.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="The report.html of a run.")
    parser.add_argument("out", type=Path, help="The .png file.")
    options = parser.parse_args(arguments)
    draw(options.report, options.out)


if __name__ == "__main__":
    main()
