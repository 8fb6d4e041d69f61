"""The pipeline of `sentio-mobile run`: from audio and labels to a bundle and its report, in six resumable stages.

Each stage reads what the stage before it left on disk. A stage is done when its output exists and `run.json` records
that it was made from the same inputs: the same settings, and the same outputs of the stages before. A stage that is
done is skipped; what follows a changed stage is made again.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sentio_mobile._internal.progress import Progress
from sentio_mobile.audio.logmel import FRONT_END_VERSION
from sentio_mobile.benchmarks.run import verify_and_report
from sentio_mobile.benchmarks.summary import Summary, read_summary
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.sources import read_sources
from sentio_mobile.distill.distill import distill
from sentio_mobile.distill.start import Start
from sentio_mobile.export.build import build_bundle
from sentio_mobile.models.checkpoint import Checkpoint, read_sheet
from sentio_mobile.pipeline.config import RunRecipe
from sentio_mobile.pipeline.stages import Stages, songs_key
from sentio_mobile.pipeline.student import first_weights_of
from sentio_mobile.recipes import GENERATED
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware


@dataclass(kw_only=True)
class Pipeline:
    """One run, and its folder.

    Attributes:
        folder: Folder of the run.
        recipe: Settings of all stages.
        progress: Updated by every stage.
        announce: Called with a line of text when a stage begins or is skipped.
        start: Checkpoint to initialize the teacher from; None for random weights.
        hardware: Where networks are trained.
        skipped: Clips without usable audio, with the reason; filled when the songs are prepared.
    """

    folder: Path
    recipe: RunRecipe
    progress: Progress
    announce: Callable[[str], None]
    start: Path | None = None
    hardware: Hardware = ONE_DEVICE
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        total = 4 + (self.recipe.source == GENERATED) + self._follows
        self._stages = Stages(folder=self.folder, total=total, announce=self.announce)

    @property
    def _follows(self) -> bool:
        """Whether there is a teacher: one that the student learns nothing from is not trained."""
        return self.recipe.distill.follows_a_teacher

    def run(self) -> Summary:
        """Run every stage that is not done.

        Raises:
            OutputError: Another process runs in the same folder.
            SentioError: A stage failed. The outputs of earlier stages stay, and the next run continues from them.
        """
        with self._stages.claimed():
            return self._run()

    def _run(self) -> Summary:
        # Read first: a wrong one is reported before hours of training.
        student_start, first_weights = first_weights_of(
            self.recipe.student_start, self.recipe.distill, self.recipe.audio
        )
        source, source_key = self._source()
        recipe = self.recipe
        data_inputs = [source_key, FRONT_END_VERSION, recipe.audio, recipe.data]
        data_key = self._stages.run("data", data_inputs, lambda: self._prepare(source))
        teacher_key = None
        if self._follows:
            teacher_key = self._stages.run("teacher", [data_key, recipe.teacher, self._start_weights()], self._train)
        student_key = self._stages.run(
            "student", [data_key, teacher_key, recipe.distill, first_weights], lambda: self._distill(student_start)
        )
        bundle_key = self._stages.run("bundle", [student_key, recipe.export], self._export)
        self._stages.run("report.html", [bundle_key], self._report)
        return read_summary(self.folder)

    def _source(self) -> tuple[list[Path], object]:
        """The folders and manifests of the songs, and what identifies their contents."""
        if self.recipe.source == GENERATED:
            return [self.folder / "music"], self._stages.run("music", [self.recipe.generated], self._generate)
        sources = [Path(self.recipe.source), *map(Path, self.recipe.more_sources)]
        found = read_sources(sources, self.recipe.data)
        for note in found.notes:
            self.announce(f"note: {note}")
        return sources, songs_key(found.songs)

    def _start_weights(self) -> str | None:
        """Hash of the weights that the teacher is initialized from."""
        if self.start is None:
            return None
        return read_sheet(self.start).weights_sha256

    def _generate(self) -> None:
        settings, out = self.recipe.generated, self.folder / "music"
        shutil.rmtree(out, ignore_errors=True)
        write_deam(out, settings.songs, seed=settings.seed, audio_format=settings.audio_format, progress=self.progress)

    def _prepare(self, source: Sequence[Path]) -> None:
        self.skipped = prepare(
            source,
            self.folder / "data",
            recipe=self.recipe.data,
            audio=self.recipe.audio,
            progress=self.progress,
            overwrite=True,
        )

    def _train(self) -> None:
        assert self.recipe.teacher is not None
        train_teacher(
            self._data(),
            self.recipe.teacher,
            out=self.folder / "teacher",
            progress=self.progress,
            overwrite=True,
            start=Checkpoint.load(self.start) if self.start else None,
            hardware=self.hardware,
        )

    def _distill(self, start: Start) -> None:
        distill(
            Checkpoint.load(self.folder / "teacher") if self._follows else None,
            self._data(),
            recipe=self.recipe.distill,
            out=self.folder / "student",
            start=start,
            hardware=self.hardware,
            progress=self.progress,
            overwrite=True,
            announce=self.announce,
        )

    def _export(self) -> None:
        build_bundle(
            self.folder / "student",
            self.recipe.export,
            out=self.folder / "bundle",
            data=self._data(),
            progress=self.progress,
            overwrite=True,
        )

    def _report(self) -> None:
        verify_and_report(open_bundle(self.folder / "bundle"), self.folder, progress=self.progress)

    def _data(self) -> PreparedData:
        return open_data(self.folder / "data")
