"""A place has one writer at a time, and what killed writers left beside it is gone after the next one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sentio_mobile._internal.claims import LOCK, claimed, part_of, sweep
from sentio_mobile._internal.files import new_folder, scratch_folder, write_bytes
from sentio_mobile.errors import OutputError

HOLD = """
import sys
from pathlib import Path
from sentio_mobile._internal.files import new_folder, write_text
with new_folder(Path(sys.argv[1]), overwrite=True) as part:
    write_text(part / "half", "half")
    print("holds", flush=True)
    sys.stdin.readline()
"""


def holder(place: Path) -> "subprocess.Popen[str]":
    """A process that is writing the folder `place`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "holds\n"
    return process


SCRATCH = """
import sys
from sentio_mobile._internal.files import scratch_folder
with scratch_folder() as folder:
    (folder / "file").touch()
    print(folder, flush=True)
    sys.stdin.readline()
"""


def dead_pid() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_new_folder_held_by_another_process_is_refused_and_free_after_it(tmp_path: Path) -> None:
    with holder(tmp_path / "out") as process:
        with pytest.raises(OutputError, match=rf"out: another process \({process.pid}\) is writing there"):
            new_folder(tmp_path / "out").__enter__()
        process.communicate("\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    with new_folder(tmp_path / "out", overwrite=True):
        pass
    assert [path.name for path in tmp_path.rglob("*")] == ["out"]


def test_scratch_folder_of_a_killed_process_goes_with_the_next_one_and_a_living_process_keeps_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "of another program").mkdir()
    command = [sys.executable, "-c", SCRATCH]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as killed,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as living,
    ):
        assert killed.stdout is not None
        assert living.stdout is not None
        folders = [Path(process.stdout.readline().strip()) for process in (killed, living)]
        assert all((folder / "file").exists() for folder in folders)
        killed.kill()
        killed.wait()
        with scratch_folder() as own:
            assert [folder.exists() for folder in (*folders, own)] == [False, True, True]
        living.communicate("\n")
    assert [path.name for path in tmp_path.iterdir()] == ["of another program"]


def test_scratch_folder_without_a_place_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(OutputError, match="cannot make a temporary folder: No such file or directory; set TMPDIR to"):
        scratch_folder().__enter__()


def test_new_folder_after_a_killed_writer_leaves_nothing_of_it(tmp_path: Path) -> None:
    with holder(tmp_path / "out") as process:
        process.kill()
    assert len(list(tmp_path.iterdir())) == 2  # its unfinished folder, and the lock that it no longer holds
    with new_folder(tmp_path / "out") as part:
        (part / "whole").touch()
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/whole"]


def test_new_folder_brings_back_what_a_writer_killed_between_two_renames_had_moved_away(tmp_path: Path) -> None:
    prefix, _ = part_of(tmp_path / "out")
    (tmp_path / f"{prefix}abc.old").mkdir()
    (tmp_path / f"{prefix}abc.old" / "kept").touch()
    with pytest.raises(OutputError, match="exists already"), new_folder(tmp_path / "out"):
        pass
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/kept"]


def test_new_folder_that_appears_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    def appear() -> None:
        with new_folder(tmp_path / "out"):
            (tmp_path / "out").mkdir()
            (tmp_path / "out" / "of another program").touch()

    with pytest.raises(OutputError, match="exists already"):
        appear()
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "of another program"]


def test_new_folder_deleted_in_the_middle_is_noticed(tmp_path: Path) -> None:
    def delete() -> None:
        with new_folder(tmp_path / "out") as part:
            part.rmdir()
            write_bytes(part / "late", b"")

    with pytest.raises(OutputError, match="was deleted"):
        delete()
    assert list(tmp_path.iterdir()) == []


def test_claim_within_a_claim_of_the_same_place_is_given(tmp_path: Path) -> None:
    place = tmp_path / "out"
    with claimed(place, inside=True), claimed(place, inside=True):
        assert (place / LOCK).exists()
    assert not place.exists()


def test_sweep_removes_unfinished_files_of_dead_processes_only(tmp_path: Path) -> None:
    prefix, suffix = part_of(tmp_path / "table.csv")
    dead = prefix.replace(f"-{os.getpid()}-", f"-{dead_pid()}-")
    kept = [f"{prefix}live{suffix}", f"{prefix.replace(f'-{os.getpid()}-', f'-{os.getppid()}-')}live{suffix}"]
    kept += [".table.csv", "table.part", f".table.csv.ffffff-{dead_pid()}-other{suffix}"]
    for name in (*kept, f"{dead}left{suffix}"):
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
