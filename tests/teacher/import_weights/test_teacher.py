"""An imported teacher: its checkpoint, its record of the source, and its backbone as first weights."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torchvision.models import VisionTransformer
from transformers import ViTModel

from sentio_mobile.cli import main
from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.vit import ViT
from sentio_mobile.teacher.import_weights import import_teacher, read_backbone

State = dict[str, torch.Tensor]
HEAD = tuple(f"head.{i}.{kind}" for i in (0, 2, 5, 8) for kind in ("weight", "bias"))


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", None])
def test_read_weights_inside_a_training_checkpoint(
    torchvision_vit: VisionTransformer, tmp_path: Path, key: str | None
) -> None:
    state = {f"module.{name}": tensor for name, tensor in torchvision_vit.state_dict().items()}
    torch.save({key: state, "epoch": 3} if key else {**state, "epoch": 3}, tmp_path / "last.ckpt")
    found = import_teacher(tmp_path / "last.ckpt")
    weight = torchvision_vit.state_dict()["encoder.layers.encoder_layer_2.mlp.3.weight"]
    torch.testing.assert_close(
        found.checkpoint.model.state_dict()["backbone.encoder.layers.encoder_layer_2.mlp.3.weight"], weight
    )
    assert ("epoch" in found.source.left_out) == (key is None)


def test_import_half_precision_becomes_single(torchvision_vit: VisionTransformer, tmp_path: Path) -> None:
    save_file({n: t.bfloat16() for n, t in torchvision_vit.state_dict().items()}, tmp_path / "vit.safetensors")
    model = import_teacher(tmp_path / "vit.safetensors").checkpoint.model
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}


def test_import_teacher_checkpoint_records_its_source(
    hugging_face: ViTModel, image: torch.Tensor, tmp_path: Path
) -> None:
    torch.save(hugging_face.state_dict(), tmp_path / "vit.pth")
    before = torch.random.get_rng_state()
    found = import_teacher(tmp_path / "vit.pth", "zscore", seed=4)
    assert torch.equal(torch.random.get_rng_state(), before)
    found.checkpoint.save(tmp_path / "ckpt")
    again = Checkpoint.load(tmp_path / "ckpt")
    with torch.no_grad():
        assert torch.equal(again.model(image), found.checkpoint.model(image))
        assert torch.equal(again.model(image), import_teacher(tmp_path / "vit.pth", seed=4).checkpoint.model(image))
        assert not torch.equal(again.model(image), import_teacher(tmp_path / "vit.pth").checkpoint.model(image))
    notes = json.loads((tmp_path / "ckpt" / "checkpoint.json").read_text())["recipe"]["imported"]
    assert notes["file"] == "vit.pth"
    assert notes["layout"] == "Hugging Face, transformers 5"
    assert notes["left_out"] == ["pooler.dense.bias", "pooler.dense.weight"]
    assert tuple(notes["untrained"]) == HEAD
    assert again.spec.audio.normalization == "zscore"


def test_read_backbone_other_sizes_are_refused(torchvision_vit: VisionTransformer, tmp_path: Path) -> None:
    path = tmp_path / "vit.pth"
    torch.save(torchvision_vit.state_dict(), path)
    settings = ViTSettings(layers=3, heads=2, width=128, mlp_width=192)
    model = ViT(settings, (64, 64))
    model.backbone.load_state_dict(read_backbone(path, settings, (64, 64)))
    torch.testing.assert_close(model.backbone.conv_proj.weight, torchvision_vit.conv_proj.weight)
    with pytest.raises(CheckpointError, match=r"vit.pth has layers 3, and the model to train has 2"):
        read_backbone(path, ViTSettings(layers=2, heads=2, width=128, mlp_width=192), (64, 64))
    with pytest.raises(CheckpointError, match=r"has width 128, and the model to train has 768"):
        read_backbone(path, ViTSettings(layers=3, heads=2), (64, 64))
    with pytest.raises(CheckpointError, match=r"has image_size \(64, 64\), and the model to train has \(224, 224\)"):
        read_backbone(path, settings)


def test_import_command_lists_leftovers_and_warns_of_untrained_head(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "vit.pth")
    arguments = ["teacher", "import", str(tmp_path / "vit.pth"), "--out", str(tmp_path / "ckpt")]
    result = CliRunner().invoke(main, [*arguments, "--normalization", "zscore"])
    assert result.exit_code == 0, result.output
    for word in ("  heads.head.bias\n", "  head.8.weight\n", "untrained", "zscore", "--start"):
        assert word in result.output
    assert sorted(path.name for path in (tmp_path / "ckpt").iterdir()) == ["checkpoint.json", "model.safetensors"]
    assert CliRunner().invoke(main, arguments).exit_code == 2
    assert CliRunner().invoke(main, [*arguments, "--force"]).exit_code == 0
