"""What is observed is what happens, and an ordinary forward is what it was."""

from pathlib import Path

import pytest
import torch
from torch import nn
from transformers import ViTConfig, ViTModel

from sentio_mobile.errors import InputError
from sentio_mobile.models.blocks import PatchDropout
from sentio_mobile.models.capture import Observable, observe
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


def test_the_observed_answer_is_the_ordinary_one_and_nothing_stays_behind(model: ViT, image: torch.Tensor) -> None:
    with torch.no_grad():
        ordinary = model(image)
        seen = observe(model, image, hidden=(0, 2), attention=(1,))
        assert torch.equal(seen.output, ordinary)
        assert torch.equal(model(image), ordinary)
    assert {number: state.shape for number, state in seen.hidden.items()} == {0: (2, 17, 32), 2: (2, 17, 32)}
    assert {number: weights.shape for number, weights in seen.attention.items()} == {1: (2, 2, 17, 17)}
    torch.testing.assert_close(seen.attention[1].sum(-1), torch.ones(2, 2, 17))
    torch.testing.assert_close(model.answer(seen.hidden[2]), ordinary)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks


def test_an_ordinary_forward_never_works_out_weights(
    model: ViT, image: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    forward = nn.MultiheadAttention.forward

    def watched(self: nn.MultiheadAttention, *tokens: torch.Tensor, need_weights: bool, **rest: bool) -> object:
        asked.append(need_weights)
        return forward(self, *tokens, need_weights=need_weights, **rest)

    monkeypatch.setattr(nn.MultiheadAttention, "forward", watched)
    model(image)
    observe(model, image, hidden=(0, 1, 2))
    assert asked == [False] * 6
    observe(model, image, attention=(2,))
    assert asked[6:] == [False, False, True, False]


def test_hidden_states_and_attention_are_those_that_transformers_has(image: torch.Tensor, tmp_path: Path) -> None:
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
        seen = observe(ours, image, hidden=range(3), attention=range(3))
    for number in range(3):
        # Theirs begins with the embedding.
        torch.testing.assert_close(seen.hidden[number], wanted.hidden_states[number + 1], atol=1e-5, rtol=0)
        torch.testing.assert_close(seen.attention[number], wanted.attentions[number], atol=1e-5, rtol=0)
    uniform = 1 / seen.attention[0].shape[-1]
    assert seen.attention[0].std() > uniform / 2


def test_gradients_flow_through_what_is_observed(model: ViT, image: torch.Tensor) -> None:
    seen = observe(model.train(), image, hidden=(1,), attention=(1,))
    (seen.hidden[1].square().mean() + seen.attention[1].square().mean()).backward()
    gradient = model.backbone.conv_proj.weight.grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_in_training_the_patches_that_are_kept_are_observed(image: torch.Tensor) -> None:
    model = ViT(ViTSettings(layers=2, heads=2, width=32, mlp_width=64, patch_keep=5), (64, 64)).train()
    assert observe(model, image, attention=(0,)).attention[0].shape == (2, 2, 6, 6)
    assert observe(model.eval(), image, attention=(0,)).attention[0].shape == (2, 2, 17, 17)


def test_what_cannot_be_observed_is_named(model: ViT, image: torch.Tensor) -> None:
    assert isinstance(model, Observable)
    assert model.grid == (4, 4)
    for block in (3, -1):
        with pytest.raises(InputError, match=f"no block {block}; the model has 3, from 0 to 2"):
            observe(model, image, hidden=(block,))
        with pytest.raises(InputError, match=f"no block {block}"):
            observe(model, image, attention=(block,))
    with pytest.raises(InputError, match="a Linear cannot be observed"):
        observe(nn.Linear(2, 2), image)


def test_a_student_is_observed_as_it_answers_and_its_norms_count_a_step_once(image: torch.Tensor) -> None:
    settings = MobileViTSettings(
        stem_widths=(8, 16, 32), layers=2, heads=2, head_width=8, width=64, mlp_width=64, output_width=32, patch_keep=9
    )
    student = MobileViT(settings, (64, 64)).eval()
    with torch.no_grad():
        seen = observe(student, image, hidden=(1,), attention=(0, 1))
        assert torch.equal(seen.output, student(image))
    assert seen.places is None
    assert seen.attention[1].shape == (2, 2, 17, 17)
    torch.testing.assert_close(seen.attention[1].sum(-1), torch.ones(2, 2, 17))
    assert student.grid == (4, 4)
    seen = observe(student.train(), image, attention=(0, 1))
    assert seen.places is not None
    assert seen.places.shape == (2, 10)
    assert (seen.places[:, 0] == 0).all()
    assert all(len(set(row)) == 10 for row in seen.places.tolist())
    assert {int(n) for name, n in student.named_buffers() if name.endswith("num_batches_tracked")} == {1}


def test_the_places_are_those_of_the_tokens_that_were_kept(image: torch.Tensor) -> None:
    dropout = PatchDropout(5).train()
    tokens = torch.randn(3, 17, 4)
    kept, places = dropout.draw(tokens)
    assert places is not None
    assert torch.equal(kept, torch.stack([tokens[i, places[i]] for i in range(3)]))
