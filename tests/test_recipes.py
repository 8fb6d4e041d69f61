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
from sentio_mobile.pipeline.recipes import is_train_recipe, load_run_recipe, load_train_recipe
from sentio_mobile.recipes import load_recipe, with_seed
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.gan.config import STAGE, GanRecipe


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
        (
            'source = "generated"\ndistill = "mobilevit"\n[teacher.model]\nhead_widths = [16]\n[teacher.training]',
            "teacher.model.head_dropout must have one value more than head_widths: 2, not 3",
        ),
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


def test_set_is_typed_by_the_record() -> None:
    changes = [
        "training.learning_rate=1e-3",
        "training.augment.roll=false",
        "image_size=96,112",
        "training.precision=bf16-mixed",
        "model.width=96",
    ]
    recipe = load_recipe(DistillRecipe, "mobilevit_xs", "distill", changes=changes)
    assert (recipe.training.learning_rate, recipe.training.augment.roll) == (1e-3, False)
    assert (recipe.image_size, recipe.training.precision, recipe.model.width) == ((96, 112), "bf16-mixed", 96)
    plain = load_recipe(DistillRecipe, "mobilevit_xs", "distill")
    assert load_recipe(DistillRecipe, "mobilevit_xs", "distill", changes=["image_size=none"]).image_size is None
    assert plain.image_size is not None


def test_set_of_epochs_takes_the_place_of_steps_and_of_the_schedule_from_other_weights(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("pretrained_steps = 9\n" + (ROOT / "distill/recipes/mobilevit.toml").read_text())
    plain = load_recipe(DistillRecipe, str(recipe), "distill")
    assert (plain.training.epochs, plain.pretrained_steps) == (0, 9)
    changed = load_recipe(DistillRecipe, str(recipe), "distill", changes=["training.epochs=5"])
    assert (changed.training.epochs, changed.training.steps, changed.pretrained_steps) == (5, 0, 0)
    assert changed.for_pretrained().training.epochs == 5
    assert load_recipe(TeacherRecipe, "vit_small", "teacher", changes=["training.steps=9"]).training.epochs == 0


def test_set_of_a_stage_names_a_recipe_and_then_changes_it(tmp_path: Path) -> None:
    changes = ["distill.training.steps=7", "distill=mobilevit_xs", "export.formats=tflite,onnx"]
    recipe = load_run_recipe("quickstart", changes=changes)
    assert recipe.distill.model == load_recipe(DistillRecipe, "mobilevit_xs", "distill").model
    assert (recipe.distill.training.steps, recipe.export.formats) == (7, ("tflite", "onnx"))


def test_set_of_a_path_is_relative_to_where_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = load_train_recipe("train", source=tmp_path, changes=["unlabelled=a,b", "encoder=none"])
    assert given.unlabelled == (str(tmp_path / "a"), str(tmp_path / "b"))
    assert given.encoder == "none"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.epoch=5", "there is no such key; did you mean training.epochs?"),
        ("epochs=5", "there is no such key; did you mean training.epochs?"),
        ("zzz=5", "there is no such key; known: model, training, response"),
        ("training.epochs=-1", "training.epochs must be a whole number from 0 to 100,000, not -1"),
        ("training.epochs=many", "training.epochs must be a whole number from 0 to 100,000, not 'many'"),
        ("training.epochs", "give a key and a value, such as --set training.epochs=5"),
        ("training.epochs.x=1", "there is no such key"),
        ("training=5", "training must be a table, not 5"),
        ("model.architecture=vit", "must be one of 'mobilevit', 'musicnn', 'timm', 'custom'"),
        ("training.seed=1\nviews = 3", "training.seed must be a whole number"),
    ],
)
def test_wrong_set_is_refused(change: str, said: str) -> None:
    with pytest.raises(RecipeError, match=r"^[^\n]*--set") as caught:
        load_recipe(DistillRecipe, "mobilevit", "distill", changes=[change])
    assert said in str(caught.value)


def test_set_without_effect_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has no effect here; set steps"):
        load_train_recipe("train", source=tmp_path, changes=["distill.training.epochs=3"])


def test_seed_of_every_kind_of_recipe() -> None:
    assert load_recipe(GanRecipe, "cgan_small", STAGE, seed=7).training.seed == 7
    assert load_recipe(PretrainRecipe, "mobilevit", "distill/pretrain", seed=7).training.seed == 7
    run = load_run_recipe("quickstart", seed=7)
    assert run.teacher is not None
    assert (run.data.seed, run.teacher.training.seed, run.distill.training.seed) == (7, 7, 7)
    assert run.generated == load_run_recipe("quickstart").generated
