"""Times of a training do not change what is hashed."""

from pathlib import Path

from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.models.times import TIMES, without_times
from sentio_mobile.spec import AudioSpec


def test_checkpoints_of_two_runs_differ_in_their_times_alone(tmp_path: Path, tiny_student: DistillRecipe) -> None:
    spec = spec_of(tiny_student.model, AudioSpec())
    model = build(spec)
    for name, seconds in (("one", 1.5), ("two", 2.25)):
        history = ({"epoch": 0.0, "val_ccc": 0.5, "seconds": seconds}, {"epoch": 1.0, "val_ccc": 0.6, "seconds": 2.0})
        Checkpoint(model=model, spec=spec, history=history).save(tmp_path / name)
    files = [{path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert [name for name in files[0] if files[0][name] != files[1][name]] == [TIMES]
    loaded = Checkpoint.load(tmp_path / "two")
    assert [row["seconds"] for row in loaded.history] == [2.25, 2.0]
    (tmp_path / "two" / TIMES).unlink()
    assert Checkpoint.load(tmp_path / "two").history == without_times(loaded.history)


def test_checkpoint_without_times_has_no_file_of_them(tmp_path: Path, tiny_student: DistillRecipe) -> None:
    spec = spec_of(tiny_student.model, AudioSpec())
    model = build(spec)
    Checkpoint(model=model, spec=spec, history=({"epoch": 0.0},)).save(tmp_path / "one")
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["checkpoint.json", "model.safetensors"]
