"""Recipes: every one that comes along can be read, and a wrong one says what is known."""

from pathlib import Path

import pytest

from sentio_mobile._internal.records import replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.distill.config import DistillRecipe, PretrainRecipe
from sentio_mobile.errors import RecipeError, RecordError
from sentio_mobile.models.config import ASTSettings, MusicnnSettings, ViTSettings
from sentio_mobile.models.first_weights import first_weights_for
from sentio_mobile.models.registry import spec_of
from sentio_mobile.recipes import is_train_recipe, load_recipe, load_run_recipe, load_train_recipe, with_seed
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe


def names(stage: str) -> list[str]:
    return sorted(file.stem for file in (ROOT / stage / "recipes").glob("*.toml"))


@pytest.mark.parametrize("name", names("teacher"))
def test_every_teacher_recipe_is_read(name: str) -> None:
    assert load_recipe(TeacherRecipe, name, "teacher").training.epochs > 0


@pytest.mark.parametrize("name", names("distill"))
def test_every_distill_recipe_is_read(name: str) -> None:
    assert load_recipe(DistillRecipe, name, "distill").training.steps > 0


@pytest.mark.parametrize("name", names("benchmarks"))
def test_every_recipe_for_the_whole_way_is_read(name: str, tmp_path: Path) -> None:
    if is_train_recipe(name):
        assert load_train_recipe(name, source=tmp_path).source == str(tmp_path)
    else:
        assert load_run_recipe(name, source=tmp_path).source == str(tmp_path)


def test_train_recipe_what_is_given_takes_the_place_of_what_it_has(tmp_path: Path) -> None:
    given = load_train_recipe("train", source=tmp_path, unlabelled=[tmp_path / "a"], encoder="none", seed=7)
    assert (given.encoder, given.unlabelled) == ("none", (str(tmp_path / "a"),))
    assert (given.data.seed, given.probe.seed, given.distill.training.seed) == (7, 7, 7)
    assert replace(given, encoder="musicnn-msd") == load_train_recipe(
        "train", source=tmp_path, unlabelled=[tmp_path / "a"], seed=7
    )


@pytest.mark.parametrize(("preset", "width"), [("small", 224), ("default", 384)])
def test_preset_has_one_student_in_every_stage(preset: str, width: int, tmp_path: Path) -> None:
    student = load_recipe(DistillRecipe, preset, "distill")
    pretrained = load_recipe(PretrainRecipe, preset, "distill/pretrain")
    trained = load_train_recipe(preset, source=tmp_path).distill
    assert student.model.width == pretrained.model.width == trained.model.width == width
    assert student.image_size == pretrained.image_size == trained.image_size
    spec = spec_of(trained.model, AudioSpec(image_size=trained.image_size))
    assert first_weights_for(spec) is not None


def test_best_preset_has_an_encoders_weights_and_no_pretraining() -> None:
    assert isinstance(load_recipe(DistillRecipe, "best", "distill").model, MusicnnSettings)
    with pytest.raises(
        RecipeError, match="no recipe 'best' in distill/pretrain/recipes; known: small, default, mobile"
    ):
        load_recipe(PretrainRecipe, "best", "distill/pretrain")


def test_folds_have_a_shorter_probe_and_features_need_an_encoder(tmp_path: Path) -> None:
    recipe = load_train_recipe("train", source=tmp_path)
    assert (recipe.fold_probe.folds, recipe.fold_probe.inner_folds, recipe.fold_probe.shuffles) == (5, 5, 20)
    assert recipe.fold_probe.regressors == recipe.probe.regressors
    with pytest.raises(RecordError, match="features must be false without an encoder"):
        replace(recipe, encoder="none", features=True)


def test_the_published_teacher_and_the_small_one_are_a_recipe_apart() -> None:
    large, small = (load_recipe(TeacherRecipe, name, "teacher").model for name in ("vit_b_16", "vit_small"))
    assert (large.layers, large.heads, large.width, large.mlp_width) == (12, 12, 768, 3072)
    assert small.width < large.width


def test_another_seed_changes_split_and_training_and_nothing_else() -> None:
    recipe = load_run_recipe("quickstart")
    other = with_seed(recipe, 9)
    assert (other.data.seed, other.teacher.training.seed, other.distill.training.seed) == (9, 9, 9)
    assert with_seed(other, 0) == with_seed(recipe, 0)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            'source = "generated"\nteacher = "vit_huge"\ndistill = "mobilevit"',
            "no recipe 'vit_huge' in teacher/recipes; known: ",
        ),
        ('source = "generated"\nteacher = "vit_small"', "lacks the key 'distill'"),
        ('source = "none.csv"\nteacher = "vit_small"\ndistill = "mobilevit"', "does not exist"),
        ("source = generated", "is no TOML"),
        (
            'source = "generated"\nteacher = "vit_small"\ndistill = "mobilevit"\nspeed = 3',
            "no key 'speed'; known: source",
        ),
        ('source = "generated"\nteacher = "vit_small"\ndistill = "mobilevit"\n[data]\nscale = "9-1"', "data.scale"),
        ('source = "generated"\nteacher = 3\ndistill = "mobilevit"', "teacher must be a table"),
    ],
)
def test_a_wrong_recipe_is_refused_in_one_line(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(RecipeError, match=fault) as caught:
        load_run_recipe(str(tmp_path / "mine.toml"))
    assert "\n" not in str(caught.value)


def test_a_teacher_may_be_one_of_several_architectures(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    training = "[training]\nepochs = 1\nbatch_size = 2\nlearning_rate = 1e-3\n"
    recipe.write_text(f'[model]\narchitecture = "ast"\nwidth = 96\n{training}')
    assert load_recipe(TeacherRecipe, str(recipe), "teacher").model == ASTSettings(width=96)
    recipe.write_text(f"[model]\nwidth = 96\n{training}")
    assert load_recipe(TeacherRecipe, str(recipe), "teacher").model == ViTSettings(width=96)
    recipe.write_text(f'[model]\narchitecture = "rnn"\n{training}')
    with pytest.raises(RecipeError, match=r"model.architecture must be one of 'vit', 'ast', 'crnn', not 'rnn'"):
        load_recipe(TeacherRecipe, str(recipe), "teacher")
