"""A folder that takes another's place leaves nothing of it behind, and nothing is read that only looks like a file."""

import os
from pathlib import Path

import pytest

from sentio_mobile._internal.files import is_file, new_folder, open_to_append, read_file, sha256, write_text
from sentio_mobile.errors import DataError, OutputError


def place_of(kind: str, folder: Path) -> Path:
    place = folder / "place"
    if kind == "folder":
        place.mkdir()
        (place / "old").touch()
    elif kind == "file":
        place.write_text("old")
    elif kind == "link":
        (folder / "elsewhere").mkdir()
        (folder / "elsewhere" / "kept").touch()
        place.symlink_to(folder / "elsewhere")
    else:
        place.symlink_to(folder / "nowhere")
    return place


@pytest.mark.parametrize("kind", ["folder", "file", "link", "link to nothing"])
def test_what_stood_there_is_replaced_and_gone(kind: str, tmp_path: Path) -> None:
    place = place_of(kind, tmp_path)
    with new_folder(place, overwrite=True) as folder:
        (folder / "new").touch()
    assert [path.name for path in place.iterdir()] == ["new"]
    assert not place.is_symlink()
    left = {path.name for path in tmp_path.iterdir()}
    assert left == ({"place", "elsewhere"} if kind == "link" else {"place"})
    assert kind != "link" or (tmp_path / "elsewhere" / "kept").exists()


def test_a_block_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    place = place_of("folder", tmp_path)
    with pytest.raises(RuntimeError), new_folder(place, overwrite=True):
        raise RuntimeError
    with pytest.raises(OutputError), new_folder(place):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["place"]
    assert [path.name for path in place.iterdir()] == ["old"]


def no_file(kind: str, folder: Path) -> Path:
    place = folder / "place"
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "link to a pipe":
        os.mkfifo(folder / "pipe")
        place.symlink_to(folder / "pipe")
    elif kind == "loop of links":
        place.symlink_to(folder / "other")
        (folder / "other").symlink_to(place)
    elif kind == "device":
        place = Path("/dev/zero")
    elif kind == "long name":
        place = folder / ("n" * 300)
    elif kind == "zero byte":
        place = folder / "a\0b"
    elif kind == "surrogate":
        place = folder / "a\ud800b"
    return place


NO_FILES = (
    *("missing", "folder", "pipe", "link to a pipe", "loop of links"),
    *("device", "long name", "zero byte", "surrogate"),
)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_one_error(kind: str, tmp_path: Path) -> None:
    place = no_file(kind, tmp_path)
    with pytest.raises(DataError, match="cannot read"):
        read_file(place, 100, DataError)
    with pytest.raises(OSError, match=r"."):
        sha256(place)
    assert not is_file(place)


@pytest.mark.parametrize("kind", [kind for kind in NO_FILES if kind != "missing"])
def test_what_is_no_file_is_not_appended_to(kind: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"."):
        open_to_append(no_file(kind, tmp_path))


def test_link_is_read_and_never_appended_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link", 4) == b"kept"
    with pytest.raises(DataError, match="has 4 bytes, more than the 3 that are read"):
        read_file(tmp_path / "link", 3, DataError)
    with pytest.raises(OSError, match=r"."):
        open_to_append(tmp_path / "link")
    with open_to_append(tmp_path / "file") as file:
        file.write(b" and grown")
    assert (tmp_path / "file").read_text() == "kept and grown"


def test_text_that_is_no_utf8_is_written_escaped(tmp_path: Path) -> None:
    write_text(tmp_path / "page.html", "a\udcffb\ud800")
    assert (tmp_path / "page.html").read_text() == r"a\udcffb\ud800"
