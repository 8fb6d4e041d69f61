"""The audio spectrogram transformer: its grid, its images, and that its attention can be captured."""

import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.graph import FrontEnd
from sentio_mobile.errors import InputError, RecordError
from sentio_mobile.models.ast import AST
from sentio_mobile.models.capture import capture
from sentio_mobile.models.config import ASTSettings, ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe

TINY = ASTSettings(layers=2, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))


@pytest.mark.parametrize(
    ("name", "shape", "grid", "millions"),
    [
        ("ast_5s", (128, 431), (8, 27), 3.45),
        ("ast_30s", (128, 1292), (8, 81), 11.24),
        pytest.param("ast_audioset", (128, 1024), (12, 101), 86.68, marks=pytest.mark.exhaustive),
    ],
)
def test_ast_recipes_take_whole_spectrogram(
    name: str, shape: tuple[int, int], grid: tuple[int, int], millions: float
) -> None:
    recipe = load_recipe(TeacherRecipe, name, "teacher")
    assert recipe.audio is not None
    assert recipe.audio.image_size == (recipe.audio.n_mels, recipe.audio.n_frames) == shape
    model = build(spec_of(recipe.model, recipe.audio))
    assert isinstance(model, AST)
    assert model.grid == grid
    FrontEnd(spec_of(recipe.model, recipe.audio))  # raises where it cannot be part of a model
    assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(millions, abs=0.01)
    with torch.inference_mode():
        assert model.eval()(torch.rand(1, 3, *shape)).shape == (1, 2)


def test_ast_patch_position_in_grid() -> None:
    torch.manual_seed(0)
    model = AST(TINY, (32, 50)).eval()
    assert model.grid == (2, 4)
    image = torch.rand(1, 3, 32, 50)
    changed = image.clone()
    changed[:, :, 16:, 32:48] += 1
    with torch.inference_mode():
        moved = (model.tokens(changed) - model.tokens(image)).abs().sum(dim=2)[0]
    assert torch.nonzero(moved > 1e-4).flatten().tolist() == [1 + 1 * 4 + 2]


def test_ast_last_columns_fill_no_patch() -> None:
    torch.manual_seed(0)
    model = AST(TINY, (32, 50)).eval()
    image = torch.rand(1, 3, 32, 50)
    changed = image.clone()
    changed[:, :, :, 49] += 1
    with torch.inference_mode():
        assert not torch.equal(model(changed), model(image))


def test_ast_capture_equals_forward() -> None:
    torch.manual_seed(0)
    model = AST(TINY, (32, 50)).eval()
    image = torch.rand(2, 3, 32, 50)
    captured = capture(model, image, hidden=(0, 1), attention=(1,))
    torch.testing.assert_close(captured.output, model(image), atol=1e-6, rtol=0)
    assert captured.hidden[0].shape == (2, 9, 32)
    torch.testing.assert_close(captured.attention[1].sum(dim=-1), torch.ones(2, 2, 9))


def test_vit_image_not_square() -> None:
    with pytest.raises(InputError, match="a vit takes square images, not 128 by 431; use an ast"):
        build(spec_of(ViTSettings(), AudioSpec(image_size=(128, 431))))


def test_ast_overlapping_patches_leave_out_what_fills_none() -> None:
    settings = replace(TINY, patch_overlap=6, distillation_token=True)
    model = AST(settings, (38, 50)).eval()
    assert model.grid == (3, 4)
    image = torch.rand(1, 3, 38, 50)
    changed = image.clone()
    changed[:, :, 36:, :] += 1
    with torch.inference_mode():
        assert model.tokens(image).shape == (1, 2 + 12, 32)
        assert torch.equal(model(changed), model(image))
    with pytest.raises(InputError, match="an image of 12 by 50 has no patch of 16"):
        AST(settings, (12, 50))
    with pytest.raises(RecordError, match="patch_overlap must be below patch_size, 16, not 16"):
        replace(TINY, patch_overlap=16)


def test_ast_distillation_token_counts_as_one_with_the_class_token() -> None:
    torch.manual_seed(0)
    model = AST(replace(TINY, distillation_token=True, patch_keep=3), (32, 48)).eval()
    torch.nn.init.normal_(model.distillation_token)
    image = torch.rand(2, 3, 32, 48)
    captured = capture(model, image, hidden=(0, 1), attention=(1,))
    torch.testing.assert_close(captured.output, model(image), atol=1e-6, rtol=0)
    tokens = model.blocks(model.tokens(image))
    assert captured.hidden[1].shape == (2, 7, 32)
    torch.testing.assert_close(captured.hidden[1][:, 0], tokens[:, :2].mean(dim=1))
    torch.testing.assert_close(captured.hidden[1][:, 1:], tokens[:, 2:])
    assert captured.attention[1].shape == (2, 2, 7, 7)
    torch.testing.assert_close(captured.attention[1].sum(dim=-1), torch.ones(2, 2, 7))
    kept = capture(model.train(), image, hidden=(0,))
    assert kept.hidden[0].shape == (2, 4, 32)
    assert kept.token_indices is not None
    assert kept.token_indices[:, 0].tolist() == [0, 0]
    assert bool(((kept.token_indices[:, 1:] >= 1) & (kept.token_indices[:, 1:] <= 6)).all())
