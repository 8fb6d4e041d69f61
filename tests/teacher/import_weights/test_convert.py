"""Weights of other networks, and damaged weights of the right one: each fault is named with its tensor."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer, resnet18

from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights import import_teacher

State = dict[str, torch.Tensor]


def test_convert_another_architecture_is_refused_by_its_names(
    tmp_path: Path, assert_refused: Callable[..., None], assert_command_refuses: Callable[[Path], None]
) -> None:
    torch.save(resnet18().state_dict(), tmp_path / "resnet.pth")
    assert_refused(tmp_path / "resnet.pth", "Hugging Face, ", "timm", "bn1.bias", "more")
    assert_command_refuses(tmp_path / "resnet.pth")


def test_convert_variant_with_further_parts_is_refused(
    timm_vit: nn.Module, tmp_path: Path, assert_refused: Callable[..., None]
) -> None:
    from timm.models import VisionTransformer as TimmViT

    sizes = {"img_size": 64, "patch_size": 16, "embed_dim": 128, "depth": 2, "num_heads": 2}
    for variant, word in (
        ({"init_values": 0.1}, "blocks.0.ls1.gamma"),
        ({"pre_norm": True}, "patch_embed.proj.bias"),
        ({"global_pool": "avg"}, "norm.weight"),
        ({"qkv_bias": False}, "blocks.0.attn.qkv.bias"),
        ({"qk_norm": True}, "blocks.0.attn.k_norm.bias"),
        ({"no_embed_class": True}, "16 positions"),
        ({"reg_tokens": 4}, "reg_token"),
    ):
        torch.save(TimmViT(**sizes, **variant).state_dict(), tmp_path / "variant.pth")
        assert_refused(tmp_path / "variant.pth", word)


BAD = "encoder.layers.encoder_layer_1.mlp.0.weight"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda state: state.pop(BAD), (f"lacks {BAD}",)),
        (lambda state: state.update({BAD: state[BAD].T.contiguous()}), (BAD, "(128, 192)", "(192, 128)")),
        (lambda state: state.update({BAD: state[BAD].clone().fill_(float("nan"))}), (BAD, "not numbers")),
        (lambda state: state[BAD].view(-1)[-1:].fill_(float("inf")), (BAD, "infinite")),
        (lambda state: state.update({BAD: state[BAD].int()}), (BAD, "int32")),
        (lambda state: state.update({BAD: torch.zeros(1, 1).expand(192, 128)}), (BAD, "more numbers")),
        (lambda state: state.update({BAD: state[BAD].to_sparse()}), (BAD, "unsupported kind")),
        (
            lambda state: state.update({"encoder.layers.encoder_layer_7.ln_1.bias": torch.zeros(128)}),
            ("lacks encoder.layers.encoder_layer_3.ln_1.bias", "and 7 more"),
        ),
        (
            lambda state: state.update({"encoder.gate": torch.zeros(128)}),
            ("encoder.gate", "a transformer here has no parts like"),
        ),
        (lambda state: state.update({"class_token": torch.zeros(128)}), ("class_token", "(128,)")),
        (lambda state: state.update({"class_token": torch.zeros(1, 1, 0)}), ("class_token", "(1, 1, 0)")),
        (lambda state: state.update({"conv_proj.weight": torch.zeros(128, 1, 16, 16)}), ("3 channels",)),
        (lambda state: state.update({"encoder.pos_embedding": torch.zeros(1, 19, 128)}), ("19 positions",)),
        (lambda state: state.update({"encoder.ln.bias": torch.zeros(64)}), ("encoder.ln.bias", "(128,)")),
    ],
)
def test_convert_wrong_tensor_is_named(
    state: State,
    tmp_path: Path,
    change: Callable[[State], object],
    words: tuple[str, ...],
    assert_refused: Callable[..., None],
) -> None:
    state = {name: tensor.clone() for name, tensor in state.items()}
    change(state)
    torch.save(state, tmp_path / "vit.pth")
    assert_refused(tmp_path / "vit.pth", *words)


def test_convert_unknown_or_impossible_heads_are_refused(
    state: State, tmp_path: Path, assert_refused: Callable[..., None]
) -> None:
    torch.save(state, tmp_path / "vit.pth")
    with pytest.raises(CheckpointError, match="3 attention heads do not divide the width 128"):
        import_teacher(tmp_path / "vit.pth", heads=3)
    narrow = VisionTransformer(64, 16, 1, 2, 96, 96).state_dict()
    torch.save(narrow, tmp_path / "narrow.pth")
    assert_refused(tmp_path / "narrow.pth", "width 96", "--heads")
    assert import_teacher(tmp_path / "narrow.pth", heads=2).checkpoint.spec.settings["heads"] == 2
