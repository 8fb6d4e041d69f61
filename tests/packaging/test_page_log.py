"""The page keeps a log where one is asked for, and `monitor` reads it: no sound, no names, the numbers of Python."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import DESK, PHONE, check_page, needs_browser, opened_page, wait_until
from scipy.io import wavfile
from serving import serving

import sentio_mobile
from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.inference.log import LogRow
from sentio_mobile.monitoring.log import read_log
from sentio_mobile.packaging.server import Server, read_headers

WEB = ROOT / "web"
VITE = WEB / "node_modules" / ".bin" / "vite"

pytestmark = [
    needs_browser,
    pytest.mark.slow,
    pytest.mark.skipif(not VITE.exists() or not shutil.which("node"), reason="needs node, and `npm ci` in web/"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page as it is now, with the model that it comes with."""
    page = tmp_path_factory.mktemp("page")
    command = [str(VITE), "build", "--outDir", str(page), "--emptyOutDir"]
    built = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    with serving(Server(page, WEB / "public" / "sentio", read_headers(WEB), port=0)) as server:
        yield server.url


@pytest.fixture(scope="module")
def songs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("songs")
    for i in range(2):
        tone = 12_000 / (1 + i) * np.sin(np.arange(22_050 * 6) * (0.05 + 0.1 * i))
        wavfile.write(folder / f"secret song {i}.wav", 22_050, tone.astype(np.int16))
    return sorted(folder.iterdir())


def hear(page: Any, song: Path) -> None:
    page.set_input_files("#file", song)
    wait_until(page, f"document.querySelector('#song').textContent.includes({json.dumps(song.name)})", 60)
    wait_until(page, "document.querySelector('#work').hidden && !document.querySelector('#over-time').hidden", 60)


def loaded(page: Any) -> None:
    wait_until(page, "!document.querySelector('#model-note').textContent.startsWith('Loading')", 60)


def test_nothing_is_kept_until_somebody_asks_and_the_log_goes_to_monitor(
    url: str, songs: list[Path], tmp_path: Path
) -> None:
    log = tmp_path / "log.jsonl"
    with opened_page(url) as page:
        loaded(page)
        assert not page.is_checked("#log-keep")
        hear(page, songs[0])
        assert page.evaluate("indexedDB.databases().then((all) => all.map((one) => one.name))") == ["sentio library"]
        assert not page.is_visible("#log-save")
        page.check("#log-keep")
        for song in songs:
            hear(page, song)
        page.reload()
        loaded(page)
        assert page.is_checked("#log-keep")
        wait_until(page, "document.querySelector('#log-state').textContent.startsWith('2 answers kept')")
        with page.expect_download() as download:
            page.click("#log-save")
        download.value.save_as(log)
        page.uncheck("#log-keep")
        hear(page, songs[0])
        assert page.inner_text("#log-state") == "2 answers kept on this device. Nothing is added to it now."
        page.click("#log-forget")
        wait_until(page, "document.querySelector('#log-state').textContent === ''")
        assert not page.is_visible("#log-save")

    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert "secret" not in log.read_text()
    assert all(set(row) == set(LogRow.__struct_fields__) for row in rows)
    assert [row["song"] for row in rows] == [sha256(song)[:32] for song in songs]
    predictor = sentio_mobile.load(WEB / "public" / "sentio", form="waveform")
    for row, song in zip(rows, songs, strict=True):
        expected = predictor.predict(song)
        assert abs(row["valence"] - expected.valence) < 0.02
        assert abs(row["arousal"] - expected.arousal) < 0.02
        assert row["input_level"] == pytest.approx(expected.level_db, abs=0.1)
        assert (row["start"], row["end"]) == (0, 6)
    found = read_log([log])
    assert (len(found), found.inputs, found.songs) == (2, ("input_level",), tuple(row["song"] for row in rows))
    manifest = json.loads((WEB / "public" / "sentio" / "manifest.json").read_text())
    trimmed = manifest.get("trimmed_from")
    identity = trimmed["manifest_sha256"] if trimmed else sha256(WEB / "public" / "sentio" / "manifest.json")
    assert {row["model_sha256"] for row in rows} == {identity}


@pytest.mark.parametrize(("name", "size", "scheme"), [("phone", PHONE, "dark"), ("desk", DESK, "light")])
def test_the_switch_can_be_used_by_everybody(url: str, name: str, size: tuple[int, int], scheme: str) -> None:
    with opened_page(url, size, scheme) as page:
        loaded(page)
        page.check("#log-keep")
        check_page(page, f"log-{name}")
