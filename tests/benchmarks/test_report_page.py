"""The report in a browser: on a phone and on a desk, light and dark, without errors, for who cannot see it too.

With SENTIO_SCREENSHOTS=FOLDER the pages are kept as pictures.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile.benchmarks.gates import check_phone, load_budgets
from sentio_mobile.benchmarks.phones import Device, PhoneBenchmark, PhoneRuns
from sentio_mobile.benchmarks.report import write_report
from sentio_mobile.benchmarks.results import ArtifactBenchmark, Benchmark, PeerComparison, PeerRow
from sentio_mobile.benchmarks.roofs import Roofline, Roofs, roof_point
from sentio_mobile.bundle.bundle import Bundle
from sentio_mobile.bundle.verify import Verification
from sentio_mobile.metrics.bootstrap import Interval

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed; pip install '.[dev]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed; pip install '.[dev]'")

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or ""
PHONE, DESK = (390, 844), (1440, 900)
LONG = "Galaxy A54 5G with a long name"
ROOFS = Roofs(gflops=100, gigabytes=20)
MAX_HEIGHT = 7000
"""CSS pixels of the page on a phone, as it opens."""

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no chromium; install it, or set CHROMIUM")


@pytest.fixture(scope="module")
def page_file(
    bundle: Bundle, verification: Verification, measured: Benchmark, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A report on sixteen files with a gate left open, phones, other networks and the machine's roofs."""
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
    timed = [one for one in files if one.latency is not None and one.form == "spectrogram"]
    found = (phone("Pixel 8", 0.0), phone(LONG, 0.01))
    limits = [gate for one in found for gate in check_phone(one, load_budgets())]
    many = replace(
        measured,
        measured=tuple(files),
        gates=(measured.gates[0], *gates, *limits),
        load=0.43,
        max_load=0.1,
        phones=found,
        peers=PeerComparison(
            base="onnx spectrogram fp32", form="spectrogram", threads=1, runs=100, rows=tuple(peer_rows(timed))
        ),
        roofline=Roofline(
            roofs=ROOFS,
            multiply_accumulates=417_000_000,
            points=tuple(
                roof_point(one.label, 417_000_000, size=one.size, milliseconds=one.latency.p50_ms, roofs=ROOFS)
                for one in timed
                if one.latency is not None
            ),
        ),
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    write_report(path, bundle, replace(verification, results=results), many)
    return path


def phone(model: str, slope: float) -> PhoneBenchmark:
    """Runs of two artifacts on a phone, each so much slower than the one before."""
    runs = [
        PhoneRuns(
            artifact=artifact,
            files={"model.tflite": "0" * 64},
            runs_on="TensorFlow Lite, 1 thread",
            warm_up=3,
            milliseconds=tuple(base * (1 + slope * i) * (1 + 0.02 * (i * 7 % 5)) for i in range(100)),
            load_ms=41.5,
            golden_max_diff=diff,
            peak_memory_bytes=143_000_000,
        )
        for artifact, base, diff in (("tflite waveform int8", 21.0, 3e-3), ("tflite waveform fp32", 47.0, None))
    ]
    return PhoneBenchmark(
        schema=1,
        tool="the Android demo",
        model="emotion 1",
        device=Device(kind="phone", maker="Google", model=model, system="Android 16"),
        measured_at="2026-11-30T12:00:00Z",
        measured=tuple(runs),
        passed_over=("tflite waveform int8 on the GPU: its delegate cannot run it",),
    )


def peer_rows(timed: Sequence[ArtifactBenchmark]) -> Iterator[PeerRow]:
    """The bundle's files and two peers, one of which could not be converted."""
    for own, name, factor in ((True, "mobilevit", 1.0), (False, "mobilenetv4_conv_small", 0.71)):
        for one in timed:
            if one.format == "torchscript":
                continue
            ratio = factor * (0.6 if one.precision == "int8" else 1)
            yield PeerRow(
                name=name,
                own=own,
                format=one.format,
                precision=one.precision,
                parameters=7_330_000 if own else 2_490_000,
                multiply_accumulates=417_000_000 if own else 103_000_000,
                size=one.size,
                latency=one.latency,
                ratio=Interval(ratio, 0.97 * ratio, 1.04 * ratio),
                ccc=Interval(0.63, 0.59, 0.67) if own else None,
            )
    yield PeerRow(
        name="fastvit_t8",
        own=False,
        format="tflite",
        precision="int8",
        parameters=3_260_000,
        multiply_accumulates=690_000_000,
        reason="its conversion failed: the layer stages.3.token_mixer has no counterpart",
    )


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
    assert size == DESK or height < MAX_HEIGHT
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
    if size == DESK:
        cut = "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth)"
        assert page.evaluate(f"{cut}.map((one) => one.ariaLabel)") == []
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
    roofline = page.locator("#roofline ~ .overview .on-desk")
    assert roofline.locator("polyline.roof").count() == 1
    drawn = roofline.locator(".point > text").all_text_contents()
    assert sorted(text.split(",")[0] for text in drawn) == sorted(
        f"{name} {precision}" for name in ("onnx", "tflite", "torchscript") for precision in ("int8", "fp32")
    )
    peers = page.get_by_role("region", name="Peers").locator("tbody tr")
    assert peers.count() == 9
    assert "its conversion failed" in peers.last.inner_text()
    phones = page.locator("#phones ~ details.wide")
    assert phones.locator("summary").all_inner_texts() == [
        "Google Pixel 8, Android 16: tflite waveform int8 in 22.7 ms (p90)",
        f"Google {LONG}, Android 16: tflite waveform int8 in 41.3 ms (p90), slowed down",
    ]
    assert [part.locator(".open").count() for part in phones.all()] == [0, 2]
    page.close()
