"""Places of fsspec: files on a disk and in a store, here one in memory."""

import uuid
from pathlib import Path

import pytest

from sentio_mobile.engines.places import Place
from sentio_mobile.errors import AudioError, InputError


@pytest.fixture
def store() -> Place:
    return Place(f"memory://{uuid.uuid4().hex}")


def test_place_gives_back_what_was_written(store: Place, tmp_path: Path) -> None:
    for folder in (store, Place(str(tmp_path / "new")), Place((tmp_path / "other").as_uri())):
        folder.join("b.parquet").write(b"content")
        folder.join("a.parquet").write(b"old")
        folder.join("a.parquet").write(b"new")
        assert folder.names(".parquet") == ["a.parquet", "b.parquet"]
        with folder.join("a.parquet").open() as file:
            assert file.read() == b"new"
        folder.join("b.parquet").remove()
        assert folder.names(".parquet") == ["a.parquet"]
        assert folder.join("nowhere").names(".parquet") == []


def test_place_lists_files_below_but_hidden_ones(store: Place) -> None:
    for name in ("b/2.MP3", "a/1.wav", ".a/3.wav", "a/.4.wav", "a/note.txt"):
        store.join(name).write(b"x")
    assert store.files_below((".wav", ".mp3")) == ["a/1.wav", "b/2.MP3"]


def test_place_gives_a_copy_of_a_file_in_a_store_only(store: Place, tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"sound")
    with Place(str(tmp_path / "song.wav")).local_copy() as path:
        assert path == tmp_path / "song.wav"
    store.join("song.wav").write(b"sound")
    with store.join("song.wav").local_copy() as path:
        assert path.read_bytes() == b"sound"
        assert path.suffix == ".wav"
    assert not path.exists()


def test_place_names_itself_in_a_fault_of_its_copy(store: Place) -> None:
    store.join("song.wav").write(b"no sound")
    with (
        pytest.raises(AudioError, match=f"^{store.url}/song.wav: no sound in it$"),
        store.join("song.wav").local_copy() as path,
    ):
        raise AudioError(f"{path}: no sound in it")


def test_place_state_changes_with_the_content(tmp_path: Path) -> None:
    place = Place(str(tmp_path / "song.wav"))
    place.write(b"sound")
    before = place.state()
    assert place.state() == before
    place.write(b"other")
    assert place.state() != before


@pytest.mark.parametrize("url", ["nosuch://bucket/x", "oss://bucket/x"])
def test_place_of_an_unknown_or_missing_file_system_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(InputError, match=url.split(":")[0]) as fault:
        Place(url).require_known()
    assert "\n" not in str(fault.value)


def test_place_without_its_file_is_an_audio_error(store: Place) -> None:
    with pytest.raises(AudioError, match=r"missing\.wav"):
        store.join("missing.wav").state()
    with pytest.raises(AudioError, match=r"missing\.wav"), store.join("missing.wav").local_copy():
        pass
