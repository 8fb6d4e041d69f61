"""An imported teacher: its checkpoint, its record of the source, and its backbone as first weights."""

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from safetensors.torch import save_file
from torchvision.models import VisionTransformer
from transformers import ASTConfig, ASTForAudioClassification, ASTModel, ViTModel

from sentio_mobile._internal.records import replace
from sentio_mobile.cli import main
from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.ast import AST
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ASTSettings, CRNNSettings, ViTSettings
from sentio_mobile.models.vit import ViT
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.import_weights import import_teacher, read_backbone
from sentio_mobile.teacher.pretrained import pretrained_backbone

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
    assert notes["layout"] == "Hugging Face (transformers 5)"
    assert notes["left_out"] == ["pooler.dense.bias", "pooler.dense.weight"]
    assert tuple(notes["untrained"]) == HEAD
    assert again.spec.audio.normalization == "zscore"


def test_read_backbone_other_sizes_are_refused(torchvision_vit: VisionTransformer, tmp_path: Path) -> None:
    path = tmp_path / "vit.pth"
    torch.save(torchvision_vit.state_dict(), path)
    settings = ViTSettings(layers=3, heads=2, width=128, mlp_width=192)
    audio = AudioSpec(image_size=(64, 64))
    model = ViT(settings, (64, 64))
    found = read_backbone(path, settings, audio)
    missing, unexpected = model.load_state_dict(found.tensors, strict=False)
    assert (tuple(missing), unexpected, found.positions) == (HEAD, [], "")
    torch.testing.assert_close(model.backbone.conv_proj.weight, torchvision_vit.conv_proj.weight)
    with pytest.raises(CheckpointError, match=r"vit.pth has layers 3, and the model to train has 2"):
        read_backbone(path, ViTSettings(layers=2, heads=2, width=128, mlp_width=192), audio)
    with pytest.raises(CheckpointError, match=r"has width 128, and the model to train has 768"):
        read_backbone(path, ViTSettings(layers=3, heads=2), audio)
    with pytest.raises(CheckpointError, match=r"has patch_size 16, and the model to train has 8"):
        read_backbone(path, ViTSettings(patch_size=8, layers=3, heads=2, width=128, mlp_width=192), audio)


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


def test_import_teacher_image_size_interpolates_positions_as_the_library(
    hugging_face: ViTModel, tmp_path: Path
) -> None:
    hugging_face.save_pretrained(tmp_path)
    found = import_teacher(tmp_path, image_size=(96, 96))
    model = found.checkpoint.model
    image = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    assert isinstance(model, ViT)
    with torch.no_grad():
        expected = hugging_face(image, interpolate_pos_encoding=True).last_hidden_state
        torch.testing.assert_close(
            model.encoder.ln(model.encoder.layers(model.tokens(image))), expected, atol=1e-5, rtol=0
        )
    assert found.source.positions == "from 4 x 4 to 6 x 6 patches"
    assert found.checkpoint.spec.audio.image_size == (96, 96)
    for size, fault in (((96, 64), "square"), ((90, 90), "indivisible")):
        with pytest.raises(CheckpointError, match=f"cannot take images of {size[0]} by {size[1]}: .*{fault}"):
            import_teacher(tmp_path, image_size=size)


def test_import_command_says_that_positions_are_interpolated(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "vit.pth")
    arguments = ["teacher", "import", str(tmp_path / "vit.pth"), "--out", str(tmp_path / "ckpt")]
    result = CliRunner().invoke(main, [*arguments, "--image-size", "32", "32"])
    assert result.exit_code == 0, result.output
    assert "positions interpolated from 4 x 4 to 2 x 2 patches" in result.output


def test_read_backbone_fits_a_vit_into_an_ast(torchvision_vit: VisionTransformer, tmp_path: Path) -> None:
    """An AST begins with the weights of a network of images, positions interpolated, as in its paper."""
    torch.save(torchvision_vit.state_dict(), tmp_path / "vit.pth")
    settings = ASTSettings(layers=3, heads=2, width=128, mlp_width=192, patch_overlap=6)
    audio = AudioSpec(image_size=(40, 96))
    found = read_backbone(tmp_path / "vit.pth", settings, audio)
    assert found.positions == "from 4 x 4 to 3 x 9 patches"
    model = AST(settings, (40, 96))
    missing, unexpected = model.load_state_dict(found.tensors, strict=False)
    assert not unexpected
    assert all(name.startswith("head.") for name in missing)
    with pytest.raises(CheckpointError, match=r"has distillation_token False, and the model to train has True"):
        read_backbone(tmp_path / "vit.pth", replace(settings, distillation_token=True), audio)


def test_read_backbone_of_an_ast(audio_transformer: ASTForAudioClassification, tmp_path: Path) -> None:
    audio_transformer.save_pretrained(tmp_path)
    settings = ASTSettings(
        layers=3, heads=2, width=128, mlp_width=192, patch_overlap=6, distillation_token=True, norm_eps=1e-12
    )
    audio = AudioSpec(image_size=(40, 150), normalization="zscore")
    assert read_backbone(tmp_path, settings, audio).positions == "from 3 x 9 to 3 x 14 patches"
    with pytest.raises(CheckpointError, match="spectrograms of mean 0; prepare the songs for the recipe ast_audioset"):
        read_backbone(tmp_path, settings, replace(audio, normalization="db80"))
    with pytest.raises(CheckpointError, match="zscore; leave db80 out"):
        import_teacher(tmp_path, "db80")


def test_import_ast_without_config_shows_its_stride_by_audio_sets_size(tmp_path: Path) -> None:
    sizes = {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 32}
    for stride, grid in ((10, (12, 101)), (16, (8, 64))):
        network = ASTModel(ASTConfig(**sizes, frequency_stride=stride, time_stride=stride))
        torch.save(network.state_dict(), tmp_path / "ast.pth")
        model = import_teacher(tmp_path / "ast.pth").checkpoint.model
        assert isinstance(model, AST)
        assert model.grid == grid
    torch.save(ASTModel(ASTConfig(**sizes, max_length=100)).state_dict(), tmp_path / "ast.pth")
    with pytest.raises(CheckpointError, match=r"108 patches of 16 do not show .*config\.json"):
        import_teacher(tmp_path / "ast.pth")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"max_length": 128}, "has 27 patches, and the config.json beside it describes 3 x 12"),
        ({"num_mel_bins": 12}, "do not cover a spectrogram of 12 x 96"),
        ({"time_stride": 8}, "frequency_stride and time_stride differ"),
        ({"max_length": 10**9}, "max_length must be a whole number from 4 to 2,048"),
    ],
)
def test_import_ast_with_another_config(
    audio_transformer: ASTForAudioClassification, tmp_path: Path, change: dict[str, int], word: str
) -> None:
    audio_transformer.save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=word):
        import_teacher(tmp_path)


def test_pretrained_backbone_of_a_crnn(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no pretrained weights for a crnn; leave --weights out, or train a vit"):
        pretrained_backbone("imagenet", CRNNSettings(), AudioSpec())
