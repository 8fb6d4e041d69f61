"""Recipes: TOML files that say how a stage, or a whole run, is done. An unknown key names the known ones.

A recipe for one stage stands in that stage's folder (teacher/recipes, distill/recipes) and goes by its file name. A
recipe for a whole run names them, or has their tables inline. The settings themselves are in each stage's `config.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from msgspec import Meta

from sentio_mobile._internal.assignments import assign
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import Count, Name, Record, from_plain, read_toml, replace
from sentio_mobile._internal.resources import ROOT
from sentio_mobile.data.config import DataRecipe, GeneratedRecipe, TableSettings
from sentio_mobile.distill.config import DistillRecipe, PretrainRecipe
from sentio_mobile.errors import RecipeError, RecordError
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.probe.config import ProbeRecipe

R = TypeVar("R", bound=Record)

Source = Annotated[str, Meta(min_length=1, max_length=4096)]

Sources = Annotated[tuple[Source, ...], Meta(max_length=63)]

GENERATED = "generated"
"""The source of a run that generates its own music."""

STARTS = ("default", "random")
"""First weights of a student that are not those of a checkpoint."""

NO_ENCODER = "none"
"""The encoder of a training that uses none."""

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

SCHEDULE_OF_TRAIN = tuple(f"distill.{key}" for key in ("training.epochs", "training.steps", "pretrained_steps"))
"""What `steps` and `fold_steps` of a `TrainRecipe` decide."""

RENAMED: Mapping[str, str] = {"training.sides": "training.weak_labels", "synthetic": "gan_samples"}
"""Keys of older recipes, and what they are called now."""


class RunRecipe(Record, frozen=True, kw_only=True):
    """A whole run, from audio and labels to a bundle and a report."""

    # "generated", a data set's folder or a manifest CSV; a relative path is relative to the recipe's file
    source: Source
    more_sources: Sources = ()  # further labelled sources, prepared together with `source`, each on its scale
    # the teacher, or the name of a recipe in teacher/recipes; not needed if the student follows no teacher
    teacher: TeacherRecipe | None = None
    distill: DistillRecipe  # the student, or the name of a recipe in distill/recipes
    generated: GeneratedRecipe = GeneratedRecipe()  # the music of a run whose source is "generated"
    audio: AudioSpec = AudioSpec()  # the front end
    data: DataRecipe = DataRecipe()  # how songs are prepared
    export: ExportRecipe = ExportRecipe()  # which artifacts are made
    # the student's first weights: "default" for shipped ones where they fit, "random", or a student's checkpoint; a
    # relative path is relative to the recipe's file
    student_start: Source = "default"

    def check(self) -> None:
        """A student that follows a teacher must have one."""
        if self.teacher is None and self.distill.follows_a_teacher:
            raise RecordError("'teacher' must be given, because the student of 'distill' learns from one")


class TrainRecipe(Record, frozen=True, kw_only=True):
    """One command from labelled songs to a judged bundle: a probe teaches a student, and decisions are taken."""

    teacher: Literal["probe"]  # says that this is such a recipe, and not one with a network as the teacher
    source: Source  # the labelled songs, as in `RunRecipe`
    more_sources: Sources = ()  # further labelled songs, as in `RunRecipe`
    distill: DistillRecipe  # the student, or the name of a recipe in distill/recipes; its schedule is given by `steps`
    encoder: Name = "musicnn-msd"  # what the teacher hears with; "none" trains without an encoder
    # folders of music without labels; one of a data set with weak labels is learned with them
    unlabelled: Annotated[tuple[Source, ...], Meta(max_length=64)] = ()
    weak_labels: Annotated[tuple[tuple[Source, Source], ...], Meta(max_length=64)] = ()  # CSV and folder of audio each
    student_start: Source = "default"  # the student's first weights, as in `RunRecipe`
    # whether the teacher also hears 164 audio features, which takes about a second a window and core
    features: bool = False
    steps: Count = 2400  # training steps of the student; none are taken where only its head is fitted
    # training steps of the student of each fold, where songs are cross-validated; none where only its head is fitted
    fold_steps: Count = 600
    folds: Annotated[int, Meta(ge=2, le=20)] = 5  # folds of the cross-validation of fewer than 500 songs
    probe: ProbeRecipe = ProbeRecipe()  # how the teacher is made: which regressors may predict together
    # outer and inner folds, at most, of each teacher of the cross-validation: it is made anew in each of the `folds`
    fold_probe_folds: Annotated[int, Meta(ge=2, le=20)] = 5
    audio: AudioSpec = AudioSpec()  # the front end
    data: DataRecipe = DataRecipe(windows=3, perturb=2)  # how labelled songs are prepared; `fractions` have no effect
    unlabelled_data: DataRecipe = DataRecipe(perturb=1)  # how other music is prepared
    # which artifacts are made
    export: ExportRecipe = ExportRecipe(formats=("tflite", "onnx"), precisions=("fp32", "int8"))

    def check(self) -> None:
        """Something must be exported in int8."""
        if "int8" not in self.export.precisions:
            raise RecordError("export.precisions must have int8, by which a model for phones is judged")
        if self.features and self.encoder == NO_ENCODER:
            raise RecordError("features must be false without an encoder: the teacher hears nothing but them then")

    def steps_of(self, *, fold: bool) -> int:
        """Training steps of the student of a fold, or of the one that is kept; 0 where only its head is fitted."""
        if self.distill.head_only:
            return 0
        return self.fold_steps if fold else self.steps

    @property
    def fold_probe(self) -> ProbeRecipe:
        """How the teacher of each fold is made. Nobody reads its own evaluation: the fewest shuffles do."""
        most = self.fold_probe_folds
        return replace(
            self.probe,
            folds=min(self.probe.folds, most),
            inner_folds=min(self.probe.inner_folds, most),
            shuffles=min(self.probe.shuffles, 20),
        )


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
    path = _find(name, "benchmarks")
    table = _read(path)
    if source is not None:
        table["source"] = str(source.absolute())
        table.pop("more_sources", None)
    _resolve(table, RunRecipe, ("teacher", "distill"), changes)
    recipe = from_plain(RunRecipe, table, _named(path, changes), RecipeError)
    if seed is not None:
        recipe = with_seed(recipe, seed)
    root = path.parent.absolute()
    if recipe.student_start not in STARTS:
        recipe = replace(recipe, student_start=str(root / Path(recipe.student_start).expanduser()))
    recipe = replace(recipe, data=_placed_norms(recipe.data, root))
    if recipe.source == GENERATED and not recipe.more_sources:
        return recipe
    first, *more = (_existing(path, one) for one in (recipe.source, *recipe.more_sources))
    return replace(recipe, source=first, more_sources=tuple(more))


def _existing(recipe: Path, source: str) -> str:
    """The absolute path of a recipe's source."""
    found = recipe.parent.absolute() / source
    try:
        found = recipe.parent.absolute() / Path(source).expanduser()
        exists = found.exists()
    except (OSError, RuntimeError, ValueError):
        exists = False
    if not exists:
        raise RecipeError(
            f"{recipe}: source {shown(str(found))} does not exist; name a data set's folder, a manifest CSV, or "
            f"{GENERATED!r} alone"
        )
    return str(found)


def _placed_norms(data: DataRecipe, root: Path) -> DataRecipe:
    """Settings of data preparation with an absolute path of the word norms."""
    return replace(data, norms=str(root / Path(data.norms).expanduser())) if data.norms else data


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
    path = _find(name, "benchmarks")
    table = _read(path)
    _resolve(table, TrainRecipe, ("distill",), changes)
    given = {
        "source": source and str(source.absolute()),
        "unlabelled": [str(folder.absolute()) for folder in unlabelled],
        "weak_labels": [[str(one.absolute()) for one in pair] for pair in weak_labels],
        "encoder": encoder,
    }
    table.update({key: value for key, value in given.items() if value})
    if source is not None:
        table["more_sources"] = [str(one.absolute()) for one in more_sources]
    recipe = from_plain(TrainRecipe, table, _named(path, changes), RecipeError)
    root = path.parent.absolute()

    def placed(place: str) -> str:
        return str(root / Path(place).expanduser())

    given_start = student_start or recipe.student_start
    recipe = replace(
        recipe,
        student_start=given_start if student_start or given_start in STARTS else placed(given_start),
        source=placed(recipe.source),
        more_sources=tuple(map(placed, recipe.more_sources)),
        data=_placed_norms(recipe.data, root),
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
    return _read(_find(name, "benchmarks")).get("teacher") == "probe"


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
    if kind is TrainRecipe:
        for text in changes:
            if (key := text.partition("=")[0].strip()) in SCHEDULE_OF_TRAIN:
                raise RecipeError(f"--set {key}: has no effect here; set steps, and fold_steps of a cross-validation")
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


def _resolve(table: dict[str, Any], kind: type[Record], stages: Sequence[str], changes: Sequence[str]) -> None:
    """Put the recipes that a recipe names in their place, and settings of `--set` in theirs."""
    names = [text for text in changes if text.partition("=")[0].strip() in stages]
    _change(table, kind, names)
    for stage in stages:
        if isinstance(table.get(stage), str):
            table[stage] = _read(_find(table[stage], stage))
        _fill_architecture(table.get(stage), stage)
    _change(table, kind, [text for text in changes if text not in names])


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
