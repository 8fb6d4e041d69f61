"""Predictions for folders: kept as they are made, gone on with, by several processes, with notes."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from sentio_mobile.cli import main
from sentio_mobile.errors import OutputError
from sentio_mobile.inference.opening import ModelChoice
from sentio_mobile.inference.part_file import PartFile, PartSettings
from sentio_mobile.inference.predictor import Predictor
from sentio_mobile.inference.songs import find_songs, predict_songs

RATE = 22050


def predict(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["predict", *map(str, arguments)], env={"COLUMNS": "300"})


def settings(every: float | None = None) -> PartSettings:
    return PartSettings(model="0" * 64, format="onnx", form=None, every=every)


def test_a_stopped_run_goes_on_where_it_was(
    bundle: Path, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, part = tmp_path / "out.csv", tmp_path / "out.csv.part"
    whole = predict(bundle, library, "--out", out)
    assert whole.exit_code == 0, whole.output
    rows = out.read_text()
    out.unlink()
    assert not part.exists()
    heard: list[str] = []
    real = Predictor.predict

    def stopping(self: Predictor, song: Path) -> object:
        if len(heard) == 2:
            raise KeyboardInterrupt
        heard.append(song.name)
        return real(self, song)

    monkeypatch.setattr(Predictor, "predict", stopping)
    assert predict(bundle, library, "--out", out).exit_code != 0
    assert not out.exists()
    assert len(part.read_text().splitlines()) == 3
    with part.open("a") as file:
        file.write('{"key": "half a li')
    monkeypatch.setattr(Predictor, "predict", lambda self, song: heard.append(song.name) or real(self, song))
    again = predict(bundle, library, "--out", out)
    assert again.exit_code == 0, again.output
    assert f"going on with {part}" in again.stderr
    assert sorted(heard) == sorted(path.name for path in find_songs([library]).songs)
    assert out.read_text() == rows
    assert not part.exists()


def test_other_settings_and_changed_files_are_predicted_again(library: Path, bundle: Path, tmp_path: Path) -> None:
    predictor, songs = Predictor.open(bundle), find_songs([library]).songs
    out = tmp_path / "out.csv"
    for every, count in ((None, len(songs)), (5.0, 0), (5.0, len(songs))):
        with PartFile(out, settings(every)) as part:
            assert len(part.songs) == (0 if every is None else count)
            predict_songs(predictor, songs, every=every, part=part)
    soundfile.write(songs[0], np.zeros(RATE, dtype=np.float32), RATE)
    with PartFile(out, settings(5.0)) as part:
        assert predict_songs(predictor, songs, every=5.0, part=part).emotions[0].silent
        assert len(part.path.read_text().splitlines()) == len(songs) + 2
    out.with_name("out.csv.part").unlink()
    out.with_name("out.csv.part").symlink_to(songs[0])
    with pytest.raises(OutputError, match=r"out\.csv\.part"):
        PartFile(out, settings())


def test_processes_predict_what_one_predicts(bundle: Path, library: Path) -> None:
    songs = [*find_songs([library]).songs, library / "none.wav"]
    shown: list[Path] = []
    alone = predict_songs(Predictor.open(bundle), songs)
    both = predict_songs(
        Predictor.open(bundle),
        songs,
        model=ModelChoice(folder=bundle),
        workers=2,
        on_song=lambda found: shown.append(found.song),
    )
    assert [one.to_prediction() for one in both.emotions] == [one.to_prediction() for one in alone.emotions]
    assert both.faults == alone.faults
    assert shown == songs


def test_what_cannot_be_heard_is_silent_with_a_note(bundle: Path, tmp_path: Path) -> None:
    noise = (0.3 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    for name, left, right in (("anti", noise, -noise), ("same", noise, noise), ("silence", 0 * noise, 0 * noise)):
        for kind in ("flac", "wav"):
            soundfile.write(tmp_path / f"{name}.{kind}", np.stack([left, right], axis=1), RATE, subtype="PCM_16")
    result = predict(bundle, tmp_path, "--json")
    assert result.exit_code == 0, result.output
    silent = {Path(row["song"]).name: row["silent"] for row in json.loads(result.stdout)}
    assert len(silent) == 6
    assert {name for name in silent if not silent[name]} == {"same.flac", "same.wav"}
    for name, is_silent in silent.items():
        note = f"note: {tmp_path / name}: is silent after mixing down"
        assert (note in result.stderr) == is_silent
    soundfile.write(tmp_path / "pause.wav", np.concatenate([noise, np.zeros(90 * RATE, "f")]), RATE)
    result = predict(bundle, tmp_path / "pause.wav", "--every", "30")
    assert "pause.wav: 2 of its 3 windows are silent" in result.stderr
    assert [line.split()[4] == "silent" for line in result.stdout.splitlines()[2:]] == [False, True, True]


def test_a_cut_song_is_predicted_with_a_note(bundle: Path, medley: Path, tmp_path: Path) -> None:
    content = medley.read_bytes()
    (tmp_path / "cut.wav").write_bytes(content[: len(content) // 2])
    result = predict(bundle, tmp_path / "cut.wav", "--every", "5")
    assert result.exit_code == 0, result.output
    assert "note: " in result.stderr
    assert "cut.wav: ends after 35.0 s" in result.stderr
    assert len(result.stdout.splitlines()) == 2 + 2


def test_what_a_search_passes_over_is_counted_and_links_are_followed(
    bundle: Path, library: Path, tmp_path: Path
) -> None:
    (tmp_path / "links").mkdir()
    for name, target in (("album", library), ("again", library), ("loop", tmp_path / "links"), ("all", Path("/"))):
        (tmp_path / "links" / name).symlink_to(target, target_is_directory=True)
    for name in ("a.jpg", "b.JPG", "c", ".hidden.txt"):
        (tmp_path / "links" / name).touch()
    found = find_songs([tmp_path / "links"])
    assert len(found.songs) == len(find_songs([library]).songs)
    assert all("again" in song.parts for song in found.songs)
    assert len(found.notes) == 2
    assert "4 files are passed over, whose endings are not those of sound: 3 .jpg, 1 without ending" in found.notes[0]
    assert "3 links to folders are not followed" in found.notes[1]
    assert found.notes[1].endswith("album, all, loop")
