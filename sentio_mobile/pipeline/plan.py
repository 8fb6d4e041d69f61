"""What `train` is going to do, and how long it will take on this machine, before it begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile._internal.records import Name, NonNegative, Record, Size, Text
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.missing import refuse_missing
from sentio_mobile.data.songs import LabelSource
from sentio_mobile.data.sources import read_source, read_sources
from sentio_mobile.data.split_plan import SplitPlan, plan_splits
from sentio_mobile.data.weak_labels import WeakLabels, read_weak_labels, weak_labels_of
from sentio_mobile.errors import LabelError
from sentio_mobile.pipeline.config import NO_ENCODER, TrainRecipe
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.training.config import HEAD_CLIPS

_PREPARE_S, _COPY_S = 0.15, 0.25
"""Seconds to decode a window and compute its log-mel, and to make a perturbed copy; measured on one server core."""
_PROBE_S = 0.0025
"""Seconds of a probe's nested cross-validation for each labelled window, each outer and each inner fold."""
_FEATURES_S = 1.0
"""Seconds to compute the 164 features of a window on one core."""
_EXPORT_S, _FOLD_EXPORT_S, _REPORT_S = 60.0, 20.0, 60.0
"""Seconds of the export of a format, of a fold's int8 artifact, and of verification, benchmark and report."""


@dataclass(frozen=True, kw_only=True)
class TrainInputs:
    """What a training starts from, read and checked.

    Attributes:
        paths: Folders and manifests of the labelled songs.
        source: The labelled songs.
        splits: How they are used.
        unlabelled: Folder or manifest of music without labels, and its songs.
        weak_labels: Folder or manifest of music with weak labels, its songs, and the labels.
    """

    paths: tuple[Path, ...]
    source: Source
    splits: SplitPlan
    unlabelled: tuple[tuple[Path, Source], ...]
    weak_labels: tuple[tuple[Path, Source, WeakLabels], ...]

    @property
    def music(self) -> Iterator[tuple[str, Path, Source]]:
        """All music but the labelled songs: the name of its prepared folder, its folder or manifest, and its songs."""
        for number, (folder, source) in enumerate(self.unlabelled, 1):
            yield f"unlabelled/{number}", folder, source
        for number, (folder, source, _) in enumerate(self.weak_labels, 1):
            yield f"weak/{number}", folder, source

    def has_teacher(self, recipe: TrainRecipe) -> bool:
        """Whether there is a teacher. Without an encoder, one is of use for music without labels only."""
        return recipe.encoder != NO_ENCODER or bool(self.unlabelled)


class PlanStep(Record, frozen=True, kw_only=True):
    """One step of a plan."""

    name: Name  # what the step does, in a few words
    what: Text  # what it works on
    minutes: NonNegative  # estimated duration


class TrainPlan(Record, frozen=True, kw_only=True):
    """What a training is going to do."""

    songs: Size  # labelled songs
    groups: Size  # groups of labelled songs
    labels: LabelSource  # where their labels come from
    folds: Annotated[int, Meta(ge=0, le=100)]  # folds of the cross-validation; 0 for a test split
    test: Size  # test songs of the final model
    validation: Size  # validation songs of the final model
    unlabelled: Size  # songs without labels
    weakly_labelled: Size  # songs with weak labels
    steps: Annotated[tuple[PlanStep, ...], Meta(max_length=100)]  # the steps in their order
    cores: Annotated[int, Meta(ge=1, le=65_536)]  # cores that can be used

    @property
    def minutes(self) -> float:
        """Estimated duration of everything."""
        return sum(step.minutes for step in self.steps)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """What was measured on this machine.

    Attributes:
        embedding_s: Seconds to embed one clip on one core; 0 without an encoder.
        hearing_s: Seconds in which the student predicts one clip.
        step_s: Seconds of one training step of the student; 0 where only its head is fitted.
        cores: Cores that can be used.
    """

    embedding_s: float
    hearing_s: float
    step_s: float
    cores: int


def read_inputs(recipe: TrainRecipe) -> TrainInputs:
    """Read everything that a training starts from, and decide how songs are used.

    Raises:
        LabelError: Labels, weak labels or a folder are wrong.
        DataError: There are too few songs, or labels that say nothing.
    """
    paths = (Path(recipe.source), *map(Path, recipe.more_sources))
    source = read_sources(paths, recipe.data)
    if source.labels == "none":
        known = "weak labels only" if source.has_weak_labels else "no labels"
        raise LabelError(
            f"{recipe.source}: has {known}; a model needs songs with labels, see `data prepare --help`; give these as "
            "--unlabelled"
        )
    refuse_missing([song.path for song in source.songs], source.root)
    splits = plan_splits(source.songs, folds=recipe.folds, seed=recipe.data.seed, where=recipe.source)
    others = [(Path(name), _without_labels(Path(name), recipe)) for name in recipe.unlabelled]
    listed = [
        (Path(folder), _without_labels(Path(folder), recipe), read_weak_labels(Path(csv)))
        for csv, folder in recipe.weak_labels
    ]
    # A data set that has weak labels brings them.
    listed += [(path, one, weak_labels_of(one)) for path, one in others if one.has_weak_labels]
    return TrainInputs(
        paths=paths,
        source=source,
        splits=splits,
        unlabelled=tuple((path, one) for path, one in others if not one.has_weak_labels),
        weak_labels=tuple(listed),
    )


def make_plan(inputs: TrainInputs, recipe: TrainRecipe, costs: Costs) -> TrainPlan:
    """Put the steps of a training together, with their durations."""
    labelled, folds = len(inputs.source.songs), len(inputs.splits.folds)
    extra = sum(len(source.songs) for _, _, source in inputs.music)
    data, other = recipe.data, recipe.unlabelled_data
    windows = labelled * data.windows + extra * other.windows
    copies = labelled * data.windows * data.perturb + extra * other.windows * other.perturb
    wording = {"bf16-mixed": " in bf16", "16-mixed": " in fp16", "32-true": " in fp32"}
    in_format = wording.get(recipe.distill.training.precision, "")

    def probe_s(probe: ProbeRecipe) -> float:
        rounds = probe.folds * probe.inner_folds * (recipe.encoder != NO_ENCODER)
        return _PROBE_S * labelled * data.windows * rounds

    steps = [
        (
            "prepare",
            f"{windows:,} windows, {copies:,} perturbed copies",
            (windows * _PREPARE_S + copies * _COPY_S) / costs.cores,
        )
    ]
    if recipe.encoder != NO_ENCODER:
        steps.append(("embed", f"{windows:,} windows by {recipe.encoder}", windows * costs.embedding_s / costs.cores))
    if recipe.features:
        steps.append(("164 features", f"{windows:,} windows", windows * _FEATURES_S / costs.cores))
    if inputs.has_teacher(recipe):
        steps.append(("train the teacher", f"{labelled:,} songs", probe_s(recipe.probe)))
    trained = labelled - inputs.splits.count("test") - inputs.splits.count("val") + extra
    formats = recipe.export.formats
    if recipe.distill.head_only:
        heard = min(trained, max(HEAD_CLIPS, trained - extra))
        student_s = fold_student_s = heard * costs.hearing_s
        student, fold_student = f"its head, on {heard:,} songs", ""
    else:
        student_s, fold_student_s = (recipe.steps_of(fold=fold) * costs.step_s for fold in (False, True))
        student = f"{recipe.steps:,} steps on {trained:,} songs{in_format}"
        fold_student = f" of {recipe.fold_steps:,} steps{in_format}"
    if folds:
        fold_s = fold_student_s + probe_s(recipe.fold_probe) + _FOLD_EXPORT_S
        steps.append(("cross-validate", f"{folds} folds{fold_student}", folds * fold_s))
    steps += [
        ("train the student", student, student_s),
        ("export", ", ".join(formats), _EXPORT_S * len(formats)),
        ("verify, benchmark, report", "every artifact", _REPORT_S),
    ]
    return TrainPlan(
        songs=labelled,
        groups=len({song.group for song in inputs.source.songs}),
        labels=inputs.source.labels,
        folds=folds,
        test=inputs.splits.count("test"),
        validation=inputs.splits.count("val"),
        unlabelled=sum(len(source.songs) for _, source in inputs.unlabelled),
        weakly_labelled=sum(len(source.songs) for _, source, _ in inputs.weak_labels),
        steps=tuple(PlanStep(name=name, what=what, minutes=round(seconds / 60, 2)) for name, what, seconds in steps),
        cores=costs.cores,
    )


def total_stages(inputs: TrainInputs, recipe: TrainRecipe) -> int:
    """Number of stages of a training, as its lines count them."""
    embeds, taught = recipe.encoder != NO_ENCODER, inputs.has_teacher(recipe)
    # Of all songs: data, student, bundle, estimate, report. Of a fold: data, student, predictions.
    return 5 + len(list(inputs.music)) + embeds + taught + len(inputs.splits.folds) * (3 + taught)


def _without_labels(folder: Path, recipe: TrainRecipe) -> Source:
    found = read_source(folder, recipe.unlabelled_data)
    refuse_missing([song.path for song in found.songs], found.root)
    if found.labels != "none":
        raise LabelError(f"{folder}: has labels; give a folder of audio, or a CSV without columns of labels")
    return found
