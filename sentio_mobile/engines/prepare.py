"""`data prepare` on a cluster: workers write clips into shards, and this machine puts them into the store, in order."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

import sentio_mobile
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import Record, replace
from sentio_mobile._internal.shards import SUFFIX, Schema, Stage, Table, arrow, digest_of, read_shard, read_sheet
from sentio_mobile.data.clips import FileClips, Reading, clips_of_file, state_of
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.journal import Clip, FileState
from sentio_mobile.data.store import DTYPE, meta_of
from sentio_mobile.engines.places import Place
from sentio_mobile.engines.run import Engine, run_on_ray
from sentio_mobile.engines.work import Item, Row
from sentio_mobile.errors import AudioError, DataError
from sentio_mobile.spec import AudioSpec


@dataclass(frozen=True, kw_only=True)
class PrepareWork:
    """The clips of files.

    Attributes:
        audio: Front end.
        recipe: Number of windows, and which one is evaluated.
    """

    audio: AudioSpec
    recipe: DataRecipe
    stage: Stage = field(default="prepare", init=False)

    @property
    def digest(self) -> str:
        """Front end, windows and version."""
        return digest_of(
            sentio_mobile.__version__, meta_of(self.audio), self.audio, self.recipe.window, self.recipe.windows
        )

    def title(self, song: Reading) -> str:
        """The file."""
        return str(song.path)

    def schema(self) -> Schema:
        """The file's state, the facts of a clip, and its log-mel as float16 [n_mels, n_frames]."""
        return shard_schema()

    def footer(self) -> Mapping[str, Record]:
        """Nothing more."""
        return {}

    def open(self) -> None:
        """There is no model."""

    def rows(self, song: Reading) -> Sequence[Row]:
        """The clips of a file, as `data prepare` stores them, the evaluated window first."""
        found = clips_of_file(song.path, self.audio, self.recipe, segment=song.segment)
        # The name of a file may have bytes that are no text.
        file = {**msgspec.structs.asdict(found.file), "file": os.fsencode(found.file.path), "segment": _part(song)}
        del file["path"]
        return [
            {**file, **msgspec.structs.asdict(clip), "log_mel": mel.astype(DTYPE).tobytes()}
            for clip, mel in found.mels.items()
        ]


@dataclass(frozen=True, kw_only=True)
class ReadOnRay:
    """Reads the clips of files on a cluster: what `prepare` takes as `read`.

    Attributes:
        engine: The cluster, whose machines find the files at the same paths.
        shards: Folder for the shards, which all machines see. A run that was stopped goes on there.
        overwrite: Whether other shards in it give way.
        progress: Updated for each shard.
    """

    engine: Engine
    shards: Place
    overwrite: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        self.shards.require_shared()

    def __call__(
        self, files: Mapping[int, Reading], *, audio: AudioSpec, recipe: DataRecipe
    ) -> Iterator[tuple[int, FileClips | AudioError]]:
        """Make the shards, then give the clips of each file by its number, in order.

        Raises:
            SentioError: As `run_on_ray`.
        """
        keys = _keys(files)
        work, items = self.work(files, audio=audio, recipe=recipe)
        shard_of: dict[str, str] = {}
        if items:
            outcome = run_on_ray(
                work,
                items,
                self.shards,
                engine=self.engine,
                overwrite=self.overwrite,
                progress=self.progress or NoProgress(),
            )
            shard_of = {key: name for name in outcome.shards for key in self._sheet(name)}
        shape = (audio.n_mels, audio.n_frames)
        opened, clips = "", dict[str, FileClips | AudioError]()
        for number, key in keys.items():
            if isinstance(key, AudioError):
                yield number, key
                continue
            if (name := shard_of[key]) != opened:
                opened, clips = name, self._clips(name, keys, files, shape)
            yield number, clips[key]

    def work(
        self, files: Mapping[int, Reading], *, audio: AudioSpec, recipe: DataRecipe
    ) -> tuple[PrepareWork, list[Item[Reading]]]:
        """What workers do, and the files that can be found."""
        items = [
            # Workers have another working folder.
            Item(key, replace(files[number], path=Path(os.path.abspath(files[number].path))))  # noqa: PTH100 - links stay
            for number, key in _keys(files).items()
            if isinstance(key, str)
        ]
        return PrepareWork(audio=audio, recipe=recipe), items

    def remove_shards(self) -> None:
        """Remove the shards, once what is in them is in a store."""
        for name in self.shards.names(SUFFIX):
            self.shards.join(name).remove()
        if self.shards.is_local and self.shards.path.is_dir() and not any(self.shards.path.iterdir()):
            self.shards.path.rmdir()

    def _sheet(self, name: str) -> tuple[str, ...]:
        place = self.shards.join(name)
        with place.open() as file:
            return read_sheet(file, place.url).keys

    def _clips(
        self, name: str, keys: Mapping[int, str | AudioError], files: Mapping[int, Reading], shape: tuple[int, int]
    ) -> dict[str, FileClips | AudioError]:
        """The clips of the files of a shard, by their keys."""
        place = self.shards.join(name)
        with place.open() as file:
            sheet = read_sheet(file, place.url)
        try:
            with place.open() as file:
                found = _by_file(read_shard(file, place.url, shard_schema()), shape)
        except ValueError as error:
            raise DataError(f"{place.url}: is damaged ({error}); remove it, and give the command again") from error
        path_of = {
            key: (os.path.abspath(files[number].path), _part(files[number]))  # noqa: PTH100 - links stay
            for number, key in keys.items()
        }
        faults = iter(sheet.faults)
        clips: dict[str, FileClips | AudioError] = {}
        for key in sheet.keys:
            clips[key] = found[path_of[key]] if path_of[key] in found else AudioError(next(faults))
        if next(faults, None) is not None:
            raise DataError(f"{place.url}: is damaged (it has more faults than files without clips); remove it")
        return clips


def shard_schema() -> Schema:
    """The columns of a shard of prepared files."""
    pa = arrow("writing shards")
    facts = {"file": pa.binary(), "size": pa.int64(), "mtime_ns": pa.int64(), "ctime_ns": pa.int64()}
    clip = {"sha256": pa.string(), "start": pa.int64(), "note": pa.string(), "change": pa.string()}
    part = {"length": pa.int64(), "segment": pa.string()}
    levels = dict.fromkeys(("seconds", "peak", "clipped"), pa.float64())
    columns = {**facts, **clip, **part, **levels, "log_mel": pa.binary()}
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns.items()])


def _part(reading: Reading) -> str:
    """The segment of a file as text; empty for a whole file."""
    return "" if reading.segment is None else f"{reading.segment[0]} {reading.segment[1]}"


def _by_file(table: Table, shape: tuple[int, int]) -> dict[tuple[str, str], FileClips]:
    found: dict[tuple[str, str], FileClips] = {}
    for row in table.to_pylist():
        path = os.fsdecode(row["file"])
        facts = {name: row[name] for name in ("size", "mtime_ns", "ctime_ns")}
        state = msgspec.convert({"path": path, **facts}, FileState)
        clip = msgspec.convert({name: row[name] for name in Clip.__struct_fields__}, Clip)
        mel = np.frombuffer(row["log_mel"], dtype=DTYPE).reshape(shape)
        before = found.get((path, row["segment"]))
        found[path, row["segment"]] = FileClips(
            state,
            clip.sha256,
            (*(before.windows if before else ()), (clip.start, clip.change, clip.length)),
            {**(before.mels if before else {}), clip: mel},
        )
    return found


def _keys(files: Mapping[int, Reading]) -> dict[int, str | AudioError]:
    """The key of each file by its number: a hash of its path and state, which tell an unchanged file unread."""
    keys: dict[int, str | AudioError] = {}
    for number, reading in files.items():
        try:
            state = state_of(reading.path)
            facts = (state.size, state.mtime_ns, state.ctime_ns, *filter(None, [_part(reading)]))
            keys[number] = digest_of(os.fsencode(state.path).hex(), *facts)
        except AudioError as error:
            keys[number] = error
    return keys
