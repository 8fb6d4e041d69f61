"""`sentio-mobile predict` as a user meets it: songs, folders, bad files, tables, files and pictures."""

import csv
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from sentio_mobile.cli import main

RATE = 22050


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)], env={"COLUMNS": "300"})


def refused(result: Result, *words: str) -> None:
    """One line on stderr that has these words; status 2."""
    lines = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
    assert result.exit_code == 2, result.output
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0]


def test_a_table_with_the_song_its_values_and_the_scale(bundle: Path, medley: Path) -> None:
    result = predict(bundle, medley)
    assert result.exit_code == 0, result.output
    scale, header, row = result.stdout.splitlines()
    assert "-1 to 1" in scale
    assert header.split() == ["from", "to", "valence", "arousal", "feeling", "song"]
    assert row.endswith(str(medley))
    assert row.split()[:2] == ["0:00", "0:30"]
    prediction = json.loads(predict(bundle, medley, "--json").stdout)[0]
    assert row.split()[2:4] == [f"{prediction['valence']:+.2f}", f"{prediction['arousal']:+.2f}"]


def test_folders_are_searched_in_order_and_hidden_files_passed_over(bundle: Path, library: Path) -> None:
    result = predict(bundle, library, library / "a.ogg", library / "b" / ".5.wav", "--json")
    assert result.exit_code == 0, result.output
    names = ["a.ogg", "b/10.wav", "b/2.flac", "b/.5.wav"]
    predictions = json.loads(result.stdout)
    assert [prediction["song"] for prediction in predictions] == [str(library / name) for name in names]
    assert {(prediction["start"], prediction["end"], prediction["time"]) for prediction in predictions} == {(0, 10, 5)}


def test_a_bad_file_costs_itself_and_the_status_says_so(bundle: Path, library: Path) -> None:
    (library / "b" / "bad.mp3").write_bytes(b"<html>")
    (library / "b" / "void.wav").write_bytes(b"")
    (library / "b" / "phone.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    result = predict(bundle, library, "none.mp3", "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)) == 3
    assert "4 faults" in result.stderr
    for name in ("bad.mp3: is a web page", "void.wav: is empty", "phone.m4a: is an MPEG-4", "none.mp3: no such audio"):
        assert sum(name in line for line in result.stderr.splitlines()) == 1


def test_nothing_but_bad_files_is_an_error(bundle: Path, tmp_path: Path) -> None:
    refused(predict(bundle, "none.mp3"), "none.mp3", "no such audio file")
    (tmp_path / "void").mkdir()
    refused(predict(bundle, tmp_path / "void"), "void", "has no song in it", ".mp3")
    result = predict(bundle, "none.mp3", "nil.wav")
    refused(result, "no song could be predicted")
    assert "none.mp3: no such" in result.stderr
    assert "nil.wav: no such" in result.stderr


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_a_trajectory_is_written_with_times_in_seconds(bundle: Path, medley: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / "new" / f"song.{suffix}"
    result = predict(bundle, medley, "--every", "10", "--out", out)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == f"{out}: 5 predictions"
    shown = json.loads(predict(bundle, medley, "--every", "10", "--json").stdout)
    if suffix == "json":
        assert json.loads(out.read_text()) == shown
        return
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    bounds = ["valence_low", "valence_high", "arousal_low", "arousal_high", "coverage"]
    assert list(rows[0]) == [
        "song",
        "start",
        "end",
        "time",
        "valence",
        "arousal",
        *bounds,
        "quadrant",
        "scale",
        "silent",
    ]
    assert {row["scale"] for row in rows} == {"-1 to 1"}
    for k, (row, prediction) in enumerate(zip(rows, shown, strict=True)):
        assert row["song"] == str(medley)
        assert abs(float(row["start"]) - 10 * k) < 0.024
        assert abs(float(row["time"]) - 10 * k - 15) < 0.024
        assert abs(float(row["end"]) - float(row["start"]) - 30) < 1e-5
        assert float(row["valence"]) == prediction["valence"]
        assert float(row["arousal"]) == prediction["arousal"]


def test_an_older_file_gives_way_and_a_failed_run_leaves_it(bundle: Path, medley: Path, tmp_path: Path) -> None:
    out = tmp_path / "predictions.csv"
    out.write_text("old")
    refused(predict(bundle, "none.mp3", "--out", out), "no such")
    assert out.read_text() == "old"
    assert predict(bundle, medley, "--out", out).exit_code == 0
    assert out.read_text().startswith("song,")
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]


def picture(path: Path) -> NDArray[np.float32]:
    pixels: NDArray[np.float32] = matplotlib.image.imread(path)[..., :3]
    assert pixels.shape[0] > 300
    assert pixels.shape[1] > 300
    assert (pixels == 1).all(axis=2).mean() > 0.5, "the paper is white"
    return pixels


def coloured(pixels: NDArray[np.float32], colour: tuple[int, int, int]) -> NDArray[np.intp]:
    """Rows and columns [points, 2] of the pixels of about this colour."""
    return np.argwhere(np.abs(pixels - np.array(colour) / 255).max(axis=2) < 0.1)


def test_a_trajectory_is_drawn_with_a_line_for_each_value(
    bundle: Path, medley: Path, tmp_path: Path, songs: list[NDArray[np.float32]]
) -> None:
    other = tmp_path / "other.wav"
    soundfile.write(other, np.concatenate(songs[3:6])[: 70 * RATE], RATE)
    for song, name in ((medley, "one.png"), (other, "two.png")):
        assert predict(bundle, song, "--every", "5", "--plot", tmp_path / name).exit_code == 0
    one, two = picture(tmp_path / "one.png"), picture(tmp_path / "two.png")
    for colour in ((0x0B, 0x5C, 0xAD), (0xC2, 0x4A, 0x00)):
        points = coloured(one, colour)
        assert np.ptp(points[:, 1]) > 0.3 * one.shape[1], "from the first window's middle to that of the last"
    assert (one != two).any(axis=2).mean() > 0.005


def test_songs_are_drawn_on_the_plane_and_svg_is_xml(bundle: Path, library: Path, tmp_path: Path) -> None:
    assert predict(bundle, library, "--plot", tmp_path / "all.png").exit_code == 0
    assert predict(bundle, library / "a.ogg", "--plot", tmp_path / "one.PNG").exit_code == 0
    many, few = (coloured(picture(tmp_path / name), (0x48, 0x85, 0xC2)) for name in ("all.png", "one.PNG"))
    assert len(many) > 2 * len(few) > 0
    name = library / "50$ & <b> 音 $x_.ogg"
    (library / "a.ogg").rename(name)
    for options in (["--every", "5"], []):
        assert predict(bundle, name, "--plot", tmp_path / "song.svg", *options).exit_code == 0
        assert ElementTree.parse(tmp_path / "song.svg").getroot().tag.endswith("svg")


def test_wrong_options_are_one_line_before_any_work(bundle: Path, medley: Path, tmp_path: Path) -> None:
    for every in ("0", "-1", "nan", "inf", "0.01"):
        refused(predict(bundle, medley, "--every", every), "give 0.024 s or more")
    assert predict(bundle, medley, "--every", "often").exit_code == 2
    refused(predict(bundle, medley, "--out", "predictions.xls"), "predictions.xls", ".csv, .json")
    refused(predict(bundle, medley, "--plot", "song.bmp"), "song.bmp", ".png, .svg")
    refused(predict(bundle, medley, "--out", tmp_path / "folder.csv" / "x" / ".." / ".."), "unknown file type")
    (tmp_path / "folder.csv").mkdir()
    refused(predict(bundle, medley, "--out", tmp_path / "folder.csv"), "is a folder")
    (tmp_path / "file").write_text("x")
    refused(predict(bundle, medley, "--out", tmp_path / "file" / "a.csv"), "cannot write")
    refused(predict(bundle, medley, medley.parent / "b.wav", "--every", "1", "--plot", "x.png"), "one song, not 2")
    refused(predict(bundle, medley, "--format", "gguf"), "'gguf'", "tflite")
    refused(predict(bundle, medley, "--format", "tflite"), "tflite", "onnx")


def test_forms_agree_on_the_terminal(bundle: Path, medley: Path) -> None:
    predictions = [
        json.loads(predict(bundle, medley, "--form", f, "--json").stdout)[0] for f in ("spectrogram", "waveform")
    ]
    assert abs(predictions[0]["valence"] - predictions[1]["valence"]) < 1e-3
    assert abs(predictions[0]["arousal"] - predictions[1]["arousal"]) < 1e-3
    assert predict(bundle, medley, "--form", "picture").exit_code == 2
