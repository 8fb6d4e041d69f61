"""The report in a browser: on a phone and on a desk, light and dark, without errors, for who cannot see it too.

With SENTIO_SCREENSHOTS=FOLDER the pages are kept as pictures.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.report import write_report
from sentio_mobile.benchmarks.results import Benchmark
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import Verification

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; pip install '.[dev]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed; pip install '.[dev]'")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
PHONE, DESK = (390, 844), (1440, 900)
MAX_HEIGHT = 5000
"""CSS pixels of the page on a phone, as it opens."""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium; install it, or set CHROMIUM")


@pytest.fixture(scope="module")
def page_file(
    bundle: Bundle, verification: Verification, measured: Benchmark, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A report on sixteen files, one gate of which is left open."""
    first = measured.measured[1]
    assert first.latency is not None
    files, gates = [], []
    for n, name in enumerate(("onnx", "tflite", "torchscript", "coreml")):
        for form in ("spectrogram", "waveform"):
            for precision, share in (("int8", 0.27), ("fp32", 1.0)):
                p90 = 33 * (1 if precision == "fp32" else 0.6) * (1 + 0.2 * n) + 4 * (form == "waveform")
                latency = replace(first.latency, p50_ms=0.9 * p90, p90_ms=p90, p99_ms=1.5 * p90)
                one = replace(first, format=name, form=form, precision=precision, size=int(29.3e6 * share) + 10_000 * n)
                if name == "coreml":
                    files.append(replace(one, latency=None, cold=None, reason="Core ML does not exist on Linux"))
                else:
                    files.append(replace(one, latency=latency))
                gate = replace(measured.gates[-1], target=one.label, verdict="pass", value=p90)
                gates.append(replace(gate, verdict="not measured", value=None) if name == "coreml" else gate)
    gates[1] = replace(gates[1], verdict="inconclusive")
    results = tuple(
        replace(verification.results[1], format=one.format, form=one.form, precision=one.precision) for one in files
    )
    many = replace(measured, measured=tuple(files), gates=(measured.gates[0], *gates), load=0.43, max_load=0.1)
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, bundle, replace(verification, results=results), many)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator["playwright.Browser"]:
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.mark.exhaustive
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["390", "1440"])
def test_report_in_a_browser(
    browser: "playwright.Browser", page_file: Path, size: tuple[int, int], scheme: str
) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(page_file.as_uri())
    height, width = page.evaluate("[document.documentElement.scrollHeight, document.documentElement.scrollWidth]")
    if folder := os.environ.get("SENTIO_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"report-{size[0]}-{scheme}.png")
        page.screenshot(path=Path(folder) / f"report-{size[0]}-{scheme}-whole.png", full_page=True)
    assert width <= size[0], "nothing makes the page scroll sideways"
    assert height < MAX_HEIGHT
    # Decision, three numbers and the chart are there without scrolling, on a desk.
    assert page.locator(".figures > div").count() == 3
    assert page.locator(".overview svg:visible").count() == 1
    if size == DESK:
        assert page.locator(".overview svg:visible").bounding_box()["y"] < size[1]
    found = axe.Axe().run(page)
    serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert not serious, [(one["id"], one["nodes"][0]["html"]) for one in serious]
    # Everything is read when it is open, too.
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = axe.Axe().run(page)
    serious = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    if folder:
        page.screenshot(path=Path(folder) / f"report-{size[0]}-{scheme}-open.png", full_page=True)
    assert not serious, [(one["id"], one["nodes"][0]["html"]) for one in serious]
    page.close()
    assert faults == []


@pytest.mark.exhaustive
def test_report_sorts_and_names_songs(browser: "playwright.Browser", page_file: Path) -> None:
    page = browser.new_page(viewport={"width": DESK[0], "height": DESK[1]})
    page.goto(page_file.as_uri())
    speed = page.locator("details", has_text="Of 100 predictions").locator("table")
    column = "table tbody tr td:nth-child(3)"
    heading = speed.get_by_role("button", name="p90")
    heading.click()
    shown = page.locator("details", has_text="Of 100 predictions").locator(column).all_inner_texts()
    values = [float(text.split()[0]) for text in shown if text.endswith("ms")]
    assert values == sorted(values)
    assert len(values) == 12
    assert page.locator("th[aria-sort=ascending]").count() == 1
    heading.click()
    shown = page.locator("details", has_text="Of 100 predictions").locator(column).all_inner_texts()
    assert [float(text.split()[0]) for text in shown if text.endswith("ms")] == sorted(values, reverse=True)
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    titles = page.locator(".song title").all_text_contents()
    assert any(title.startswith("song-007: label") for title in titles)
    assert "onnx waveform int8: 7.9 MB" in " ".join(page.locator(".point title").all_text_contents())
    page.close()
