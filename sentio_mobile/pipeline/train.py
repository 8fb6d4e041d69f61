"""The pipeline of `sentio-mobile train`: from labelled songs to a judged bundle, with all decisions taken on the way.

data, unlabelled/N, weak/N   Prepared songs, with perturbed copies of those that are trained on.
embeddings.safetensors       The encoder's embeddings of all of them.
teacher                      A probe, and its pseudo-labels.
folds/N                      Of few songs: data, teacher, student and predictions of each fold.
student, bundle              The student, of few songs trained on all of them, and its artifacts.
estimate.json, report.html   What teacher and student are worth on songs that they had not heard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import read_record, write_record
from sentio_mobile.audio.logmel import FRONT_END_VERSION
from sentio_mobile.benchmarks.run import verify_and_report
from sentio_mobile.benchmarks.summary import Summary, read_summary
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import open_data
from sentio_mobile.data.splits import SplitList
from sentio_mobile.errors import DataError, SentioError
from sentio_mobile.export.build import build_bundle
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, read_clip_embeddings
from sentio_mobile.pipeline.config import NO_ENCODER, TrainRecipe
from sentio_mobile.pipeline.costs import on_this_machine
from sentio_mobile.pipeline.estimate import (
    ESTIMATE,
    HeldOut,
    Schooling,
    TrainEstimate,
    estimate_of,
    held_out_of,
    join_held_out,
    read_estimate,
)
from sentio_mobile.pipeline.music import Music, require_apart
from sentio_mobile.pipeline.plan import TrainInputs, total_stages
from sentio_mobile.pipeline.stages import Stages, songs_key
from sentio_mobile.pipeline.student import (
    first_weights_of,
    int8_bundle,
    predict_int8,
    predict_test,
    scheduled,
    state_estimate,
    train_student,
)
from sentio_mobile.pipeline.teacher import (
    PSEUDO_LABELS,
    make_ensemble,
    make_probe,
    probe_predictions,
    says_nothing,
)
from sentio_mobile.teacher.embed import embed_clips
from sentio_mobile.teacher.probe.config import ProbeRecipe
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware

EMBEDDINGS, STORE = "embeddings.safetensors", "store"


@dataclass(frozen=True)
class TrainResult:
    """What a training leaves behind: what it is worth, and the outcome of all checks."""

    estimate: TrainEstimate
    summary: Summary


@dataclass(kw_only=True)
class Training:
    """One training, and its folder.

    Attributes:
        folder: Folder of the run.
        recipe: Settings of all stages.
        inputs: The songs, read and checked.
        progress: Updated by every stage.
        announce: Called with a line of text when a stage begins or is skipped.
        anyway: Whether to go on where labels say no more than shuffled ones.
        hardware: Where networks are trained.
        skipped: Songs without usable audio, with the reason; filled when the songs are prepared.
    """

    folder: Path
    recipe: TrainRecipe
    inputs: TrainInputs
    progress: Progress
    announce: Callable[[str], None]
    anyway: bool = False
    hardware: Hardware = ONE_DEVICE
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.recipe = on_this_machine(self.recipe)
        total = total_stages(self.inputs, self.recipe)
        self._stages = Stages(folder=self.folder, total=total, announce=self.announce)

    def run(self) -> TrainResult:
        """Run every stage that is not done.

        Raises:
            DataError: Labels say no more than shuffled ones, or music without labels holds songs that judge a model.
            OutputError: Another process runs in the same folder.
            SentioError: A stage failed. The outputs of earlier stages stay, and the next run continues from them.
        """
        with self._stages.claimed():
            return self._run()

    def _run(self) -> TrainResult:
        splits, recipe = self.inputs.splits, self.recipe
        # Read first: a wrong one is reported before an hour of work.
        self._start, self._start_key = first_weights_of(recipe.student_start, recipe.distill, recipe.audio)
        data_key = self._prepare_songs("data", splits.final)
        # Everything that the student learns from besides the labelled songs.
        music_key = [data_key, *self._prepare_music()]
        songs = self._songs("data").data
        # In a cross-validation, each song is a test song once.
        judged = tuple(songs.splits) if splits.folds else ("val", "test")
        require_apart(songs, self._music(), judged=judged, source=recipe.source)
        if self.recipe.encoder != NO_ENCODER:
            music_key.append(self._embed(music_key))
        teacher_key = self._teach("teacher", "data", recipe.probe, music_key)
        self._require_informative_labels()
        folds_key = [self._fold(f"folds/{n}", split_of, music_key) for n, split_of in enumerate(splits.folds, 1)]
        inputs = [teacher_key, *music_key]
        if splits.folds:
            # The checkpoint states what the folds found.
            inputs.append(self._stages.run(ESTIMATE, folds_key, self._estimate))
        student_key = self._train(
            "student", "data", teacher="teacher", steps=self.recipe.steps_of(fold=False), inputs=inputs
        )
        bundle_key = self._stages.run("bundle", [student_key, self.recipe.export], self._export)
        if not splits.folds:
            self._stages.run(ESTIMATE, [bundle_key], self._estimate)
        self._stages.run("report.html", [bundle_key], self._report)
        return TrainResult(read_estimate(self.folder), read_summary(self.folder))

    def _prepare_songs(self, name: str, split_of: Mapping[str, str]) -> str:
        """Prepare the labelled songs with these splits."""
        recipe, source = self.recipe, self.inputs.source
        inputs = [songs_key(source.songs), FRONT_END_VERSION, recipe.audio, recipe.data, sorted(split_of.items())]
        splits = SplitList(Path("sentio-mobile train"), split_of)
        return self._stages.run(
            name, inputs, partial(self._prepare, name, self.inputs.paths, recipe.data, splits=splits)
        )

    def _prepare_music(self) -> list[str]:
        """Prepare music without labels, and with weak labels; the keys of the stages and of the weak labels."""
        recipe, keys = self.recipe.unlabelled_data, []
        for name, folder, source in self.inputs.music:
            inputs = [songs_key(source.songs), FRONT_END_VERSION, self.recipe.audio, recipe]
            keys.append(self._stages.run(name, inputs, partial(self._prepare, name, (folder,), recipe)))
        return [*keys, *(labels.digest for _, _, labels in self.inputs.weak_labels)]

    def _prepare(
        self, name: str, source: Sequence[Path], recipe: DataRecipe, *, splits: SplitList | None = None
    ) -> None:
        skipped = prepare(
            source,
            self.folder / name,
            recipe=recipe,
            audio=self.recipe.audio,
            progress=self.progress,
            overwrite=True,
            store=self.folder / STORE,
            splits=splits,
        )
        self.skipped += [line for line in skipped if line not in self.skipped]

    def _songs(self, name: str) -> Music:
        return Music(open_data(self.folder / name), self.inputs.source.root)

    def _music(self) -> list[Music]:
        return [Music(open_data(self.folder / name), source.root) for name, _, source in self.inputs.music]

    def _embed(self, inputs: list[str]) -> str:
        def work() -> None:
            sources = [(music.data, music.root) for music in (self._songs("data"), *self._music())]
            # In a perturbed copy, a student is to hear what the encoder hears in the sound as it is.
            found = embed_clips(sources, self.recipe.encoder, clean=True, progress=self.progress)
            found.write(self.folder / EMBEDDINGS)
            self.skipped += found.faults

        return self._stages.run(EMBEDDINGS, [*inputs, self.recipe.encoder], work)

    @cached_property
    def _embeddings(self) -> ClipEmbeddings | None:
        return None if self.recipe.encoder == NO_ENCODER else read_clip_embeddings(self.folder / EMBEDDINGS)

    def _teach(self, name: str, data: str, recipe: ProbeRecipe, inputs: list[str]) -> str:
        """Make a teacher: a probe, an ensemble without an encoder, and none without an encoder and other music."""
        out, features = self.folder / name, self.recipe.features

        def work() -> None:
            songs, music = self._songs(data), self._music()
            if self._embeddings is None:
                make_ensemble(songs, music, seed=recipe.seed, out=out, progress=self.progress)
            else:
                make_probe(
                    songs,
                    music,
                    embeddings=self._embeddings,
                    recipe=recipe,
                    features=features,
                    out=out,
                    progress=self.progress,
                )

        if not self.inputs.has_teacher(self.recipe):
            return NO_ENCODER
        return self._stages.run(name, [*inputs, recipe, features], work)

    def _require_informative_labels(self) -> None:
        if self.anyway or self.recipe.encoder == NO_ENCODER:
            return
        if reason := says_nothing(self.folder / "teacher"):
            raise DataError(f"{self.recipe.source}: {reason}")

    def _train(self, name: str, data: str, *, teacher: str, steps: int, inputs: list[str]) -> str:
        recipe = self.recipe.distill

        def work() -> None:
            songs, music = self._songs(data).data, [one.data for one in self._music()]
            count = len(self.inputs.unlabelled)
            has_teacher = self.inputs.has_teacher(self.recipe)
            train_student(
                songs,
                recipe=scheduled(recipe, steps=steps, data=songs),
                unlabelled=music[:count],
                weak_labels=[
                    (one, labels) for one, (_, _, labels) in zip(music[count:], self.inputs.weak_labels, strict=True)
                ],
                pseudo_labels=self.folder / teacher / PSEUDO_LABELS if has_teacher else None,
                embeddings=self._embeddings,
                start=self._start,
                out=self.folder / name,
                hardware=self.hardware,
                progress=self.progress,
            )
            if data == "data" and self.inputs.splits.folds:
                state_estimate(self.folder / name, read_estimate(self.folder))

        return self._stages.run(name, [*inputs, recipe, steps, self._start_key], work)

    def _fold(self, name: str, split_of: Mapping[str, str], music_key: list[str]) -> str:
        """One model of the cross-validation, with a teacher of its own, and its predictions for the songs left out."""
        recipe = self.recipe
        data, teacher, student = (f"{name}/{part}" for part in ("data", "teacher", "student"))
        data_key = self._prepare_songs(data, split_of)
        teacher_key = self._teach(teacher, data, recipe.fold_probe, [data_key, *music_key])
        inputs = [data_key, teacher_key, *music_key]
        student_key = self._train(student, data, teacher=teacher, steps=recipe.steps_of(fold=True), inputs=inputs)
        formats = recipe.export.formats

        def work() -> None:
            def bundle() -> Bundle:
                songs, out = self._songs(data).data, self.folder / f"{name}/int8"
                return int8_bundle(self.folder / student, songs, formats=formats, out=out, progress=self.progress)

            found = self._predict_held_out(data, teacher=teacher, student=student, bundle=bundle)
            write_record(self.folder / name / "predictions.json", found)

        return self._stages.run(f"{name}/predictions.json", [student_key, formats], work)

    def _predict_held_out(self, data: str, *, teacher: str, student: str, bundle: Callable[[], Bundle]) -> HeldOut:
        """Predict the test songs of a prepared folder by teacher and student, and by an int8 artifact."""
        music, taught, int8 = self._songs(data), None, None
        songs = music.data
        if self._embeddings is not None:
            taught = probe_predictions(
                self.folder / teacher, music, self._embeddings, split="test", progress=self.progress
            )
        try:
            int8 = predict_int8(bundle(), songs, self.progress)
        except SentioError as error:
            # What the student is worth is known without it; the report says why an artifact is missing.
            self.announce(f"int8 is not judged: {error}")
        return held_out_of(songs, predict_test(self.folder / student, songs), teacher=taught, int8=int8)

    def _export(self) -> None:
        build_bundle(
            self.folder / "student",
            self.recipe.export,
            out=self.folder / "bundle",
            data=self._songs("data").data,
            progress=self.progress,
            overwrite=True,
        )

    def _estimate(self) -> None:
        folds = len(self.inputs.splits.folds)
        if folds:
            paths = [self.folder / f"folds/{number}/predictions.json" for number in range(1, folds + 1)]
            parts = [read_record(HeldOut, path, DataError) for path in paths]
        else:
            bundle = partial(open_bundle, self.folder / "bundle")
            parts = [self._predict_held_out("data", teacher="teacher", student="student", bundle=bundle)]
        kept = Schooling(songs=len(self._songs("data").data.split("train")), steps=self.recipe.steps_of(fold=False))
        names = [f"folds/{number}/data" for number in range(1, folds + 1)]
        heard = [len(self._songs(name).data.split("train")) for name in names]
        found = estimate_of(
            join_held_out(parts),
            "cross-validation" if folds else "test songs",
            models=len(parts),
            judged=Schooling(songs=round(sum(heard) / folds), steps=self.recipe.steps_of(fold=True)) if folds else kept,
            kept=kept,
            seed=self.recipe.data.seed,
        )
        write_record(self.folder / ESTIMATE, found)

    def _report(self) -> None:
        verify_and_report(open_bundle(self.folder / "bundle"), self.folder, progress=self.progress)
