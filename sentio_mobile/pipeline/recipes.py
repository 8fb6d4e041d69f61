"""Recipes of whole runs: TOML files that name the recipes of stages, or have their tables inline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import replace
from sentio_mobile.data.config import DataRecipe, TableSettings
from sentio_mobile.errors import RecipeError
from sentio_mobile.pipeline.config import RunRecipe, TrainRecipe
from sentio_mobile.recipes import GENERATED, STARTS, load_nested_recipe, teacher_named_by, with_seed

SCHEDULE_OF_TRAIN = tuple(f"distill.{key}" for key in ("training.epochs", "training.steps", "pretrained_steps"))
"""What `steps` and `fold_steps` of a `TrainRecipe` decide."""


def load_run_recipe(
    name: str, source: Path | None = None, *, changes: Sequence[str] = (), seed: int | None = None
) -> RunRecipe:
    """Read a recipe for a whole run.

    Args:
        name: The path of a TOML file, or the name of a recipe in `benchmarks/recipes`.
        source: Takes the place of the recipe's own source.
        changes: Settings in place of the recipe's, such as "teacher.training.epochs=5".
        seed: Random seed of the split and of all first weights, in place of the recipe's.

    Returns:
        The recipe; its source is `generated` or an absolute path, and so are the others.

    Raises:
        RecipeError: The recipe, or a recipe that it names, has a fault, or its source does not exist.
    """
    given = {} if source is None else {"source": str(source.absolute()), "more_sources": []}
    recipe, path = load_nested_recipe(RunRecipe, name, ("teacher", "distill"), given=given, changes=changes)
    if seed is not None:
        recipe = with_seed(recipe, seed)
    if recipe.student_start not in STARTS:
        recipe = replace(recipe, student_start=_placed(path, recipe.student_start))
    recipe = replace(recipe, data=_placed_norms(path, recipe.data))
    if recipe.source == GENERATED and not recipe.more_sources:
        return recipe
    first, *more = (_existing(path, one) for one in (recipe.source, *recipe.more_sources))
    return replace(recipe, source=first, more_sources=tuple(more))


def _placed(recipe: Path, place: str) -> str:
    """The absolute path of what a recipe names; relative ones start from its folder."""
    try:
        return str(recipe.parent.absolute() / Path(place).expanduser())
    except RuntimeError:
        raise RecipeError(
            f"{recipe}: {shown(place)} is in the folder of a user whom this machine does not know; give the whole path"
        ) from None


def _existing(recipe: Path, source: str) -> str:
    """The absolute path of a recipe's source."""
    found = _placed(recipe, source)
    try:
        exists = Path(found).exists()
    except (OSError, ValueError):
        exists = False
    if not exists:
        raise RecipeError(
            f"{recipe}: source {shown(found)} does not exist; name a data set's folder, a manifest CSV, or "
            f"{GENERATED!r} alone"
        )
    return found


def _placed_norms(recipe: Path, data: DataRecipe) -> DataRecipe:
    """Settings of data preparation with an absolute path of the word norms."""
    return replace(data, norms=_placed(recipe, data.norms)) if data.norms else data


def load_train_recipe(
    name: str,
    *,
    source: Path | None = None,
    more_sources: Sequence[Path] = (),
    unlabelled: Sequence[Path] = (),
    weak_labels: Sequence[tuple[Path, Path]] = (),
    encoder: str | None = None,
    student_start: str | None = None,
    tables: Sequence[TableSettings] = (),
    norms: Path | None = None,
    norms_scale: str = "",
    changes: Sequence[str] = (),
    seed: int | None = None,
) -> TrainRecipe:
    """Read a recipe for `train`. What is given here takes the place of what the recipe has.

    Args:
        name: The path of a TOML file, or the name of a recipe in `benchmarks/recipes`.
        source: The labelled songs.
        more_sources: Further labelled songs; only with `source`.
        unlabelled: Folders of music without labels.
        weak_labels: A CSV of weak labels, and the folder of its audio, each.
        encoder: The encoder, or "none".
        student_start: The student's first weights: "default", "random" or the path of a checkpoint.
        tables: Scale and columns of the sources that are CSVs.
        norms: Word norms, by which songs get labels from their tags.
        norms_scale: Scale of the norms; empty for that of the recipe.
        changes: Settings in place of the recipe's, such as "steps=600".
        seed: Random seed of splits, weights, probe and bootstrap.

    Returns:
        The recipe, with absolute paths.

    Raises:
        RecipeError: The recipe, or a recipe that it names, has a fault.
    """
    for text in changes:
        if (key := text.partition("=")[0].strip()) in SCHEDULE_OF_TRAIN:
            raise RecipeError(f"--set {key}: has no effect here; set steps, and fold_steps of a cross-validation")
    given: dict[str, object] = {}
    if source is not None:
        given |= {"source": str(source.absolute()), "more_sources": [str(one.absolute()) for one in more_sources]}
    if unlabelled:
        given["unlabelled"] = [str(folder.absolute()) for folder in unlabelled]
    if weak_labels:
        given["weak_labels"] = [[str(one.absolute()) for one in pair] for pair in weak_labels]
    if encoder:
        given["encoder"] = encoder
    recipe, path = load_nested_recipe(TrainRecipe, name, ("distill",), given=given, changes=changes)
    placed = partial(_placed, path)
    given_start = student_start or recipe.student_start
    recipe = replace(
        recipe,
        student_start=given_start if student_start or given_start in STARTS else placed(given_start),
        source=placed(recipe.source),
        more_sources=tuple(map(placed, recipe.more_sources)),
        data=_placed_norms(path, recipe.data),
        unlabelled=tuple(map(placed, recipe.unlabelled)),
        weak_labels=tuple((placed(csv), placed(folder)) for csv, folder in recipe.weak_labels),
    )
    if any(table.scale or table.columns for table in tables):
        recipe = replace(recipe, data=replace(recipe.data, tables=tuple(tables)))
    if norms is not None:
        recipe = replace(recipe, data=replace(recipe.data, norms=str(norms.absolute()), norms_scale=norms_scale))
    return recipe if seed is None else with_seed(recipe, seed)


def is_train_recipe(name: str) -> bool:
    """Whether a recipe of `run` has a probe as its teacher, and is one for `train`.

    Raises:
        RecipeError: There is no such recipe.
    """
    return teacher_named_by(name) == "probe"
