"""Commands without room: one line, what was finished stays, nothing is half-written, and the same command goes on."""

from pathlib import Path

import pytest
from quick_export import quick_golden
from support import Refused, Sentio, tree

from sentio_mobile.bundle.bundle import GOLDEN, open_bundle
from sentio_mobile.export import build as build_module
from sentio_mobile.models.checkpoint import Checkpoint

from .conftest import Commands, files_of_at_most, remount

WRITING = ["train", "distill", "export", "predict", "run"]


def last_line(output: str) -> str:
    """The line that says why a command ended; there is no other error, and no traceback."""
    assert "Traceback" not in output
    assert output.count("Error: ") == 1, output
    return output.splitlines()[-1]


@pytest.mark.parametrize("name", WRITING)
def test_command_in_a_read_only_place_is_one_line(
    name: str, command: Commands, small_disk: Path, refused: Refused
) -> None:
    remount(small_disk, "ro")
    line = refused("", *command(name, small_disk / ("out.csv" if name == "predict" else "out")))
    assert str(small_disk / "out") in line
    assert "that you can write to" in line
    assert list(small_disk.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train", "distill"])
def test_training_without_room_leaves_what_was_finished_and_goes_on(
    name: str, command: Commands, checkpoint: Path, sentio: Sentio, tmp_path: Path
) -> None:
    out = tmp_path / "results" / "out"
    Checkpoint.load(checkpoint).save(out)
    before = tree(out)
    with files_of_at_most(20_000):
        result = sentio(*command(name, out), "--force")
    assert result.exit_code == 2, result.output
    assert last_line(result.stderr).endswith(
        "raise the limit on the size of files (ulimit -f), then give the command again"
    )
    assert tree(out) == before
    # The state of the training, which the next run goes on from: no epoch was written, and none is half-written.
    left = sorted(path.name for path in out.parent.rglob("*") if out not in (path, *path.parents) and path.is_file())
    assert not [path for path in left if path.endswith((".ckpt", ".part"))], left
    assert sentio(*command(name, out), "--force").exit_code == 0
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert tree(out) != before


def test_predict_without_room_leaves_the_table_before_and_nothing_else(
    command: Commands, sentio: Sentio, tmp_path: Path
) -> None:
    out = tmp_path / "tables" / "out.csv"
    out.parent.mkdir()
    out.write_text("before\n")
    with files_of_at_most(10):
        result = sentio(*command("predict", out))
    assert result.exit_code == 2, result.output
    assert last_line(result.stderr).startswith(f"Error: cannot write {out}: File too large; raise the limit")
    assert tree(out.parent) == {"out.csv": (out.stat().st_mode, b"before\n")}
    assert sentio(*command("predict", out)).exit_code == 0
    assert [path.name for path in out.parent.iterdir()] == ["out.csv"]
    assert out.read_text().startswith("song,")


def test_run_without_room_leaves_its_record_alone(command: Commands, sentio: Sentio, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with files_of_at_most(20_000):
        result = sentio(*command("run", out))
    assert result.exit_code == 2, result.output
    assert last_line(result.stderr).startswith(f"Error: cannot write {out / 'music'}")
    assert [path.relative_to(out).as_posix() for path in out.rglob("*")] == ["run.json"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "room", [0, pytest.param(1, marks=pytest.mark.exhaustive)], ids=["golden vectors", "the conversion"]
)
def test_export_to_a_full_disk_leaves_the_bundle_before(
    room: int, command: Commands, checkpoint: Path, small_disk: Path, sentio: Sentio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build_module, "make_golden", quick_golden)
    loaded = Checkpoint.load(checkpoint)
    quick_golden(loaded.model, loaded.spec).save(small_disk.parent / GOLDEN)
    size = (small_disk.parent / GOLDEN).stat().st_size
    # Room for the golden vectors and a little more, and for half of them.
    remount(small_disk, f"size={size + 100_000 if room else size // 2}")
    out = small_disk / "out"
    out.mkdir()
    (out / "before").write_text("a bundle")
    result = sentio(*command("export", out), "--force")
    assert result.exit_code == 2, result.output
    assert "No space left on device; make room or choose another place" in last_line(result.stderr)
    assert tree(out) == {"before": ((out / "before").stat().st_mode, b"a bundle")}
    assert {path.name for path in small_disk.iterdir()} <= {"out", "out-logs"}
    if room:
        remount(small_disk, "size=100m")
        assert sentio(*command("export", out), "--force").exit_code == 0
        assert open_bundle(out).manifest.failed == {}
        assert {path.name for path in small_disk.iterdir()} == {"out", "out-logs"}
