"""The pipeline of `sentio-mobile retrain`: from the run in production and new labels to a new student and its bundle.

Songs keep the split that they have in production, so that neither model has learned from a song by which the two are
compared. New songs are split by groups; those of a known group go where it is. The student starts from the old weights.
Stages are resumable as those of a run, and leave a folder that is a run itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
from msgspec import Meta

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import Seed, from_plain, read_record, replace, write_record
from sentio_mobile.audio.logmel import FRONT_END_VERSION
from sentio_mobile.bundle.bundle import Bundle, open_bundle
from sentio_mobile.bundle.manifest import Manifest
from sentio_mobile.data.clip_table import SONGS
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.prepare import prepare
from sentio_mobile.data.prepared import PreparedData, open_data
from sentio_mobile.data.songs import Song
from sentio_mobile.data.sources import read_sources
from sentio_mobile.data.splits import SPLITS, SplitList, draw_parts, read_splits
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import CheckpointError, DataError, InputError
from sentio_mobile.export.build import build_bundle
from sentio_mobile.export.config import ExportRecipe
from sentio_mobile.metrics.evaluation import Evaluation
from sentio_mobile.models.checkpoint import Checkpoint, read_sheet
from sentio_mobile.models.first_weights import weights_of_checkpoint
from sentio_mobile.pipeline.stages import Stages, songs_key
from sentio_mobile.training.fit import evaluate_split
from sentio_mobile.training.trainer import ONE_DEVICE, Hardware

OLD_ON_SAME_SONGS = "production.json"
"""The model in production on the new test songs."""

Shares = tuple[float, float, float]
NEW_SHARES: Shares = (0.7, 0.1, 0.2)
"""Shares of new songs that are trained on, choose the epoch, and judge. A model without validation songs gets none."""

Release = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._]*\Z")]


@dataclass(kw_only=True)
class Retraining:
    """One retraining, and its folder.

    Attributes:
        production: Folder of the run in production: its student, its bundle, and the data that it was made from.
        sources: The labelled songs, those of production first.
        folder: Folder of the new run.
        data: How new labels are read.
        recipe: How the student is trained; None for the recipe that the old one was trained with.
        teacher: Checkpoint of a teacher; None to learn from labels alone.
        release: Release of the new bundle.
        progress: Updated by every stage.
        announce: Called with a line of text when a stage begins or is skipped.
        hardware: Where the student is trained.
        skipped: Songs without usable audio, with the reason; filled when the songs are prepared.
    """

    production: Path
    sources: Sequence[Path]
    folder: Path
    data: DataRecipe
    recipe: DistillRecipe | None
    teacher: Path | None
    release: Release
    progress: Progress
    announce: Callable[[str], None]
    seed: Seed = 0
    hardware: Hardware = ONE_DEVICE
    skipped: list[str] = field(default_factory=list)

    def run(self) -> tuple[Bundle, Evaluation]:
        """Run every stage that is not done.

        Returns:
            The new bundle, and what the model in production is worth on the same test songs.

        Raises:
            InputError: The run in production lacks a part, or its labelled songs are not among the sources.
            DataError: There are no new songs, or a new one is a copy of a song by which models are judged.
            OutputError: Another process runs in the same folder, or it is that of production.
            SentioError: A stage failed. The outputs of earlier stages stay, and the next run continues from them.
        """
        for part, what in (
            ("student/checkpoint.json", "student"),
            ("bundle/manifest.json", "bundle"),
            ("data", "data"),
        ):
            if not (self.production / part).exists():
                raise InputError(
                    f"{self.production}: has no {what}; give the --out of a `train` or `run` that is finished"
                )
        if self.folder.resolve() == self.production.resolve():
            raise InputError(f"{self.folder}: is the run in production; give another --out")
        old = open_bundle(self.production / "bundle")
        sheet = read_sheet(self.production / "student")
        recipe = self.recipe or recipe_of(sheet.recipe, self.production / "student")
        recipe = replace(recipe, training=replace(recipe.training, seed=self.seed))
        stages = Stages(folder=self.folder, total=4, announce=self.announce)
        with stages.claimed():
            found = read_sources(self.sources, self.data)
            for note in found.notes:
                self.announce(f"note: {note}")
            split_of = retrain_splits(found.songs, read_splits(self.production / "data" / SONGS), self.seed)
            before = open_data(self.production / "data")
            inputs = [songs_key(found.songs), FRONT_END_VERSION, before.audio, self.data, sorted(split_of.items())]
            data_key = stages.run("data", inputs, lambda: self._prepare(split_of, before))
            weights = None if self.teacher is None else read_sheet(self.teacher).weights_sha256
            student_key = stages.run(
                "student", [data_key, recipe, sheet.weights_sha256, weights], lambda: self._distill(recipe)
            )
            export = export_like(old.manifest, self.release)
            stages.run("bundle", [student_key, export], lambda: self._export(export))
            stages.run(OLD_ON_SAME_SONGS, [data_key, sheet.weights_sha256], self._judge_old)
        return open_bundle(self.folder / "bundle"), read_record(Evaluation, self.folder / OLD_ON_SAME_SONGS, DataError)

    def _prepare(self, split_of: Mapping[str, str], before: PreparedData) -> None:
        sheet = before.sheet
        recipe = replace(self.data, window=sheet.window, windows=sheet.windows, perturb=sheet.perturb or 0)
        self.skipped = prepare(
            list(self.sources),
            self.folder / "data",
            recipe=recipe,
            audio=before.audio,
            progress=self.progress,
            overwrite=True,
            splits=SplitList(Path("sentio-mobile retrain"), split_of),
        )
        require_no_copies(open_data(self.folder / "data"))

    def _distill(self, recipe: DistillRecipe) -> None:
        old = self.production / "student"
        distill(
            None if self.teacher is None else Checkpoint.load(self.teacher),
            open_data(self.folder / "data"),
            recipe=recipe,
            out=self.folder / "student",
            start=weights_of_checkpoint(str(old), Checkpoint.load(old)),
            convert=True,
            hardware=self.hardware,
            progress=self.progress,
            overwrite=True,
            announce=self.announce,
        )

    def _export(self, recipe: ExportRecipe) -> None:
        build_bundle(
            self.folder / "student",
            recipe,
            out=self.folder / "bundle",
            data=open_data(self.folder / "data"),
            progress=self.progress,
            overwrite=True,
        )

    def _judge_old(self) -> None:
        old = Checkpoint.load(self.production / "student")
        judged = evaluate_split(old.model.eval(), old.spec, open_data(self.folder / "data"), "test", seed=self.seed)
        write_record(self.folder / OLD_ON_SAME_SONGS, Evaluation(test=judged))


def retrain_splits(songs: Sequence[Song], old: SplitList, seed: int = 0) -> dict[str, str]:
    """The split of each song: that which it has in production, or a new one.

    Where several sources are read together, ids begin with the name of theirs. Songs of a run that had one source are
    then known by what follows.

    Args:
        songs: All labelled songs.
        old: Splits of the run in production.
        seed: Random seed of the new ones.

    Raises:
        InputError: Songs of production are not among these.
        DataError: There is no new song.
    """
    first = songs[0].source
    known: dict[str, str] = {}
    for song in songs:
        bare = song.song_id.removeprefix(f"{first}/") if song.source == first else song.song_id
        if split := old.split_of.get(song.song_id) or old.split_of.get(bare):
            known[song.song_id] = split
    if missing := len(old.split_of) - len(known):
        raise InputError(
            f"{old.path}: {missing} of its {len(old.split_of)} songs are not among the given ones; give the sources of "
            "production first, and the new labels after them"
        )
    new = [song for song in songs if song.song_id not in known]
    if not new:
        raise DataError(f"{old.path}: has all of the given songs; there is nothing new to learn from")
    of_group = {song.group: known[song.song_id] for song in songs if song.song_id in known}
    free = [song for song in new if song.group not in of_group]
    names = SPLITS if "val" in old.split_of.values() else ("train", "test")
    shares = list(NEW_SHARES) if len(names) == len(SPLITS) else [NEW_SHARES[0] + NEW_SHARES[1], NEW_SHARES[2]]
    parts = draw_parts(free, shares, seed) if free else []
    drawn = {song.song_id: names[part] for song, part in zip(free, parts, strict=True)}
    return {**{song.song_id: of_group[song.group] for song in new if song.group in of_group}, **known, **drawn}


def require_no_copies(data: PreparedData) -> None:
    """Refuse songs for training that are copies of songs by which models are judged: labels of one would leak.

    Raises:
        DataError: One is.
    """
    train = data.split("train")
    rows = np.concatenate([data.split(name).windows.ravel() for name in ("val", "test") if name in data.splits])
    same = np.isin(data.store.checksums[train.windows], data.store.checksums[rows]).any(axis=1)
    if same.any():
        raise DataError(
            f"{data.folder}: {int(same.sum())} training songs, such as {train.song_ids[int(np.argmax(same))]!r}, sound "
            "as songs do by which the model is judged; leave them out of the new labels"
        )


def recipe_of(recorded: Mapping[str, object], where: Path) -> DistillRecipe:
    """The recipe that a student was trained with, from its checkpoint.

    Raises:
        CheckpointError: The checkpoint does not state one.
    """
    if not is_file(where / "checkpoint.json") or "training" not in recorded or "model" not in recorded:
        raise CheckpointError(f"{where}: does not say how its student was trained; give --recipe")
    known = {name: recorded[name] for name in DistillRecipe.__struct_fields__ if name in recorded}
    return from_plain(DistillRecipe, known, str(where), CheckpointError)


def export_like(manifest: Manifest, release: str) -> ExportRecipe:
    """Settings of an export that makes what another bundle has."""
    formats = tuple(dict.fromkeys(one.format for one in manifest.artifacts))
    return ExportRecipe(
        formats=formats,
        forms=tuple(dict.fromkeys(one.form for one in manifest.artifacts)),
        precisions_of={
            name: tuple(dict.fromkeys(one.precision for one in manifest.artifacts if one.format == name))
            for name in formats
        },
        name=manifest.name,
        release=release,
        licence=manifest.licence,
        keep_float=manifest.provenance.keep_float,
    )
