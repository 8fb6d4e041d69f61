"""Recipes: TOML files that say how a stage is done. An unknown key names the known ones.

A recipe for one stage stands in that stage's folder (teacher/recipes, distill/recipes) and goes by its file name. A
recipe for a whole run names them, or has their tables inline (`pipeline/recipes.py`). The settings themselves are in
each stage's `config.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from sentio_mobile._internal.assignments import assign
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import Record, from_plain, read_toml, replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.distill.config import DistillRecipe, PretrainRecipe
from sentio_mobile.errors import RecipeError
from sentio_mobile.teacher.config import TeacherRecipe

R = TypeVar("R", bound=Record)

GENERATED = "generated"
"""The source of a run that generates its own music."""

STARTS = ("default", "random")
"""First weights of a student that are not those of a checkpoint."""

PRESETS: Mapping[str, Mapping[str, str]] = {
    "distill": {"small": "mobilevit_xs", "default": "mobilevit", "best": "musicnn"},
    "distill/pretrain": {"small": "mobilevit_xs", "default": "mobilevit"},
    "benchmarks": {"small": "train", "default": "train_mobilevit", "best": "train_musicnn"},
}
"""Recipes by size, for `distill`, `pretrain` and `train`: 2.0 M parameters, and 7.3 M. Both have shipped first weights.

`best` is the most accurate student that was measured. Its first weights are an installed encoder's, and it needs no
pretraining: musicnn with a head that is solved for."""

DEFAULT_ARCHITECTURES: Mapping[str, str] = {"teacher": "vit", "distill": "mobilevit"}
"""The architecture of a teacher or a student whose recipe names none."""

SEEDED = ("data", "probe", "training", "teacher", "distill")
"""Parts of a recipe that follow its random seed."""

PATHS = ("source", "more_sources", "unlabelled", "weak_labels", "student_start", "data.norms")
"""Settings that are paths."""

LENGTHS: Mapping[str, str] = {"epochs": "steps", "steps": "epochs"}
"""Two ways to say how long training takes, of which one leaves the other out."""

RENAMED: Mapping[str, str] = {"training.sides": "training.weak_labels", "synthetic": "gan_samples"}
"""Keys of older recipes, and what they are called now."""


def load_recipe(kind: type[R], name: str, stage: str, *, changes: Sequence[str] = (), seed: int | None = None) -> R:
    """Read a recipe of one stage.

    Args:
        kind: The recipe's class.
        name: The path of a TOML file, or the name of a recipe in `<stage>/recipes`.
        stage: The folder whose `recipes` folder has the named recipes of this kind.
        changes: Settings in place of the recipe's, such as "training.epochs=5".
        seed: Random seed, in place of the recipe's.

    Raises:
        RecipeError: There is no such recipe, it is not TOML, or a key or value in it is wrong.
    """
    path = _find(name, stage)
    table = _read(path)
    if issubclass(kind, TeacherRecipe | DistillRecipe | PretrainRecipe):
        _fill_architecture(table, "teacher" if issubclass(kind, TeacherRecipe) else "distill")
    _change(table, kind, changes)
    recipe = from_plain(kind, table, _named(path, changes), RecipeError)
    return recipe if seed is None else with_seed(recipe, seed)


def load_nested_recipe(
    kind: type[R],
    name: str,
    stages: Sequence[str],
    *,
    given: Mapping[str, object],
    changes: Sequence[str] = (),
) -> tuple[R, Path]:
    """Read a recipe that names recipes of stages, or has their tables inline.

    Args:
        kind: The recipe's class.
        name: The path of a TOML file, or the name of a recipe in `benchmarks/recipes`.
        stages: Stages whose recipes it may name.
        given: Values that take the place of the recipe's.
        changes: Settings in place of the recipe's, such as "distill.training.epochs=5".

    Returns:
        The recipe, and its file, which relative paths in it start from.

    Raises:
        RecipeError: The recipe, or a recipe that it names, has a fault.
    """
    path = _find(name, "benchmarks")
    table = {**_read(path), **given}
    names = [text for text in changes if text.partition("=")[0].strip() in stages]
    _change(table, kind, names)
    for stage in stages:
        if isinstance(table.get(stage), str):
            table[stage] = _read(_find(table[stage], stage))
        _fill_architecture(table.get(stage), stage)
    _change(table, kind, [text for text in changes if text not in names])
    return from_plain(kind, table, _named(path, changes), RecipeError), path


def teacher_named_by(name: str) -> str:
    """The teacher that a recipe of a whole run names; empty where it names none.

    Raises:
        RecipeError: There is no such recipe.
    """
    teacher = _read(_find(name, "benchmarks")).get("teacher")
    return teacher if isinstance(teacher, str) else ""


def with_seed(recipe: R, seed: int) -> R:
    """The same recipe with other random numbers: another split, other first weights, other draws of each stage.

    Generated music, and how music without labels is perturbed, stay: they are what a run is given.
    """
    parts = {name: getattr(recipe, name, None) for name in SEEDED}
    changed: dict[str, object] = {
        name: with_seed(part, seed) for name, part in parts.items() if isinstance(part, Record)
    }
    if "seed" in recipe.__struct_fields__:
        changed["seed"] = seed
    return replace(recipe, **changed)


def _change(table: dict[str, Any], kind: type[Record], changes: Sequence[str]) -> None:
    """Put the settings of `--set` into a recipe.

    Raises:
        RecipeError: A key is unknown, or has no effect in this recipe.
    """
    keys = assign(table, kind, changes, "--set", RecipeError)
    for key in keys:
        parts = key.split(".")
        place: Any = table
        for part in parts[:-1]:
            place = place[part]
        if key in PATHS:
            place[parts[-1]] = _from_here(place[parts[-1]])
        if parts[-2:-1] == ["training"] and (other := LENGTHS.get(parts[-1])):
            # A schedule has one length. The one that was asked for holds, whatever the student starts from.
            start = key.removesuffix(f"training.{parts[-1]}")
            if f"{start}training.{other}" not in keys:
                place.pop(other, None)
            if f"{start}pretrained_steps" not in keys:
                stage = table.get(start.rstrip("."), {}) if start else table
                stage.pop("pretrained_steps", None)


def _from_here(value: Any) -> Any:
    """A path, or a list of paths, of a command line: relative to where it was given, not to the recipe."""
    if isinstance(value, list):
        return [_from_here(one) for one in value]
    return value if value in (*STARTS, GENERATED) or not isinstance(value, str) else str(Path(value).absolute())


def _named(path: Path, changes: Sequence[str]) -> str:
    """What messages call a recipe."""
    return f"{path} with --set" if changes else str(path)


def _find(name: str, stage: str) -> Path:
    if name.endswith(".toml"):
        return Path(name)
    folder = ROOT / stage / "recipes"
    name = PRESETS.get(stage, {}).get(name, name)
    known = {file.stem: file for file in sorted(folder.glob("*.toml"))}
    if name not in known:
        names = ", ".join((*PRESETS.get(stage, {}), *known))
        raise RecipeError(
            f"no recipe {shown(name)} in {stage}/recipes; known: {names}; or give the path of a .toml file"
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
