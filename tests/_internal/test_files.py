"""A folder that takes another's place leaves nothing of it behind."""

from pathlib import Path

import pytest

from sentio_mobile._internal.files import new_folder
from sentio_mobile.errors import OutputError


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
