"""Songs are found by one list of endings, whichever command looks for them."""

from pathlib import Path

import pytest

from sentio_mobile.audio.find import find_audio
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.sources import read_source
from sentio_mobile.inference.songs import find_songs

NAMES = ("a.m4a", "a.wma", "b.aifc", "c.mp2", "d.MP3", "e.webm", "f/g.opus")


@pytest.fixture
def music(tmp_path: Path) -> Path:
    folder = tmp_path / "music"
    (folder / "f").mkdir(parents=True)
    for name in (*NAMES, "cover.jpg", ".hidden.mp3", "notes.txt"):
        (folder / name).touch()
    return folder


def test_find_audio_takes_every_ending_and_counts_the_others(music: Path) -> None:
    found = find_audio(music)
    assert [path.relative_to(music).as_posix() for path in found.files] == list(NAMES)
    (note,) = found.notes
    assert "2 files are passed over" in note
    assert "1 .jpg" in note
    assert "1 .txt" in note


def test_prepare_and_predict_find_the_same_songs(music: Path) -> None:
    found = list(find_audio(music).files)
    assert [song.path for song in read_source(music, DataRecipe()).songs] == found
    assert list(find_songs([music]).songs) == found
