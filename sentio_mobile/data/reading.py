"""Reading of all songs into a store: what is stored already is found, and the rest is decoded by all cores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.workers import in_processes, useful_workers
from sentio_mobile.audio.decode import SILENT_PEAK
from sentio_mobile.data.clips import (
    FileClips,
    Perturbing,
    Reading,
    clips_or_fault,
    hash_file,
    perturbed_clips,
    state_of,
    stored_clips,
)
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.journal import Clip, FileState
from sentio_mobile.data.missing import MAX_UNUSABLE
from sentio_mobile.data.perturbed import changes_of
from sentio_mobile.data.songs import Song
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.errors import AudioError, DataError
from sentio_mobile.spec import AudioSpec

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Stored:
    """The songs that are in the store.

    Attributes:
        rows: Store rows of each usable song by its number, the evaluated window first.
        faults: A line for each other song by its number.
    """

    rows: dict[int, tuple[int, ...]] = field(default_factory=dict)
    faults: dict[int, str] = field(default_factory=dict)


class ReadFiles(Protocol):
    """Reads the clips of files somewhere else than in processes of this machine."""

    def __call__(
        self, files: Mapping[int, Reading], *, audio: AudioSpec, recipe: DataRecipe
    ) -> Iterator[tuple[int, FileClips | AudioError]]:
        """Give the clips of each file by its number, in order, or why it cannot be used."""


def store_clips(
    songs: Sequence[Song],
    writer: StoreWriter,
    *,
    recipe: DataRecipe,
    audio: AudioSpec,
    progress: Progress,
    read: ReadFiles | None = None,
) -> Stored:
    """Store the clips of all songs that can be used.

    Args:
        songs: The songs.
        writer: The store.
        recipe: Number of windows, and which one is evaluated.
        audio: Front end.
        progress: Advanced song by song.
        read: Reads the files; by default processes of this machine do.

    Raises:
        DataError: More than 5% of the songs cannot be used.
        OutputError: The store cannot be written.
    """
    stored = Stored()
    progress.start("log-mel spectrograms", len(songs))
    try:
        for number, clips in _clips(songs, writer, recipe=recipe, audio=audio, read=read):
            if isinstance(clips, AudioError):
                stored.faults[number] = str(clips)
                if len(stored.faults) > MAX_UNUSABLE * len(songs):
                    raise DataError(_too_many(stored, len(songs)))
            else:
                stored.rows[number] = _store_file(clips, writer)
            progress.advance(note=f"{len(stored.faults)} skipped" if stored.faults else "")
    finally:
        progress.finish()
    return stored


def add_perturbed(
    songs: Sequence[Song],
    trained: Sequence[int],
    *,
    rows: Sequence[tuple[int, ...]],
    writer: StoreWriter,
    recipe: DataRecipe,
    audio: AudioSpec,
    progress: Progress,
) -> list[tuple[int, ...]]:
    """Store perturbed copies of the windows of songs that are trained on, and add their rows to those of the song.

    Args:
        songs: All songs.
        trained: Numbers of those that are trained on.
        rows: Store rows of each song.
        writer: The store.
        recipe: Number of copies, and the seed of the draw.
        audio: Front end.
        progress: Advanced song by song.

    Raises:
        AudioError: A file cannot be read any more.
        OutputError: The store cannot be written.
    """
    index = writer.index
    copies = {
        number: [
            (index.clip(row), change)
            for row in rows[number]
            for change in changes_of(songs[number].song_id, recipe.perturb, recipe.seed)
        ]
        for number in trained
    }
    missing: list[Perturbing] = []
    for number, pairs in copies.items():
        new = [
            (clip, change)
            for clip, change in pairs
            if index.row_of_clip(clip.sha256, clip.start, change, clip.length) is None
        ]
        if new:
            missing.append(Perturbing(songs[number].path, _by_clip(new)))
    progress.start("perturbed copies", len(trained))
    progress.advance(len(trained) - len(missing))
    read = in_processes(
        partial(perturbed_clips, audio=audio), missing, workers=useful_workers(len(missing)), ordered=True
    )
    try:
        for clips in read:
            _store_file(clips, writer)
            progress.advance()
    finally:
        read.close()
        progress.finish()
    added = list(rows)
    for number, pairs in copies.items():
        found = (index.row_of_clip(clip.sha256, clip.start, change, clip.length) for clip, change in pairs)
        added[number] = (*rows[number], *(row for row in found if row is not None))
    return added


def notes_of(songs: Sequence[Song], rows: Sequence[tuple[int, ...]], writer: StoreWriter) -> list[str]:
    """A line for each song whose file is damaged, and for each whose clips are silent after mixing down."""
    notes = []
    for song, own in zip(songs, rows, strict=True):
        clips = [writer.index.clip(row) for row in own]
        notes += [f"{song.path}: {clips[0].note}"] if clips[0].note else []
        silent = sum(clip.peak < SILENT_PEAK for clip in clips)
        if silent == len(clips):
            notes.append(f"{song.path}: is silent after mixing down")
        elif silent:
            notes.append(f"{song.path}: {silent} of its {len(clips)} windows are silent after mixing down")
    return notes


def _clips(
    songs: Sequence[Song], writer: StoreWriter, *, recipe: DataRecipe, audio: AudioSpec, read: ReadFiles | None
) -> Iterator[tuple[int, FileClips | AudioError]]:
    """The clips of each song by its number: first those that need no decoding, then the others in order."""
    find = partial(stored_clips, audio=audio, recipe=recipe, index=writer.index)
    unknown: list[int] = []
    for number, song in enumerate(songs):
        state = _state_or_fault(song.path)
        known = state if isinstance(state, AudioError) else find(state, None, song.segment)
        if known is None:
            unknown.append(number)
        else:
            yield number, known
    new = {number: Reading(songs[number].path, segment=songs[number].segment) for number in unknown}
    if read is not None:
        yield from read(new, audio=audio, recipe=recipe)
        return
    if len(writer.index):  # a file that was moved or copied is found by its content
        paths = {number: songs[number].path for number in unknown}
        for number, found in _each(hash_file, paths, lost=_lost):
            known = found if isinstance(found, AudioError) else find(*found, songs[number].segment)
            if known is not None:
                del new[number]
                yield number, known
            elif not isinstance(found, AudioError):
                new[number] = Reading(songs[number].path, found, songs[number].segment)
    decode = partial(clips_or_fault, audio=audio, recipe=recipe)
    yield from _each(decode, new, lost=lambda reading: _lost(reading.path))


def _state_or_fault(path: Path) -> FileState | AudioError:
    try:
        return state_of(path)
    except AudioError as error:
        return error


def _each(work: Callable[[T], U], items: Mapping[int, T], *, lost: Callable[[T], U]) -> Iterator[tuple[int, U]]:
    """Work on the file of each song in processes, in order, and give the results by the songs' numbers."""
    results = in_processes(work, items.values(), workers=useful_workers(len(items)), ordered=True, lost=lost)
    try:
        yield from zip(items, results, strict=True)
    finally:
        results.close()


def _lost(path: Path) -> AudioError:
    return AudioError(f"{path}: ended the process that decoded it; it is damaged, or needs more memory than there is")


def _by_clip(pairs: Sequence[tuple[Clip, str]]) -> tuple[tuple[Clip, tuple[str, ...]], ...]:
    changes: dict[Clip, list[str]] = {}
    for clip, change in pairs:
        changes.setdefault(clip, []).append(change)
    return tuple((clip, tuple(names)) for clip, names in changes.items())


def _store_file(clips: FileClips, writer: StoreWriter) -> tuple[int, ...]:
    """Store the new clips of a file and return the rows of all its windows."""
    for clip, mel in clips.mels.items():
        writer.add(clip, clips.file, mel)
    rows = [writer.index.row_of_clip(clips.sha256, *window) for window in clips.windows]
    found = tuple(row for row in rows if row is not None)
    writer.remember(found[0], clips.file)
    return found


def _too_many(stored: Stored, total: int) -> str:
    bad, seen = len(stored.faults), len(stored.faults) + len(stored.rows)
    if seen == total:
        counted = f"{bad} of {total} clips are unusable, more than 5%"
    else:
        counted = f"{bad} of the first {seen} clips are unusable, and that is more than 5% of all {total}: stopped"
    return f"{counted}; the first: {stored.faults[min(stored.faults)]}"
