"""A checkpoint comes back as it was, and a bad one is refused in one line."""

import json
from pathlib import Path

import pytest
import torch

from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.errors import CheckpointError, OutputError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec


@pytest.fixture
def saved(tmp_path: Path, tiny_student: DistillRecipe) -> Path:
    spec = spec_of(tiny_student.model, AudioSpec())
    torch.manual_seed(0)
    Checkpoint(model=build(spec), spec=spec, recipe={"a": 1}).save(tmp_path / "ckpt")
    return tmp_path / "ckpt"


def test_it_comes_back_as_it_was(saved: Path) -> None:
    first, second = Checkpoint.load(saved), Checkpoint.load(saved)
    assert not first.model.training
    assert first.recipe == {"a": 1}
    image = torch.rand(1, 3, 224, 224)
    assert torch.equal(first.model(image), second.model(image))
    sheet = json.loads((saved / "checkpoint.json").read_text())
    assert sheet["parameters"] == sum(p.numel() for p in first.model.parameters())


def test_settings_name_no_folder_of_the_machine(tiny_student: DistillRecipe, tmp_path: Path) -> None:
    spec = spec_of(tiny_student.model, AudioSpec())
    encoder = {"name": f"checkpoint:{tmp_path}/teacher#layer=2"}
    Checkpoint(model=build(spec), spec=spec, recipe={"encoder": encoder}).save(tmp_path / "ckpt")
    assert Checkpoint.load(tmp_path / "ckpt").recipe == {"encoder": {"name": "checkpoint:teacher#layer=2"}}


def test_an_existing_checkpoint_is_not_overwritten_unasked(saved: Path) -> None:
    before = (saved / "model.safetensors").read_bytes()
    checkpoint = Checkpoint.load(saved)
    with pytest.raises(OutputError, match="exists already"):
        checkpoint.save(saved)
    assert (saved / "model.safetensors").read_bytes() == before
    checkpoint.save(saved, overwrite=True)
    assert sorted(p.name for p in saved.parent.iterdir()) == ["ckpt"]


def edit(folder: Path, **changes: object) -> None:
    sheet = json.loads((folder / "checkpoint.json").read_text())
    (folder / "checkpoint.json").write_text(json.dumps({**sheet, **changes}))


def test_damage_is_named(saved: Path, tmp_path: Path) -> None:
    weights = saved / "model.safetensors"
    whole = weights.read_bytes()
    spec = Checkpoint.load(saved).spec.to_dict()

    def refused(fault: str) -> None:
        with pytest.raises(CheckpointError, match=fault) as caught:
            Checkpoint.load(saved)
        assert "\n" not in str(caught.value)
        assert str(saved) in str(caught.value)

    weights.write_bytes(whole[: len(whole) // 2])
    refused("truncated or changed")
    weights.unlink()
    refused("No such file")
    weights.write_bytes(whole)
    edit(saved, spec={**spec, "architecture": "resnet"})
    refused("unknown architecture 'resnet'; known: vit, ast, crnn, mobilevit")
    edit(saved, spec={**spec, "settings": {**spec["settings"], "width": 96}})
    refused("does not fit the spec")
    edit(saved, spec={**spec, "settings": {**spec["settings"], "colour": 1}})
    refused("no key 'colour'")
    (saved / "checkpoint.json").write_text("{")
    refused("is not JSON")
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        Checkpoint.load(tmp_path)
