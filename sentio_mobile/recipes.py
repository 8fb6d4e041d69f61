"""Recipes: TOML files that say how a stage, or a whole run, is done. An unknown key names the known ones.

A recipe for one stage stands in that stage's folder (teacher/recipes, distill/recipes) and goes by its file name. A
recipe for a whole run names them, or has their tables inline. The settings themselves are in each stage's `config.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from msgspec import Meta

from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import Record, from_plain, read_toml, replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.data.config import DataRecipe, GeneratedRecipe
from sentio_mobile.distill.config import DistillRecipe, PretrainRecipe
from sentio_mobile.errors import RecipeError
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe

R = TypeVar("R", bound=Record)
S = TypeVar("S", TeacherRecipe, DistillRecipe)

Source = Annotated[str, Meta(min_length=1, max_length=4096)]

GENERATED = "generated"
"""The source of a run that generates its own music."""

STARTS = ("default", "random")
"""First weights of a student that are not those of a checkpoint."""

DEFAULT_ARCHITECTURES: Mapping[str, str] = {"teacher": "vit", "distill": "mobilevit"}
"""The architecture of a teacher or a student whose recipe names none."""

RENAMED: Mapping[str, str] = {"training.sides": "training.weak_labels", "synthetic": "gan_samples"}
"""Keys of older recipes, and what they are called now."""


class RunRecipe(Record, frozen=True, kw_only=True):
    """A whole run, from audio and labels to a bundle and a report."""

    source: Source  # "generated", a DEAM folder or a manifest CSV; a relative path is relative to the recipe's file
    teacher: TeacherRecipe  # the teacher, or the name of a recipe in teacher/recipes
    distill: DistillRecipe  # the student, or the name of a recipe in distill/recipes
    generated: GeneratedRecipe = GeneratedRecipe()  # the music of a run whose source is "generated"
    audio: AudioSpec = AudioSpec()  # the front end
    data: DataRecipe = DataRecipe()  # how songs are prepared
    export: ExportRecipe = ExportRecipe()  # which artifacts are made
    # the student's first weights: "default" for shipped ones where they fit, "random", or a student's checkpoint; a
    # relative path is relative to the recipe's file
    student_start: Source = "default"


def load_recipe(kind: type[R], name: str, stage: str) -> R:
    """Read a recipe of one stage.

    Args:
        kind: The recipe's class.
        name: The path of a TOML file, or the name of a recipe in `<stage>/recipes`.
        stage: The folder whose `recipes` folder has the named recipes of this kind.

    Raises:
        RecipeError: There is no such recipe, it is not TOML, or a key or value in it is wrong.
    """
    path = _find(name, stage)
    table = _read(path)
    if issubclass(kind, TeacherRecipe | DistillRecipe | PretrainRecipe):
        _fill_architecture(table, "teacher" if issubclass(kind, TeacherRecipe) else "distill")
    return from_plain(kind, table, str(path), RecipeError)


def load_run_recipe(name: str, source: Path | None = None) -> RunRecipe:
    """Read a recipe for a whole run.

    Args:
        name: The path of a TOML file, or the name of a recipe in `benchmarks/recipes`.
        source: Takes the place of the recipe's own source.

    Returns:
        The recipe; its source is `generated` or an absolute path.

    Raises:
        RecipeError: The recipe, or a recipe that it names, has a fault, or its source does not exist.
    """
    path = _find(name, "benchmarks")
    table = _read(path)
    if source is not None:
        table["source"] = str(source.absolute())
    for stage in ("teacher", "distill"):
        if isinstance(table.get(stage), str):
            table[stage] = _read(_find(table[stage], stage))
        _fill_architecture(table.get(stage), stage)
    recipe = from_plain(RunRecipe, table, str(path), RecipeError)
    if recipe.student_start not in STARTS:
        recipe = replace(recipe, student_start=str(path.parent.absolute() / Path(recipe.student_start).expanduser()))
    if recipe.source == GENERATED:
        return recipe
    found = path.parent.absolute() / recipe.source
    try:
        found = path.parent.absolute() / Path(recipe.source).expanduser()
        exists = found.exists()
    except (OSError, RuntimeError, ValueError):
        exists = False
    if not exists:
        raise RecipeError(
            f"{path}: source {shown(str(found))} does not exist; name a DEAM folder, a manifest CSV, or {GENERATED!r}"
        )
    return replace(recipe, source=str(found))


def with_seed(recipe: RunRecipe, seed: int) -> RunRecipe:
    """The same run with another split, and other initial weights."""

    def reseeded(stage: S) -> S:
        return replace(stage, training=replace(stage.training, seed=seed))

    return replace(
        recipe,
        data=replace(recipe.data, seed=seed),
        teacher=reseeded(recipe.teacher),
        distill=reseeded(recipe.distill),
    )


def _find(name: str, stage: str) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    folder = ROOT / stage / "recipes"
    known = {file.stem: file for file in sorted(folder.glob("*.toml"))}
    if name not in known:
        raise RecipeError(
            f"no recipe {shown(name)} in {stage}/recipes; known: {', '.join(known)}; or give the path of a .toml file"
        )
    return known[name]


def _read(path: Path) -> dict[str, Any]:
    table = read_toml(path, RecipeError)
    for old, new in RENAMED.items():
        for prefix in ("", "teacher.", "distill."):
            if _has(table, (prefix + old).split(".")):
                raise RecipeError(f"{path}: {prefix}{old} has a new name, {prefix}{new}; rename it in the recipe")
    return table


def _has(table: object, keys: list[str]) -> bool:
    for key in keys:
        if not isinstance(table, dict) or key not in table:
            return False
        table = table[key]
    return True


def _fill_architecture(table: object, stage: str) -> None:
    """Name the default architecture in a recipe that names none."""
    if isinstance(table, dict) and isinstance(table.get("model"), dict):
        table["model"].setdefault("architecture", DEFAULT_ARCHITECTURES[stage])
