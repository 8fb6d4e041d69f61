"""No room to write, or a place that is read only: one line that says so, and nothing half-written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from support import Refused, Sentio, tree
from torch import nn

from sentio_mobile._internal.files import new_folder, write_bytes
from sentio_mobile.data.journal import Clip, FileState
from sentio_mobile.data.store import open_store
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.errors import OutputError
from sentio_mobile.models.checkpoint import save_weights
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.states import WholeFiles

from .conftest import files_of_at_most, remount

SHORT = AudioSpec(seconds=1.0)


def text(folder: Path) -> None:
    write_bytes(folder / "file", b"x" * 5000)


def folder_of_files(folder: Path) -> None:
    with new_folder(folder / "file") as part:
        # As libraries do, which name no file in their error.
        (part / "weights").write_bytes(b"x" * 5000)


def weights(folder: Path) -> None:
    save_weights(nn.Linear(50, 50), folder / "file")


@pytest.mark.parametrize("write", [text, folder_of_files, weights])
def test_write_without_room_is_one_line_and_leaves_nothing(write: Callable[[Path], None], tmp_path: Path) -> None:
    with files_of_at_most(1000), pytest.raises(OutputError) as refused:
        write(tmp_path)
    assert str(refused.value).startswith(f"cannot write {tmp_path / 'file'}: File too large; raise the limit")
    assert list(tmp_path.iterdir()) == []
    write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_state_of_a_training_without_room_leaves_the_one_before(tmp_path: Path) -> None:
    state = tmp_path / "epoch-00000.ckpt"
    WholeFiles().save_checkpoint({"epoch": 0}, state)
    before = state.read_bytes()
    with files_of_at_most(1000), pytest.raises(OSError, match="File too large"):
        WholeFiles().save_checkpoint({"weights": torch.zeros(1000)}, state)
    assert [path.name for path in tmp_path.iterdir()] == [state.name]
    assert state.read_bytes() == before


def test_store_without_room_keeps_its_records_and_goes_on(tmp_path: Path) -> None:
    mel = np.zeros((SHORT.n_mels, SHORT.n_frames), dtype=np.float32)

    def add(writer: StoreWriter, number: int) -> None:
        clip = Clip(sha256=f"{number:064x}", start=0, seconds=1.0, peak=0.5, clipped=0.0)
        writer.add(clip, FileState(f"/{number}", 1, number, number), mel + number / 10)

    with StoreWriter(tmp_path / "store", SHORT) as writer:
        add(writer, 0)
        with files_of_at_most(int(1.5 * mel.size * 2)), pytest.raises(OutputError, match="what is stored stays"):
            add(writer, 1)
        add(writer, 1)
    store = open_store(tmp_path / "store", SHORT)
    assert list(store.verify_rows(range(2))) == []


def test_store_deleted_in_the_middle_is_noticed(tmp_path: Path) -> None:
    with StoreWriter(tmp_path / "store", SHORT) as writer:
        for path in (tmp_path / "store").iterdir():
            path.unlink()
        (tmp_path / "store").rmdir()
        with pytest.raises(OutputError, match="was deleted while it was being written; give the command again"):
            writer.sync()


def test_full_disk_is_one_line_and_leaves_nothing(small_disk: Path) -> None:
    (small_disk / "other").write_bytes(b"x" * 900_000)
    advice = "No space left on device; make room or choose another place, then give the command again"
    with pytest.raises(OutputError, match=advice):
        write_bytes(small_disk / "file", b"x" * 500_000)
    with pytest.raises(OutputError, match=advice), new_folder(small_disk / "file") as part:
        (part / "weights").write_bytes(b"x" * 500_000)
    assert [path.name for path in small_disk.iterdir()] == ["other"]


def test_read_only_place_is_one_line(small_disk: Path, refused: Refused) -> None:
    remount(small_disk, "ro")
    with pytest.raises(OutputError, match="Read-only file system; choose a folder that you can write to"):
        write_bytes(small_disk / "file", b"x")
    refused("is not a folder that you can write to", "data", "synth", "--songs", 30, "--out", small_disk / "music")


@pytest.mark.exhaustive
def test_prepare_on_a_full_disk_goes_on_when_there_is_room(
    small_disk: Path, deam: Path, sentio: Sentio, tmp_path: Path
) -> None:
    command = ["data", "prepare", deam, "--out", small_disk / "data"]
    result = sentio(*command)
    assert result.exit_code == 2
    assert "No space left on device; make room" in result.stderr.splitlines()[-1]
    remount(small_disk, "size=100m")
    assert sentio(*command).exit_code == 0
    assert sentio(*command[:-1], tmp_path / "whole").exit_code == 0
    assert tree(small_disk / "data") == tree(tmp_path / "whole")
