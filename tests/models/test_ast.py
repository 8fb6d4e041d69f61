"""The spectrogram transformer: its grid, its pictures, and that it can be observed like a vit."""

import pytest
import torch

from sentio_mobile.audio.graph import FrontEnd
from sentio_mobile.errors import InputError
from sentio_mobile.models.ast import AST
from sentio_mobile.models.capture import observe
from sentio_mobile.models.config import ASTSettings, ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe

TINY = ASTSettings(layers=2, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))


@pytest.mark.parametrize(
    ("name", "shape", "grid", "millions"),
    [("ast_5s", (128, 431), (8, 27), 3.45), ("ast_30s", (128, 1292), (8, 81), 11.24)],
)
def test_recipes_look_at_the_spectrogram_in_its_own_shape(
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


def test_each_patch_is_where_the_grid_says() -> None:
    torch.manual_seed(0)
    model = AST(TINY, (32, 50)).eval()
    assert model.grid == (2, 4)
    picture = torch.rand(1, 3, 32, 50)
    changed = picture.clone()
    changed[:, :, 16:, 32:48] += 1
    with torch.inference_mode():
        moved = (model.tokens(changed) - model.tokens(picture)).abs().sum(dim=2)[0]
    assert torch.nonzero(moved > 1e-4).flatten().tolist() == [1 + 1 * 4 + 2]


def test_the_last_columns_are_seen_though_they_fill_no_patch() -> None:
    torch.manual_seed(0)
    model = AST(TINY, (32, 50)).eval()
    picture = torch.rand(1, 3, 32, 50)
    changed = picture.clone()
    changed[:, :, :, 49] += 1
    with torch.inference_mode():
        assert not torch.equal(model(changed), model(picture))


def test_observing_it_gives_what_its_forward_gives() -> None:
    torch.manual_seed(0)
    model = AST(TINY, (32, 50)).eval()
    picture = torch.rand(2, 3, 32, 50)
    seen = observe(model, picture, hidden=(0, 1), attention=(1,))
    torch.testing.assert_close(seen.output, model(picture), atol=1e-6, rtol=0)
    assert seen.hidden[0].shape == (2, 9, 32)
    torch.testing.assert_close(seen.attention[1].sum(dim=-1), torch.ones(2, 2, 9))


def test_a_vit_takes_no_picture_but_a_square() -> None:
    with pytest.raises(InputError, match="a vit looks at squares, not at 128 by 431; take an ast"):
        build(spec_of(ViTSettings(), AudioSpec(image_size=(128, 431))))
