"""What is captured is what the network computes, and an ordinary forward stays as it was."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import ViTConfig, ViTModel

from sentio_mobile.errors import InputError
from sentio_mobile.models.capture import Capturable, capture
from sentio_mobile.models.config import MobileViTSettings, ViTSettings
from sentio_mobile.models.mobilevit import MobileViT
from sentio_mobile.models.vit import ViT
from sentio_mobile.teacher.import_weights import import_teacher


@pytest.fixture
def model() -> ViT:
    torch.manual_seed(0)
    return ViT(ViTSettings(layers=3, heads=2, width=32, mlp_width=64), (64, 64)).eval()


@pytest.fixture
def image() -> torch.Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_capture_output_and_shapes(model: ViT, image: torch.Tensor) -> None:
    with torch.no_grad():
        ordinary = model(image)
        captured = capture(model, image, hidden=(0, 2), attention=(1,))
        torch.testing.assert_close(captured.output, ordinary, atol=1e-6, rtol=0)
        assert torch.equal(model(image), ordinary)
    assert {number: state.shape for number, state in captured.hidden.items()} == {0: (2, 17, 32), 2: (2, 17, 32)}
    assert {number: weights.shape for number, weights in captured.attention.items()} == {1: (2, 2, 17, 17)}
    torch.testing.assert_close(captured.attention[1].sum(-1), torch.ones(2, 2, 17))
    torch.testing.assert_close(model.readout(captured.hidden[2]), ordinary)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_capture_computes_attention_only_where_requested(
    model: ViT, image: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    requested: list[bool] = []
    forward = nn.MultiheadAttention.forward

    def recorded(self: nn.MultiheadAttention, *tokens: torch.Tensor, need_weights: bool, **others: bool) -> object:
        requested.append(need_weights)
        return forward(self, *tokens, need_weights=need_weights, **others)

    monkeypatch.setattr(nn.MultiheadAttention, "forward", recorded)
    model(image)
    capture(model, image, hidden=(0, 1, 2))
    assert requested == [False] * 6
    capture(model, image, attention=(2,))
    assert requested[6:] == [False, False, True, False]


def test_capture_equals_transformers_library(image: torch.Tensor, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = ViTConfig(
        hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96, image_size=64,
        initializer_range=0.2, attn_implementation="eager",
    )  # fmt: skip
    theirs = ViTModel(sizes).eval()
    theirs.save_pretrained(tmp_path)
    ours = import_teacher(tmp_path / "model.safetensors").checkpoint.model
    with torch.no_grad():
        wanted = theirs(image, output_attentions=True, output_hidden_states=True)
        captured = capture(ours, image, hidden=range(3), attention=range(3))
    for number in range(3):
        # Theirs begins with the embedding.
        torch.testing.assert_close(captured.hidden[number], wanted.hidden_states[number + 1], atol=1e-5, rtol=0)
        torch.testing.assert_close(captured.attention[number], wanted.attentions[number], atol=1e-5, rtol=0)
    uniform = 1 / captured.attention[0].shape[-1]
    assert captured.attention[0].std() > uniform / 2


def test_capture_gradients(model: ViT, image: torch.Tensor) -> None:
    captured = capture(model.train(), image, hidden=(1,), attention=(1,))
    (captured.hidden[1].square().mean() + captured.attention[1].square().mean()).backward()
    gradient = model.backbone.conv_proj.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_capture_patch_dropout_in_training(image: torch.Tensor) -> None:
    model = ViT(ViTSettings(layers=2, heads=2, width=32, mlp_width=64, patch_keep=5), (64, 64)).train()
    assert capture(model, image, attention=(0,)).attention[0].shape == (2, 2, 6, 6)
    assert capture(model.eval(), image, attention=(0,)).attention[0].shape == (2, 2, 17, 17)


def test_capture_unknown_block_or_network(model: ViT, image: torch.Tensor) -> None:
    assert isinstance(model, Capturable)
    assert model.grid == (4, 4)
    for block in (3, -1):
        with pytest.raises(InputError, match=f"no block {block}; the model has 3, from 0 to 2"):
            capture(model, image, hidden=(block,))
        with pytest.raises(InputError, match=f"no block {block}"):
            capture(model, image, attention=(block,))
    with pytest.raises(InputError, match="a Linear has no attention to capture"):
        capture(nn.Linear(2, 2), image)


def test_capture_student_runs_each_norm_once(image: torch.Tensor) -> None:
    settings = MobileViTSettings(
        stem_widths=(8, 16, 32), layers=2, heads=2, head_width=8, width=64, mlp_width=64, output_width=32, patch_keep=9
    )
    student = MobileViT(settings, (64, 64)).eval()
    with torch.no_grad():
        captured = capture(student, image, hidden=(1,), attention=(0, 1))
        torch.testing.assert_close(captured.output, student(image), atol=1e-6, rtol=0)
    assert captured.token_indices is None
    assert captured.attention[1].shape == (2, 2, 17, 17)
    torch.testing.assert_close(captured.attention[1].sum(-1), torch.ones(2, 2, 17))
    assert student.grid == (4, 4)
    captured = capture(student.train(), image, attention=(0, 1))
    assert captured.token_indices is not None
    assert captured.token_indices.shape == (2, 10)
    assert (captured.token_indices[:, 0] == 0).all()
    assert all(len(set(row)) == 10 for row in captured.token_indices.tolist())
    assert {int(n) for name, n in student.named_buffers() if name.endswith("num_batches_tracked")} == {1}
