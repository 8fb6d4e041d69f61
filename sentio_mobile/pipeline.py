"""The pipeline of `sentio-mobile run`: from audio and labels to a bundle and its report, in six resumable stages.

Each stage reads what the stage before it left on disk. A stage is done when its output exists and `run.json` records
that it was made from the same inputs: the same settings, and the same outputs of the stages before. A stage that is
done is skipped; what follows a changed stage is made again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile import __version__
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import NonNegative, Record, Sha256, read_record, replace, to_plain, write_record
from sentio_mobile.audio.logmel import FRONT_END_VERSION
from sentio_mobile.benchmarks.run import verify_and_report
from sentio_mobile.benchmarks.summary import Summary, read_summary
from sentio_mobile.bundle.bundle import open_bundle
from sentio_mobile.data.generated import write_deam
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.songs import Song
from sentio_mobile.data.sources import read_source
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import DataError, OutputError
from sentio_mobile.export.build import build_bundle
from sentio_mobile.models.checkpoint import Checkpoint, read_sheet
from sentio_mobile.recipes import GENERATED, RunRecipe
from sentio_mobile.teacher.train import train_teacher

STATE = "run.json"

StageName = Literal["music", "data", "teacher", "student", "bundle", "report.html"]
"""A stage has the name of its output in the run's folder. `music` exists only where the run generates its music."""


class StageState(Record, frozen=True, kw_only=True):
    """What is recorded of a stage."""

    key: Sha256  # hash of its inputs
    seconds: NonNegative | None  # its duration; None while it is running, or after it was interrupted


RunState = Annotated[dict[StageName, StageState], Meta(max_length=6)]
"""The contents of `run.json`."""


@dataclass(kw_only=True)
class Pipeline:
    """One run, and its folder.

    Attributes:
        folder: Folder of the run.
        recipe: Settings of all stages.
        progress: Updated by every stage.
        announce: Called with a line of text when a stage begins or is skipped.
        start: Checkpoint to initialize the teacher from; None for random weights.
        skipped: Clips without usable audio, with the reason; filled when the songs are prepared.
    """

    folder: Path
    recipe: RunRecipe
    progress: Progress
    announce: Callable[[str], None]
    start: Path | None = None
    skipped: list[str] = field(default_factory=list)
    _state: dict[StageName, StageState] = field(default_factory=dict, init=False)
    _begun: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if (self.folder / STATE).is_file():
            self._state = read_record(RunState, self.folder / STATE, DataError)

    def run(self) -> Summary:
        """Run every stage that is not done.

        Raises:
            SentioError: A stage failed. The outputs of earlier stages stay, and the next run continues from them.
        """
        source, source_key = self._source()
        recipe = self.recipe
        data_inputs = [source_key, FRONT_END_VERSION, recipe.audio, recipe.data]
        data_key = self._stage("data", data_inputs, lambda: self._prepare(source))
        teacher_key = self._stage("teacher", [data_key, recipe.teacher, self._start_weights()], self._train)
        student_key = self._stage("student", [data_key, teacher_key, recipe.distill], self._distill)
        bundle_key = self._stage("bundle", [student_key, recipe.export], self._export)
        self._stage("report.html", [bundle_key], self._report)
        return read_summary(self.folder)

    def _source(self) -> tuple[Path, object]:
        """The folder or manifest of the songs, and what identifies its contents."""
        if self.recipe.source == GENERATED:
            return self.folder / "music", self._stage("music", [self.recipe.generated], self._generate)
        source = Path(self.recipe.source)
        songs = read_source(source, self.recipe.data).songs
        # Audio is too large to hash at every start: what reveals a changed file without reading it is part of the key.
        return source, [[song.song_id, song.group, *_labels(song), *_file_state(song.path)] for song in songs]

    def _start_weights(self) -> str | None:
        """Hash of the weights that the teacher is initialized from."""
        if self.start is None:
            return None
        return read_sheet(self.start).weights_sha256

    def _stage(self, name: StageName, inputs: Sequence[object], work: Callable[[], None]) -> str:
        """Call `work` unless the stage is done. Returns the key of the stage's inputs."""
        key = hashlib.sha256(json.dumps([__version__, name, to_plain(inputs)]).encode()).hexdigest()
        recorded = self._state.get(name)
        self._begun += 1
        line = f"stage {self._begun} of {6 if self.recipe.source == GENERATED else 5}, {name}"
        output = self.folder / name
        if output.exists() and recorded is not None and recorded.key == key and recorded.seconds is not None:
            self.announce(f"{line}: done before")
            return key
        if output.exists() and recorded is None:
            raise OutputError(f"{output} exists, and no earlier run made it; choose another --out")
        self.announce(line)
        # Recorded before the work begins: from now on the output belongs to this run, which may overwrite it.
        self._record(name, StageState(key=key, seconds=None))
        start = time.monotonic()
        work()
        self._record(name, replace(self._state[name], seconds=round(time.monotonic() - start, 1)))
        return key

    def _record(self, name: StageName, state: StageState) -> None:
        self._state[name] = state
        write_record(self.folder / STATE, self._state)

    def _generate(self) -> None:
        settings, out = self.recipe.generated, self.folder / "music"
        shutil.rmtree(out, ignore_errors=True)
        write_deam(out, settings.songs, seed=settings.seed, audio_format=settings.audio_format, progress=self.progress)

    def _prepare(self, source: Path) -> None:
        self.skipped = prepare(
            source,
            self.folder / "data",
            recipe=self.recipe.data,
            audio=self.recipe.audio,
            progress=self.progress,
            overwrite=True,
        )

    def _train(self) -> None:
        train_teacher(
            self._data(),
            self.recipe.teacher,
            out=self.folder / "teacher",
            progress=self.progress,
            overwrite=True,
            start=Checkpoint.load(self.start) if self.start else None,
        )

    def _distill(self) -> None:
        distill(
            Checkpoint.load(self.folder / "teacher"),
            self._data(),
            recipe=self.recipe.distill,
            out=self.folder / "student",
            progress=self.progress,
            overwrite=True,
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


def _labels(song: Song) -> list[object]:
    """Everything that the labels of a song depend on."""
    moments = [] if song.moments is None else [song.moments.seconds.tolist(), song.moments.values.tolist()]
    return [song.valence, song.arousal, *moments]


def _file_state(path: Path) -> list[object]:
    """Path, size and modification time of a file; the path alone for a file that does not exist."""
    if not path.is_file():
        return [str(path)]
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns]
