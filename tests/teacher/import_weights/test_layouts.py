"""Every layout reproduces the hidden states of the library that it comes from, and lists the leftovers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import VisionTransformer
from transformers import ASTForAudioClassification, DeiTModel, ViTConfig, ViTForImageClassification, ViTModel

from sentio_mobile.audio.image import mel_to_input
from sentio_mobile.models.ast import AST
from sentio_mobile.models.transformer import EncoderNetwork
from sentio_mobile.teacher.import_weights import import_teacher

HEAD = tuple(f"head.{i}.{kind}" for i in (0, 2, 5, 8) for kind in ("weight", "bias"))


def encoded(model: nn.Module, image: torch.Tensor) -> torch.Tensor:
    """The output of a network's encoder for images, after its last norm."""
    assert isinstance(model, EncoderNetwork)
    with torch.no_grad():
        return model.encoder.ln(model.encoder.layers(model.tokens(image)))


def agree(imported: torch.Tensor, reference: torch.Tensor) -> None:
    assert reference.std() > 0.3
    torch.testing.assert_close(imported, reference, atol=1e-5, rtol=0)


def hidden(model: ViTModel, image: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model(image).last_hidden_state


def test_import_hugging_face_hub_folder_gives_its_hidden_states(
    make_hugging_face: Callable[[int], ViTModel], image: torch.Tensor, tmp_path: Path
) -> None:
    reference = make_hugging_face(4)
    reference.save_pretrained(tmp_path)
    assert "encoder.layer.0.attention.attention.query.weight" in load_file(tmp_path / "model.safetensors")
    found = import_teacher(tmp_path / "model.safetensors")
    agree(encoded(found.checkpoint.model, image), hidden(reference, image))
    assert found.source.layout == "Hugging Face"
    assert found.source.left_out == ("pooler.dense.bias", "pooler.dense.weight")
    assert found.source.untrained == HEAD
    # Four heads of width 32: only the config beside the file says so.
    settings = found.checkpoint.spec.settings
    assert (settings["heads"], settings["norm_eps"], settings["width"]) == (4, 1e-12, 128)
    assert found.checkpoint.spec.audio.normalization == "db80"


def test_import_hugging_face_without_config_takes_given_heads_or_width_64(
    make_hugging_face: Callable[[int], ViTModel], image: torch.Tensor, tmp_path: Path
) -> None:
    for heads, heads_option in ((2, None), (4, 4)):
        reference = make_hugging_face(heads)
        reference.save_pretrained(tmp_path)
        torch.save(load_file(tmp_path / "model.safetensors"), tmp_path / "pytorch_model.bin")
        (tmp_path / "config.json").unlink()
        found = import_teacher(tmp_path / "pytorch_model.bin", heads=heads_option)
        agree(encoded(found.checkpoint.model, image), hidden(reference, image))


def test_import_hugging_face_classifier_in_both_sets_of_names(
    classifier: ViTForImageClassification, image: torch.Tensor, tmp_path: Path
) -> None:
    classifier.save_pretrained(tmp_path)
    torch.save(classifier.state_dict(), tmp_path / "memory.pth")
    assert "vit.layers.0.attention.q_proj.weight" in classifier.state_dict()
    for name, layout in (("model.safetensors", "Hugging Face"), ("memory.pth", "Hugging Face (transformers 5)")):
        found = import_teacher(tmp_path / name)
        agree(encoded(found.checkpoint.model, image), hidden(classifier.vit, image))
        assert found.source.layout == layout
        assert found.source.left_out == ("classifier.bias", "classifier.weight")
    # A DeiT without a distillation token is the same network under another name.
    state = load_file(tmp_path / "model.safetensors")
    torch.save({name.replace("vit.", "deit."): one for name, one in state.items()}, tmp_path / "deit.pth")
    found = import_teacher(tmp_path / "deit.pth")
    agree(encoded(found.checkpoint.model, image), hidden(classifier.vit, image))
    assert (found.checkpoint.spec.architecture, found.source.place) == ("vit", "deit")


@pytest.mark.parametrize("older", [False, True])
def test_import_torchvision_gives_its_hidden_states(
    torchvision_vit: VisionTransformer, image: torch.Tensor, tmp_path: Path, older: bool
) -> None:
    state = dict(torchvision_vit.state_dict())
    if older:
        renamed = {"mlp.0.": "mlp.linear_1.", "mlp.3.": "mlp.linear_2."}
        for new, old in renamed.items():
            state = {name.replace(new, old): tensor for name, tensor in state.items()}
    torch.save(state, tmp_path / "vit.pth")
    found = import_teacher(tmp_path / "vit.pth")
    with torch.no_grad():
        reference = torchvision_vit.encoder(
            torch.cat([torchvision_vit.class_token.expand(2, -1, -1), torchvision_vit._process_input(image)], dim=1)
        )
    agree(encoded(found.checkpoint.model, image), reference)
    assert found.source.left_out == ("heads.head.bias", "heads.head.weight")
    assert found.checkpoint.spec.settings["norm_eps"] == 1e-6


def test_import_timm_gives_its_hidden_states(timm_vit: nn.Module, image: torch.Tensor, tmp_path: Path) -> None:
    save_file(timm_vit.state_dict(), tmp_path / "vit.safetensors")
    found = import_teacher(tmp_path / "vit.safetensors")
    with torch.no_grad():
        agree(encoded(found.checkpoint.model, image), timm_vit.forward_features(image))
    assert found.source.left_out == ("head.bias", "head.weight")


@pytest.mark.parametrize("names", ["hub", "memory"])
def test_import_audio_spectrogram_transformer_gives_its_hidden_states(
    audio_transformer: ASTForAudioClassification, tmp_path: Path, names: str
) -> None:
    """The image that our front end makes of a log-mel, against the spectrogram of mean 0 and deviation 0.5."""
    audio_transformer.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    if names == "memory":
        path = tmp_path / "memory.pth"
        torch.save(audio_transformer.state_dict(), path)
    found = import_teacher(path)
    spec, model = found.checkpoint.spec, found.checkpoint.model
    assert (spec.architecture, spec.audio.image_size, spec.audio.normalization) == ("ast", (40, 96), "zscore")
    assert (spec.audio.n_mels, spec.audio.n_frames, spec.audio.sample_rate) == (40, 96, 16_000)
    assert spec.settings["norm_eps"] == 1e-12
    assert isinstance(model, AST)
    assert model.grid == (3, 9)
    mel = np.random.default_rng(0).random((40, 96), dtype=np.float32)
    spectrogram = torch.from_numpy((mel - mel.mean()) / mel.std() / 2)
    image = torch.from_numpy(mel_to_input(mel, spec))
    with torch.no_grad():
        outputs = audio_transformer.audio_spectrogram_transformer(spectrogram.T[None])
        agree(encoded(model, image), outputs.last_hidden_state)
        # The head reads what the library's own classifier reads.
        torch.testing.assert_close(model(image), model.head(outputs.pooler_output), atol=1e-5, rtol=0)
    assert set(found.source.left_out) == {
        f"classifier.{part}.{kind}" for part in ("dense", "layernorm") for kind in ("bias", "weight")
    }


@pytest.mark.parametrize("names", ["hub", "memory"])
def test_import_deit_with_distillation_token_gives_its_hidden_states(
    deit: DeiTModel, image: torch.Tensor, tmp_path: Path, names: str
) -> None:
    deit.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    if names == "memory":
        path = tmp_path / "memory.pth"
        torch.save(deit.state_dict(), path)
    found = import_teacher(path)
    with torch.no_grad():
        agree(encoded(found.checkpoint.model, image), deit(image).last_hidden_state)
    spec = found.checkpoint.spec
    assert (spec.architecture, spec.audio.image_size, spec.audio.normalization) == ("ast", (64, 64), "db80")
    assert spec.settings["distillation_token"] is True


def test_import_timm_deit_gives_its_hidden_states(image: torch.Tensor, tmp_path: Path) -> None:
    from timm.models.deit import VisionTransformerDistilled

    torch.manual_seed(0)
    reference = VisionTransformerDistilled(
        img_size=64, patch_size=16, embed_dim=128, depth=2, num_heads=2, mlp_ratio=1.5
    ).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    torch.save(reference.state_dict(), tmp_path / "deit.pth")
    found = import_teacher(tmp_path / "deit.pth")
    with torch.no_grad():
        agree(encoded(found.checkpoint.model, image), reference.forward_features(image))
    assert found.source.left_out == ("head.bias", "head.weight", "head_dist.bias", "head_dist.weight")


@pytest.mark.parametrize("names", ["hub", "memory"])
def test_import_notebook_gives_its_predictions(
    notebook: nn.Module, image: torch.Tensor, tmp_path: Path, names: str
) -> None:
    state = dict(notebook.state_dict())
    if names == "hub":
        notebook.vit.save_pretrained(tmp_path)
        hub = load_file(tmp_path / "model.safetensors")
        state = {f"vit.{name}": tensor for name, tensor in hub.items()}
        state |= {name: tensor for name, tensor in notebook.state_dict().items() if name.startswith("head.")}
    torch.save(state, tmp_path / "best.pth")
    found = import_teacher(tmp_path / "best.pth")
    with torch.no_grad():
        imported, reference = found.checkpoint.model(image), notebook(image)
    assert reference.std() > 0.1
    torch.testing.assert_close(imported, reference, atol=1e-5, rtol=0)
    assert found.source.untrained == ()
    assert found.source.left_out == ("vit.pooler.dense.bias", "vit.pooler.dense.weight")
    assert found.checkpoint.spec.audio.normalization == "zscore"
    assert found.checkpoint.spec.settings["head_widths"] == (32, 16)
    assert import_teacher(tmp_path / "best.pth", "db80").checkpoint.spec.audio.normalization == "db80"


@pytest.mark.exhaustive
def test_import_hugging_face_vit_base_agrees_to_the_fifth_digit(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = ViTModel(ViTConfig()).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    reference.save_pretrained(tmp_path)
    found = import_teacher(tmp_path / "model.safetensors")
    image = torch.randn(1, 3, 224, 224)
    agree(encoded(found.checkpoint.model, image), hidden(reference, image))
    assert found.checkpoint.spec.settings["heads"] == 12
