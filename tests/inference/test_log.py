"""The log that `predict` adds to is what `monitor` reads: dates, songs, values, intervals, levels and the model."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile
from support import Refused, Sentio

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.audio.decode import level_db
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.log import LogFile
from sentio_mobile.inference.opening import ModelChoice
from sentio_mobile.inference.part_file import PartFile, PartSettings, key_of
from sentio_mobile.inference.songs import SongPredictions
from sentio_mobile.monitoring.log import read_log

BUNDLE = ROOT / "models" / "default"


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    folder.mkdir()
    for i in range(3):
        tone = 9000 * (i + 1) / 3 * np.sin(np.arange(44_100) * (0.05 + 0.1 * i))
        wavfile.write(folder / f"song {i}.wav", 22_050, tone.astype(np.int16))
    return folder


def rows_of(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_level_is_the_root_mean_square_of_full_scale() -> None:
    tone = np.sin(np.arange(22_050, dtype=np.float32) * 0.3)
    assert level_db(tone) == pytest.approx(10 * math.log10(0.5), abs=0.01)
    assert level_db(0.1 * tone) == pytest.approx(10 * math.log10(0.5) - 20, abs=0.01)
    assert level_db(np.ones(10, np.float32)) == pytest.approx(0)
    assert level_db(np.zeros(10, np.float32)) == level_db(np.zeros(0, np.float32)) == -100


def test_a_log_goes_to_monitors_reader_and_says_which_model_it_was(sentio: Sentio, music: Path, tmp_path: Path) -> None:
    log, out = tmp_path / "log" / "predictions.jsonl", tmp_path / "out.json"
    (music / "broken.mp3").write_bytes(b"no music")
    before = datetime.now(UTC)
    result = sentio("predict", BUNDLE, music, "--log", log, "--out", out)
    assert result.exit_code == 1, result.output
    # One more day is added to what is there.
    assert sentio("predict", BUNDLE, music / "song 0.wav", "--log", log).exit_code == 0
    rows = rows_of(log)
    assert [row["song"] for row in rows] == [
        str(music / name) for name in ("broken.mp3", "song 0.wav", "song 1.wav", "song 2.wav", "song 0.wav")
    ]
    predicted = json.loads(out.read_text())
    for row, one in zip(rows[1:4], predicted, strict=True):
        assert all(row[name] == one[name] for name in ("song", "start", "end", "valence", "arousal", "silent"))
    assert {row["model_sha256"] for row in rows} == {sha256(BUNDLE / "manifest.json")}
    assert {row["model"] for row in rows} == {"default 1"}
    for row in rows:
        assert str(row["date"]).endswith("Z")
        assert -2 < (datetime.fromisoformat(str(row["date"])) - before).total_seconds() < 120
    found = read_log([log])
    assert found.inputs == ("input_level",)
    assert len(found) == 4
    assert len(found.left_out) == 1
    assert set(found.days) == {before.date().toordinal(), datetime.now(UTC).date().toordinal()}
    levels = found.values[:, 2]
    assert np.diff(levels[:3]).min() > 2
    assert levels[2] == pytest.approx(20 * math.log10(9000 / 32768 / math.sqrt(2)), abs=0.05)
    assert found.songs[0] == str(music / "song 0.wav")


@pytest.mark.parametrize("names", ["name", "hash"])
def test_no_path_is_written_where_none_is_wanted(sentio: Sentio, music: Path, tmp_path: Path, names: str) -> None:
    log = tmp_path / "log.jsonl"
    assert sentio("predict", BUNDLE, music, "--log", log, "--log-songs", names).exit_code == 0
    assert str(tmp_path) not in log.read_text()
    songs = [row["song"] for row in rows_of(log)]
    expected = [f"song {i}.wav" for i in range(3)]
    assert songs == (expected if names == "name" else [sha256(music / name)[:32] for name in expected])
    assert ("song 0" in log.read_text()) == (names == "name")


def test_monitor_sees_in_the_log_that_the_sound_became_quieter(sentio: Sentio, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name, level in (("before", -14.0), ("now", -34.0)):
        with LogFile(tmp_path / f"{name}.jsonl", model="m", model_sha256=sha256(BUNDLE / "manifest.json")) as file:
            for i in range(120):
                valence, arousal = rng.uniform(-0.8, 0.8, 2).tolist()
                emotion = Emotion(
                    song="", valence=valence, arousal=arousal, start=0, end=30, level_db=level + float(rng.normal(0, 2))
                )
                file.add(SongPredictions(Path(f"song {i}.wav"), (emotion,)))
    given = ["monitor", tmp_path / "now.jsonl", "--bundle", BUNDLE, "--reference", tmp_path / "before.jsonl"]
    result = sentio(*given, "--json")
    assert result.exit_code == 1, result.output
    (week,) = json.loads(result.stdout)["weeks"]
    assert [one["quantity"] for one in week["drift"] if one["drifted"]] == ["input_level"]


def test_what_a_killed_run_cut_off_is_removed(music: Path, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    song = SongPredictions(music / "song 0.wav", fault="broken")
    for _ in range(2):
        with LogFile(log, model="m", model_sha256="0" * 64) as file:
            file.add(song)
        with log.open("a") as torn:
            torn.write('{"date": "2026-')
    with LogFile(log, model="m", model_sha256="0" * 64):
        pass
    assert len(rows_of(log)) == 2
    assert log.read_bytes().endswith(b"}\n")


def test_what_is_no_log_is_left_alone(refused: Refused, sentio: Sentio, music: Path, tmp_path: Path) -> None:
    other = tmp_path / "mine.jsonl"
    other.write_text('{"mine": 1}\nand a line without an end')
    song = music / "song 0.wav"
    refused("holds something else than a log", "predict", BUNDLE, song, "--log", other)
    assert other.read_text().endswith("without an end")
    refused("ends with .jsonl", "predict", BUNDLE, song, "--log", tmp_path / "log.csv")
    refused("is a folder", "predict", BUNDLE, song, "--log", _folder(tmp_path / "log.jsonl"))
    (tmp_path / "link.jsonl").symlink_to(other)
    other.unlink()
    refused("cannot write", "predict", BUNDLE, song, "--log", tmp_path / "link.jsonl")
    assert sentio("predict", song, "--log-songs", "name").exit_code == 2


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_songs_of_a_stopped_run_are_logged_once(sentio: Sentio, music: Path, tmp_path: Path) -> None:
    """The second run finds the first one's part file, and adds only what that did not predict."""
    log, out = tmp_path / "log.jsonl", tmp_path / "out.csv"
    (music / "song 2.wav").rename(tmp_path / "later.wav")
    songs = [music / "song 0.wav", music / "song 1.wav", tmp_path / "later.wav"]
    model = ModelChoice(folder=BUNDLE)
    predictor = model.open()
    settings = PartSettings(model=model.sha256, format="onnx", form=None, precision=None, every=None)
    with PartFile(out, settings) as part:
        key = key_of(songs[0])
        assert key
        part.add(key, (predictor.predict(songs[0]),))
    assert sentio("predict", BUNDLE, *songs, "--log", log, "--out", out).exit_code == 0
    assert [row["song"] for row in rows_of(log)] == list(map(str, songs[1:]))
