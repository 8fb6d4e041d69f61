"""Settings of a whole run: of `run`, with a network as the teacher or none, and of `train`, with a probe."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Count, Name, Record, replace
from sentio_mobile.data.config import DataRecipe, GeneratedRecipe
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.errors import RecordError
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.probe.config import ProbeRecipe

Source = Annotated[str, Meta(min_length=1, max_length=4096)]

Sources = Annotated[tuple[Source, ...], Meta(max_length=63)]

NO_ENCODER = "none"
"""The encoder of a training that uses none."""


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
