"""A disk that fills up under a later stage: one line, nothing half-written, and the same command goes on with room."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import Sentio

from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings

from .conftest import Commands, remount

OTHER = "of somebody else"


def fill(disk: Path, room: int) -> None:
    """Leave so many bytes on a disk of one megabyte."""
    (disk / OTHER).write_bytes(b"x" * (2**20 - room))


def refused_for_room(sentio: Sentio, disk: Path, command: list[object]) -> None:
    """Give a command that finds no room: one line, and nothing of it that looks finished."""
    result = sentio(*command)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    assert result.stderr.count("Error: ") == 1, result.stderr
    assert "No space left on device; make room or choose another place" in result.stderr.splitlines()[-1]
    left = [path.name for path in disk.rglob("*") if path.is_file() and path.name != OTHER]
    # The log of a training that was begun stays, and what it was begun with.
    assert not [name for name in left if name.endswith((".ckpt", ".part", ".safetensors", ".onnx"))], left


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "distill"])
def test_training_on_a_full_disk_goes_on_when_there_is_room(
    name: str, command: Commands, small_disk: Path, sentio: Sentio
) -> None:
    fill(small_disk, 40_000)
    given = command(name, small_disk / "out")
    refused_for_room(sentio, small_disk, given)
    assert not (small_disk / "out").exists()
    remount(small_disk, "size=100m")
    assert sentio(*given).exit_code == 0
    assert Checkpoint.load(small_disk / "out").history
    assert sorted(path.name for path in small_disk.iterdir()) == [OTHER, "out"]


@pytest.mark.usefixtures("loudness_encoder")
def test_embed_on_a_full_disk_leaves_nothing_and_goes_on(
    data: PreparedData, deam: Path, small_disk: Path, sentio: Sentio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    fill(small_disk, 4096)
    out = small_disk / "embeddings.safetensors"
    given = ["teacher", "embed", "--data", data.folder, "--music", deam, "--encoder", "loudness", "--workers", 1]
    refused_for_room(sentio, small_disk, [*given, "--out", out])
    assert [path.name for path in small_disk.iterdir()] == [OTHER]
    remount(small_disk, "size=100m")
    assert sentio(*given, "--out", out).exit_code == 0
    assert len(read_clip_embeddings(out).checksums) == sum(len(split.windows) for split in data.splits.values())
    assert sorted(path.name for path in small_disk.iterdir()) == [out.name, OTHER]


@pytest.mark.exhaustive
def test_run_on_a_full_disk_goes_on_when_there_is_room(command: Commands, small_disk: Path, sentio: Sentio) -> None:
    given = command("run", small_disk / "out")
    refused_for_room(sentio, small_disk, given)
    assert [path.relative_to(small_disk / "out").as_posix() for path in (small_disk / "out").rglob("*")] == ["run.json"]
    remount(small_disk, "size=400m")
    result = sentio(*given)
    # 1 is the report's verdict on a student of one epoch.
    assert result.exit_code in (0, 1), result.output
    assert (small_disk / "out" / "bundle" / "manifest.json").is_file()
    assert [path.name for path in small_disk.iterdir()] == ["out"]
