"""What a person may decide about a run, as frozen data read from TOML. An unknown key names the known ones.

A recipe for one stage stands under that stage's folder (teacher/recipes, distill/recipes) and goes by its file name; a
recipe for the whole way names them, or has their tables inline.
"""

from __future__ import annotations

import dataclasses
import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from sentio_mobile._internal.resources import ROOT
from sentio_mobile._internal.tables import read_table
from sentio_mobile.distill.config import AttentionSettings, FeatureSettings, ResponseSettings
from sentio_mobile.errors import InputError, RecipeError
from sentio_mobile.models.config import ASTSettings, CRNNSettings, MobileViTSettings, ViTSettings
from sentio_mobile.spec import FORMS, MAIN_FORMATS, AudioSpec, Form, Precision

T = TypeVar("T")

GENERATED = "generated"
"""The source of a run that makes its own music."""


@dataclass(frozen=True)
class GeneratedRecipe:
    """How much music the generator makes, and from which seed."""

    songs: int = 600
    seed: int = 1
    audio_format: Literal["mp3", "flac", "ogg", "wav"] = "mp3"


@dataclass(frozen=True, kw_only=True)
class DataRecipe:
    """How audio is prepared.

    `window` says which `seconds` of a longer song are taken. Of a song that is long enough `windows` are stored, spread
    evenly over it: training draws one for each epoch, and validation and test use the one that `window` names. `scale`
    is that of a manifest's labels; DEAM's is 1-9. `labels` are static, one for a whole song, or dynamic, those of the
    window's own moments. `fractions` are the shares of training, validation and test songs.
    """

    scale: Literal["1-9", "-1-1"] = "1-9"
    labels: Literal["static", "dynamic"] = "static"
    window: Literal["start", "middle"] = "start"
    windows: int = 1
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.windows < 1:
            raise InputError(f"windows must be 1 or more, not {self.windows}")


@dataclass(frozen=True, kw_only=True)
class AugmentSettings:
    """SpecAugment's masks (Park et al. 2019), a turn around the time axis and more, for training clips alone.

    Widths are the largest that are drawn, in mel bands and in frames. `equalizer_db` is the most by which a random
    curve over the bands raises or lowers them, `gain_db` the same over time. `mixup` is the strength of mixup (both
    parameters of its Beta distribution); 0 mixes nothing.
    """

    frequency_masks: int = 1
    frequency_width: int = 16
    time_masks: int = 2
    time_width: int = 96
    roll: bool = True
    equalizer_db: float = 0.0
    gain_db: float = 0.0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value < 0:
                raise RecipeError(f"augment.{name} must be 0 or more, not {value!r}")


@dataclass(frozen=True)
class Unfreeze:
    """From `epoch` on, counted from 1, the head and the last `blocks` blocks are trained, and nothing else."""

    epoch: int
    blocks: int


@dataclass(frozen=True)
class WeakLabelSettings:
    """How songs are learnt from of which only the side of neutral is known: `--sides`. See `side_loss`."""

    weight: float = 0.3
    sharpness: float = 4.0

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if value <= 0:
                raise RecipeError(f"sides.{name} must be above 0, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How any network here is trained: AdamW, one cosine cycle with warm-up, best epoch by validation CCC.

    `ccc_share` is the share of 1 - CCC (of the batch) in the loss; the rest is the mean squared error. `patience` is
    the number of epochs without a better validation CCC after which training stops. `precision` is one of Lightning's.
    `unfreeze` says, epoch by epoch, how much of a pretrained network is trained; empty trains all of it from the start.
    `batch_size` counts the clips of all processes together. `ema` is the decay, each step, of an exponential moving
    average of the weights, which is then what is validated and kept; 0 keeps the weights themselves.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    accumulate: int = 1
    weight_decay: float = 0.05
    warm_up: float = 0.1
    clip: float = 1.0
    ccc_share: float = 0.0
    patience: int = 10
    ema: float = 0.0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    seed: int = 0
    augment: AugmentSettings = field(default_factory=AugmentSettings)
    unfreeze: tuple[Unfreeze, ...] = ()
    sides: WeakLabelSettings = field(default_factory=WeakLabelSettings)

    def __post_init__(self) -> None:
        epochs = [step.epoch for step in self.unfreeze]
        if self.unfreeze and (epochs[0] != 1 or epochs != sorted(set(epochs))):
            raise RecipeError(f"training.unfreeze must begin at epoch 1 and go upwards, not {epochs}")
        if not 0 <= self.ema < 1:
            raise RecipeError(f"training.ema must be 0 or more and below 1, not {self.ema!r}")
        if any(step.blocks < 0 for step in self.unfreeze):
            raise RecipeError("training.unfreeze: blocks must be 0 or more")


@dataclass(frozen=True)
class GanSampleSettings:
    """How made-up clips take the place of real ones, where `teacher train` is given some: `--synthetic`.

    In the first `until` of the epochs, each turn of a training song is taken by a made-up clip with probability
    `share`. Steps stay as many. A share of 1 and an `until` of 0.5 pretrain on made-up clips, and finetune on songs.
    """

    share: float = 0.5
    until: float = 0.7

    def __post_init__(self) -> None:
        for name, value in dataclasses.asdict(self).items():
            if not 0 < value <= 1:
                raise RecipeError(f"synthetic.{name} must be above 0 and at most 1, not {value!r}")


@dataclass(frozen=True, kw_only=True)
class TeacherRecipe:
    """A teacher and how it is trained.

    `model.architecture` is `vit` (the default), `ast` or `crnn`. `audio` is the front end that it wants, which `data
    prepare --recipe` prepares for; without one, a teacher takes songs as they were prepared. `pooling` is that of
    `ModelSpec`: with `mean`, the answer for a song is the mean over its windows.
    """

    model: ViTSettings | ASTSettings | CRNNSettings
    training: TrainingSettings
    synthetic: GanSampleSettings = field(default_factory=GanSampleSettings)
    audio: AudioSpec | None = None
    pooling: Literal["mean"] | None = None


@dataclass(frozen=True, kw_only=True)
class DistillRecipe:
    """A student and how it is taught.

    `image_size` is height and width of the picture that the student looks at, where it is not the one that the songs
    were prepared for. `views` is how many augmented versions there are of each clip: the teacher looks at each of them
    once, before training, and what it gives is kept on disk. With 0 every epoch has versions of its own, and the
    teacher runs in each step.
    """

    model: MobileViTSettings
    training: TrainingSettings
    response: ResponseSettings = field(default_factory=ResponseSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    attention: AttentionSettings = field(default_factory=AttentionSettings)
    image_size: tuple[int, int] | None = None
    views: int = 4

    def __post_init__(self) -> None:
        if self.views < 0:
            raise RecipeError(f"views must be 0 or more, not {self.views}")
        if self.image_size is not None and any(side < 16 or side % 16 for side in self.image_size):
            raise RecipeError(f"image_size must be two multiples of 16, not {list(self.image_size)}")


@dataclass(frozen=True)
class QatRecipe:
    """How a student learns to answer in 8 bits as it does in 32: `distill --qat`.

    `whole` is the weight of its answers in 32 bits in the loss, beside 1 of those in 8.
    """

    training: TrainingSettings
    whole: float = 0.3

    def __post_init__(self) -> None:
        if not self.whole >= 0:
            raise RecipeError(f"whole must be 0 or more, not {self.whole!r}")


@dataclass(frozen=True, kw_only=True)
class ExportRecipe:
    """Which formats are made, in which forms and precisions, and how long one conversion may take.

    A precision that a format does not have in a form is left out. `name` and `release` are what the model is called in
    the names of files; `licence` is an SPDX identifier, as the model card states it. `keep_float` are layers, by the
    names that `export --sensitivity` prints, that `int8` and `int8-dynamic` leave in floating point.
    """

    formats: tuple[str, ...] = MAIN_FORMATS
    forms: tuple[Form, ...] = FORMS
    precisions: tuple[Precision, ...] = ("fp32",)
    name: str = "emotion"
    release: str = "1"
    licence: str = "unknown"
    keep_float: tuple[str, ...] = ()
    timeout_s: float = 600.0

    def __post_init__(self) -> None:
        for field_, text in (("name", self.name), ("release", self.release)):
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._]*", text):
                raise RecipeError(f"export.{field_} is part of file names: letters, digits, dots and _, not {text!r}")


@dataclass(frozen=True, kw_only=True)
class RunRecipe:
    """The whole way. `source` is `generated`, a DEAM folder or a manifest CSV, relative to the recipe's file."""

    source: str
    teacher: TeacherRecipe
    distill: DistillRecipe
    generated: GeneratedRecipe = field(default_factory=GeneratedRecipe)
    audio: AudioSpec = field(default_factory=AudioSpec)
    data: DataRecipe = field(default_factory=DataRecipe)
    export: ExportRecipe = field(default_factory=ExportRecipe)


S = TypeVar("S", TeacherRecipe, DistillRecipe)


def load_recipe(kind: type[T], name: str, stage: str) -> T:
    """Read a recipe.

    Args:
        kind: the dataclass to read it as.
        name: a path to a TOML file, or the name of a recipe under `<stage>/recipes`.
        stage: the folder that named recipes of this kind stand in.

    Raises:
        RecipeError: there is no such recipe, it is no TOML, or a key or value is wrong.
    """
    return _read(kind, _find(name, stage))


def load_run_recipe(name: str, source: Path | None = None) -> RunRecipe:
    """Read a recipe for the whole way.

    Args:
        name: a path to a TOML file, or the name of a recipe under `benchmarks/recipes`.
        source: takes the place of the recipe's own source.

    Returns:
        The recipe; its source is `generated` or an absolute path.

    Raises:
        RecipeError: it, or a recipe that it names, is not what it must be, or its source does not exist.
    """
    path = _find(name, "benchmarks")
    table = _table(path)
    if source is not None:
        table["source"] = str(source.absolute())
    for stage in ("teacher", "distill"):
        if isinstance(table.get(stage), str):
            table[stage] = _table(_find(table[stage], stage))
    recipe = _checked(RunRecipe, table, path)
    if recipe.source == GENERATED:
        return recipe
    found = path.parent.absolute() / Path(recipe.source).expanduser()
    if not found.exists():
        raise RecipeError(
            f"{path}: source {found} does not exist; name a DEAM folder, a manifest CSV, or {GENERATED!r}"
        )
    return replace(recipe, source=str(found))


def with_seed(recipe: RunRecipe, seed: int) -> RunRecipe:
    """The same way with another split, and other weights to start from."""

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
    path = folder / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.toml")))
        raise RecipeError(f"no recipe {name!r} in {stage}/recipes; known: {known}; or give the path of a .toml file")
    return path


def _table(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: is no TOML ({error})") from error


def _read(kind: type[T], path: Path) -> T:
    return _checked(kind, _table(path), path)


def _checked(kind: type[T], table: dict[str, Any], path: Path) -> T:
    try:
        recipe = read_table(kind, table, "the recipe")
    except InputError as error:
        raise RecipeError(f"{path}: {error}") from error
    return recipe
