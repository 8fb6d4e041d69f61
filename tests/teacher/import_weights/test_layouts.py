"""Every layout gives what the library that it is from gives, and what has no place on either side is listed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import VisionTransformer
from transformers import ViTConfig, ViTForImageClassification, ViTModel

from sentio_mobile.errors import CheckpointError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ViTSettings
from sentio_mobile.models.vit import ViT
from sentio_mobile.teacher.import_weights import import_teacher, read_backbone

HEAD = tuple(f"head.{i}.{kind}" for i in (0, 2, 5, 8) for kind in ("weight", "bias"))


def encoded(model: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """What the encoder of a `ViT` makes of pictures, behind its last norm."""
    assert isinstance(model, ViT)
    with torch.no_grad():
        return model.encoder.ln(model.encoder.layers(model.tokens(image)))


def agree(ours: torch.Tensor, theirs: torch.Tensor) -> None:
    assert theirs.std() > 0.3
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


def hidden(model: ViTModel, image: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(image).last_hidden_state


def test_hugging_face_from_a_folder_of_the_hub(
    make_hugging_face: Callable[[int], ViTModel], image: torch.Tensor, tmp_path: Path
) -> None:
    theirs = make_hugging_face(4)
    theirs.save_pretrained(tmp_path)
    assert "encoder.layer.0.attention.attention.query.weight" in load_file(tmp_path / "model.safetensors")
    found = import_teacher(tmp_path / "model.safetensors")
    agree(encoded(found.checkpoint.model, image), hidden(theirs, image))
    assert found.layout == "Hugging Face"
    assert found.left_out == ("pooler.dense.bias", "pooler.dense.weight")
    assert found.untrained == HEAD
    # Four heads of width 32: the config beside the file says so, the weights cannot.
    settings = found.checkpoint.spec.settings
    assert (settings["heads"], settings["norm_eps"], settings["width"]) == (4, 1e-12, 128)
    assert found.checkpoint.spec.audio.normalization == "db80"


def test_hugging_face_without_a_config_takes_heads_of_64_or_as_many_as_are_said(
    make_hugging_face: Callable[[int], ViTModel], image: torch.Tensor, tmp_path: Path
) -> None:
    for heads, said in ((2, None), (4, 4)):
        theirs = make_hugging_face(heads)
        theirs.save_pretrained(tmp_path)
        torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
        (tmp_path / "config.json").unlink()
        found = import_teacher(tmp_path / "pytorch_model.bin", heads=said)
        agree(encoded(found.checkpoint.model, image), hidden(theirs, image))


def test_hugging_face_with_prefix_and_classifier_in_both_sets_of_names(
    classifier: ViTForImageClassification, image: torch.Tensor, tmp_path: Path
) -> None:
    classifier.save_pretrained(tmp_path)
    torch.save(classifier.state_dict(), tmp_path / "memory.pth")
    assert "vit.layers.0.attention.q_proj.weight" in classifier.state_dict()
    for name, layout in (("model.safetensors", "Hugging Face"), ("memory.pth", "Hugging Face, transformers 5")):
        found = import_teacher(tmp_path / name)
        agree(encoded(found.checkpoint.model, image), hidden(classifier.vit, image))
        assert found.layout == layout
        assert found.left_out == ("classifier.bias", "classifier.weight")


@pytest.mark.parametrize("older", [False, True])
def test_torchvision(torchvision_vit: VisionTransformer, image: torch.Tensor, tmp_path: Path, older: bool) -> None:
    state = dict(torchvision_vit.state_dict())
    if older:
        renamed = {"mlp.0.": "mlp.linear_1.", "mlp.3.": "mlp.linear_2."}
        for new, old in renamed.items():
            state = {name.replace(new, old): tensor for name, tensor in state.items()}
    torch.save(state, tmp_path / "vit.pth")
    found = import_teacher(tmp_path / "vit.pth")
    with torch.no_grad():
        theirs = torchvision_vit.encoder(
            torch.cat([torchvision_vit.class_token.expand(2, -1, -1), torchvision_vit._process_input(image)], dim=1)
        )
    agree(encoded(found.checkpoint.model, image), theirs)
    assert found.left_out == ("heads.head.bias", "heads.head.weight")
    assert found.checkpoint.spec.settings["norm_eps"] == 1e-6


def test_timm(timm_vit: nn.Module, image: torch.Tensor, tmp_path: Path) -> None:
    save_file(timm_vit.state_dict(), tmp_path / "vit.safetensors")
    found = import_teacher(tmp_path / "vit.safetensors")
    with torch.no_grad():
        agree(encoded(found.checkpoint.model, image), timm_vit.forward_features(image))
    assert found.left_out == ("head.bias", "head.weight")


@pytest.mark.parametrize("names", ["hub", "memory"])
def test_the_notebook_answers_as_it_did(notebook: nn.Module, image: torch.Tensor, tmp_path: Path, names: str) -> None:
    state = dict(notebook.state_dict())
    if names == "hub":
        notebook.vit.save_pretrained(tmp_path)
        hub = load_file(tmp_path / "model.safetensors")
        state = {f"vit.{name}": tensor for name, tensor in hub.items()}
        state |= {name: tensor for name, tensor in notebook.state_dict().items() if name.startswith("head.")}
    torch.save(state, tmp_path / "best.pth")
    found = import_teacher(tmp_path / "best.pth")
    with torch.no_grad():
        ours, theirs = found.checkpoint.model(image), notebook(image)
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert found.untrained == ()
    assert found.left_out == ("vit.pooler.dense.bias", "vit.pooler.dense.weight")
    assert found.checkpoint.spec.audio.normalization == "zscore"
    assert found.checkpoint.spec.settings["head_widths"] == (32, 16)
    assert import_teacher(tmp_path / "best.pth", "db80").checkpoint.spec.audio.normalization == "db80"


@pytest.mark.parametrize("key", ["state_dict", "model", "model_state_dict", None])
def test_weights_are_found_within_a_training_checkpoint(
    torchvision_vit: VisionTransformer, tmp_path: Path, key: str | None
) -> None:
    state = {f"module.{name}": tensor for name, tensor in torchvision_vit.state_dict().items()}
    torch.save({key: state, "epoch": 3} if key else {**state, "epoch": 3}, tmp_path / "last.ckpt")
    found = import_teacher(tmp_path / "last.ckpt")
    weight = torchvision_vit.state_dict()["encoder.layers.encoder_layer_2.mlp.3.weight"]
    torch.testing.assert_close(
        found.checkpoint.model.state_dict()["backbone.encoder.layers.encoder_layer_2.mlp.3.weight"], weight
    )
    assert ("epoch" in found.left_out) == (key is None)


def test_half_precision_becomes_single(torchvision_vit: VisionTransformer, tmp_path: Path) -> None:
    save_file({n: t.bfloat16() for n, t in torchvision_vit.state_dict().items()}, tmp_path / "vit.safetensors")
    model = import_teacher(tmp_path / "vit.safetensors").checkpoint.model
    assert {tensor.dtype for tensor in model.state_dict().values()} == {torch.float32}


def test_what_was_imported_is_kept_and_says_where_it_came_from(
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
    told = json.loads((tmp_path / "ckpt" / "checkpoint.json").read_text())["recipe"]["imported"]
    assert told["file"] == "vit.pth"
    assert told["layout"] == "Hugging Face, transformers 5"
    assert told["left_out"] == ["pooler.dense.bias", "pooler.dense.weight"]
    assert tuple(told["untrained"]) == HEAD
    assert again.spec.audio.normalization == "zscore"


def test_a_backbone_to_train_takes_the_weights_of_its_own_sizes_alone(
    torchvision_vit: VisionTransformer, tmp_path: Path
) -> None:
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


@pytest.mark.slow
def test_a_vit_base_of_hugging_faces_is_given_to_the_fifth_digit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = ViTModel(ViTConfig()).eval()
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    theirs.save_pretrained(tmp_path)
    found = import_teacher(tmp_path / "model.safetensors")
    picture = torch.randn(1, 3, 224, 224)
    agree(encoded(found.checkpoint.model, picture), hidden(theirs, picture))
    assert found.checkpoint.spec.settings["heads"] == 12
