"""The whole way in one call. Each stage reads what the one before it left on disk; an unchanged one is skipped.

A stage is done when its output stands there and `run.json` says that it was made from the same inputs: the same
settings, and the same outputs of the stages before. Whatever comes after a changed stage is made again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentio_mobile import __version__
from sentio_mobile._internal.files import read_json, write_json
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import to_plain
from sentio_mobile.audio.logmel import FRONT_END_VERSION
from sentio_mobile.errors import BundleError, CheckpointError, DataError, OutputError
from sentio_mobile.recipes import GENERATED, RunRecipe

if TYPE_CHECKING:
    from sentio_mobile.data.songs import Song

STATE = "run.json"


@dataclass(kw_only=True)
class Run:
    """One run folder.

    `start` is the checkpoint of a teacher to start from; `skipped` are the clips without usable audio that were met.
    """

    folder: Path
    recipe: RunRecipe
    progress: Progress
    announce: Callable[[str], None]
    start: Path | None = None
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._state: dict[str, Any] = {}
        self._begun = 0
        if (self.folder / STATE).is_file():
            self._state = read_json(self.folder / STATE, DataError)

    def go(self) -> None:
        """Run every stage that is not done.

        Raises:
            SentioError: of the stage that could not end; what earlier stages made stays, and the next call goes on.
        """
        source, key = self._source()
        front_end = [FRONT_END_VERSION, self.recipe.audio]
        key = self._stage("data", [key, *front_end, self.recipe.data], lambda: self._prepare(source))
        teacher_key = self._stage("teacher", [key, self.recipe.teacher, self._first_weights()], self._train)
        student_key = self._stage("student", [key, teacher_key, self.recipe.distill], self._distill)
        bundle_key = self._stage("bundle", [student_key, self.recipe.export], self._export)
        self._stage("report.html", [bundle_key], self._report)

    def _source(self) -> tuple[Path, Any]:
        if self.recipe.source == GENERATED:
            settings = self.recipe.generated
            key = self._stage("music", [settings], self._generate)
            return self.folder / "music", key
        from sentio_mobile.data.sources import read_source

        source = Path(self.recipe.source)
        songs = read_source(source, self.recipe.data).songs
        # Audio is too large to hash at each start: what tells a changed file without reading it is part of the key.
        return source, [[song.song_id, song.group, *_labels(song), *_state(song.path)] for song in songs]

    def _first_weights(self) -> str | None:
        if self.start is None:
            return None
        from sentio_mobile.models.checkpoint import SHEET

        return str(read_json(self.start / SHEET, CheckpointError).get("weights_sha256"))

    def _stage(self, name: str, inputs: list[Any], work: Callable[[], None]) -> str:
        """Do `work` unless it was done from the same inputs; gives the key of those inputs."""
        key = hashlib.sha256(json.dumps([__version__, name, to_plain(inputs)]).encode()).hexdigest()
        done = self._state.get(name, {})
        self._begun += 1
        stage = f"stage {self._begun} of {6 if self.recipe.source == GENERATED else 5}, {name}"
        place = self.folder / name
        if place.exists() and done.get("key") == key and done.get("seconds") is not None:
            self.announce(f"{stage}: done before")
            return key
        if place.exists() and not done:
            raise OutputError(f"{place} exists, and no earlier run made it; choose another --out")
        self.announce(stage)
        # Noted before the work begins: what stands there from now on is this run's, to be replaced when need be.
        self._note(name, key, None)
        start = time.monotonic()
        work()
        self._note(name, key, round(time.monotonic() - start, 1))
        return key

    def _note(self, name: str, key: str, seconds: float | None) -> None:
        self._state[name] = {"key": key, "seconds": seconds}
        write_json(self.folder / STATE, self._state)

    def _generate(self) -> None:
        import shutil

        from sentio_mobile.data.generated import write_deam

        shutil.rmtree(self.folder / "music", ignore_errors=True)
        settings = self.recipe.generated
        write_deam(
            self.folder / "music",
            settings.songs,
            seed=settings.seed,
            audio_format=settings.audio_format,
            progress=self.progress,
        )

    def _prepare(self, source: Path) -> None:
        from sentio_mobile.data.prepare import prepare

        out = self.folder / "data"
        self.skipped = prepare(
            source, out, recipe=self.recipe.data, audio=self.recipe.audio, progress=self.progress, overwrite=True
        )

    def _train(self) -> None:
        from sentio_mobile.data.prepared import open_data
        from sentio_mobile.models.checkpoint import Checkpoint
        from sentio_mobile.teacher.train import train_teacher

        data = open_data(self.folder / "data")
        start = Checkpoint.load(self.start) if self.start else None
        train_teacher(
            data, self.recipe.teacher, out=self.folder / "teacher", progress=self.progress, overwrite=True, start=start
        )

    def _distill(self) -> None:
        from sentio_mobile.data.prepared import open_data
        from sentio_mobile.distill.distill import distill
        from sentio_mobile.models.checkpoint import Checkpoint

        data, teacher = open_data(self.folder / "data"), Checkpoint.load(self.folder / "teacher")
        distill(
            teacher,
            data,
            recipe=self.recipe.distill,
            out=self.folder / "student",
            progress=self.progress,
            overwrite=True,
        )

    def _export(self) -> None:
        from sentio_mobile.data.prepared import open_data
        from sentio_mobile.export.build import build_bundle

        student, out = self.folder / "student", self.folder / "bundle"
        data = open_data(self.folder / "data")
        build_bundle(student, self.recipe.export, out=out, data=data, progress=self.progress, overwrite=True)

    def _report(self) -> None:
        from sentio_mobile.benchmarks.run import verify_and_report
        from sentio_mobile.bundle.bundle import open_bundle

        verify_and_report(open_bundle(self.folder / "bundle"), self.folder, progress=self.progress)

    @property
    def broken(self) -> bool:
        """Whether a conversion failed, or an artifact was refused or is wrong. A missed gate is neither."""
        from sentio_mobile.benchmarks.run import VERIFICATION
        from sentio_mobile.bundle.bundle import MANIFEST

        verification = read_json(self.folder / VERIFICATION, BundleError)
        manifest = read_json(self.folder / "bundle" / MANIFEST, BundleError)
        return bool(manifest["failed"] or manifest["refused"]) or not verification["passed"]


def _labels(song: Song) -> list[Any]:
    """Everything that a song's labels depend on."""
    moments = [] if song.moments is None else [song.moments.seconds.tolist(), song.moments.values.tolist()]
    return [song.valence, song.arousal, *moments]


def _state(path: Path) -> list[Any]:
    """Where a file is, how long it is and when it was changed; just where, when it is not there."""
    if not path.is_file():
        return [str(path)]
    facts = path.stat()
    return [str(path), facts.st_size, facts.st_mtime_ns]
