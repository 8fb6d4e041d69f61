"""The gallery: every song once, and a page in which songs sort, can be found, and are heard."""

import json
from pathlib import Path

import numpy as np
import pytest
from browsers import DESK, PHONE, check_page, needs_browser, opened_page, wait_until
from click.testing import CliRunner
from scipy.io import wavfile

from sentio_mobile._internal.tables import write_table
from sentio_mobile.cli import main
from sentio_mobile.monitoring.gallery import gallery_songs, write_gallery

COLUMNS = ["song", "valence", "arousal", "valence_low", "valence_high", "arousal_low", "arousal_high", "group"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of 10,000 songs, of which one can be heard; of another the label is on the other side."""
    folder = tmp_path_factory.mktemp("gallery")
    rng = np.random.default_rng(0)
    rows, labels = [], []
    for i, (valence, arousal) in enumerate(rng.uniform(-0.9, 0.9, (10_000, 2))):
        bounds = [max(-1, valence - 0.3), min(1, valence + 0.3), max(-1, arousal - 0.3), min(1, arousal + 0.3)]
        numbers = [f"{one:.4f}" for one in (valence, arousal, *bounds)]
        rows.append([f"song {i:05}", *numbers, f"group {i % 20:02}"])
        labels.append([f"song {i:05}", *(f"{one:.4f}" for one in np.clip((valence + 0.02, arousal), -1, 1))])
    (folder / "music").mkdir()
    wavfile.write(folder / "music" / "it's #1.wav", 8000, (3000 * np.sin(np.arange(16_000) / 5)).astype(np.int16))
    rows[4711] = ["it's #1.wav", "0.80", "0.80", "0.7", "0.9", "0.7", "0.9", "</script><b>"]
    labels[4711] = ["it's #1.wav", "-0.80", "-0.80"]
    write_table(folder / "predictions.csv", COLUMNS, rows)
    write_table(folder / "labels.csv", ["song", "valence", "arousal"], labels)
    made = CliRunner().invoke(
        main,
        [
            *("gallery", str(folder / "predictions.csv"), "--labels", str(folder / "labels.csv")),
            *("--music", str(folder / "music"), "--out", str(folder / "pages" / "gallery.html"), "--json"),
        ],
    )
    assert made.exit_code == 0, made.output
    assert json.loads(made.stdout)["songs"] == json.loads(made.stdout)["labelled"] == 10_000
    return folder / "pages" / "gallery.html"


def test_songs_are_told_once_with_what_is_known_of_them(tmp_path: Path) -> None:
    rows = [
        ["a/b c.mp3", 0.1, 0.2, -0.1, 0.3, 0.0, 0.4, "g"],
        ["a/b c.mp3", 0.3, 0.4, 0.1, 0.5, 0.2, 0.6, "g"],
        ["s3://bucket/x.mp3", 0.5, 0.5, None, None, None, None, ""],
    ]
    write_table(tmp_path / "p.csv", COLUMNS, rows)
    write_table(tmp_path / "l.csv", ["song", "valence_mean", "arousal_mean"], [["a/b c.mp3", 0.9, -0.9]])
    first, second = gallery_songs(
        [tmp_path / "p.csv"], page=tmp_path / "pages" / "x.html", music=tmp_path, labels=tmp_path / "l.csv"
    )
    assert (first.predicted, first.label, first.width, first.group) == ((0.2, 0.3), (0.9, -0.9), 0.2, "")
    assert first.sound == "../a/b%20c.mp3"
    assert (second.sound, second.label, second.width) == (None, None, None)
    write_gallery(tmp_path / "pages" / "x.html", [first, second], "A <title>")
    assert "A &lt;title&gt;" in (tmp_path / "pages" / "x.html").read_text()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("p.csv", "--out", "x.txt"), "give a name that ends with .html"),
        (("bare.csv", "--out", "x.html"), "has no column 'song'"),
        (("p.csv", "--labels", "l.csv", "--out", "x.html"), "none of its songs is in the predictions"),
        (("none.csv", "--out", "x.html"), "cannot read none.csv"),
    ],
)
def test_wrong_input_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_table(Path("p.csv"), ["song", "valence", "arousal"], [["a", 0, 0]])
    write_table(Path("bare.csv"), ["valence", "arousal"], [[0, 0]])
    write_table(Path("l.csv"), ["song", "valence", "arousal"], [["b", 0, 0]])
    wrong = CliRunner().invoke(main, ["gallery", *given])
    assert (wrong.exit_code, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)
    assert said in wrong.stderr
    assert not Path("x.html").exists()


@needs_browser
@pytest.mark.exhaustive
def test_gallery_of_ten_thousand_songs_in_a_browser(page: Path) -> None:
    with opened_page(page.as_uri(), DESK) as opened:
        assert opened.locator("#count").inner_text().startswith("10,000 of 10,000 songs; 10,000 labelled, 0.02")
        first = opened.locator("#songs button").first
        assert "it's #1.wav" in first.inner_text()
        assert "</script><b>" in first.inner_text()
        first.click()
        wait_until(opened, "document.getElementById('sound').currentTime > 0")
        assert opened.locator("#now strong").inner_text() == "it's #1.wav"
        check_page(opened, "gallery-1440-light")
        opened.get_by_role("button", name="Show more").click()
        assert opened.locator("#songs li").count() == 200
        opened.get_by_label("Group").select_option("group 03")
        assert opened.locator("#count").inner_text().startswith("500 of 10,000 songs")
        opened.get_by_label("Group").select_option("")
        opened.get_by_label("Name contains").fill("#1.WAV")
        assert opened.locator("#songs li").count() == 1
        # A click on the plane, where the one song is.
        opened.evaluate("document.getElementById('sound').pause()")
        box = opened.locator("#plane").bounding_box()
        side = box["width"] - 52
        opened.mouse.click(box["x"] + 26 + 0.9 * side, box["y"] + 26 + 0.1 * side)
        wait_until(opened, "!document.getElementById('sound').paused")
        opened.get_by_label("Name contains").fill("")
        opened.get_by_label("Sort by").select_option("width")
        assert "0.30" in opened.locator("#songs button .far").first.inner_text()
        opened.get_by_label("Sort by").select_option("name")
        assert "it's #1.wav" in opened.locator("#songs button").first.inner_text()


@needs_browser
@pytest.mark.exhaustive
def test_gallery_on_a_phone_in_the_dark(page: Path) -> None:
    with opened_page(page.as_uri(), PHONE, "dark") as opened:
        check_page(opened, "gallery-390-dark")
