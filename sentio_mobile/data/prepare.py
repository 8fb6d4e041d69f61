"""Audio of any origin becomes a prepared data folder: clips in a store, split, and written down at the very end.

A run that was killed goes on where it was when the same command is given again: what the store has is neither decoded
nor, while its file is unchanged, read again. Until songs.csv and data.json are replaced, an older state stays readable.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sentio_mobile._internal.files import require_free, sha256, write_json
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.clips import FileClips, clips_of_file, in_order
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.given_splits import GivenSplits
from sentio_mobile.data.journal import Index
from sentio_mobile.data.prepared import SHEET, SONGS, STORE, UNLABELLED, fingerprint_of, write_songs
from sentio_mobile.data.songs import Song
from sentio_mobile.data.sources import Source, read_source
from sentio_mobile.data.splits import SPLITS, split_songs
from sentio_mobile.data.store import StoreWriter, is_store, key_of, remove_store
from sentio_mobile.errors import AudioError, DataError, OutputError
from sentio_mobile.spec import AudioSpec

MOST_UNUSABLE = 0.05
"""Share of songs that may be unusable before preparation stops: more of them is a fault, not bad luck."""


def prepare(
    source: Path,
    out: Path,
    *,
    recipe: DataRecipe,
    audio: AudioSpec,
    progress: Progress | None = None,
    overwrite: bool = False,
    store: Path | None = None,
    splits: GivenSplits | None = None,
) -> list[str]:
    """Prepare a DEAM folder, a manifest CSV or a folder of audio.

    Args:
        source: DEAM's root folder, a manifest, or a folder of audio without labels.
        out: the prepared data folder to write. What an unfinished run left there is taken up.
        recipe: windows, labels, scale and splits.
        audio: the front end.
        progress: shown as songs are done.
        overwrite: an existing `out` gives way, at the moment the new state is complete; clips that its store has are
            used again, and stores of other front ends in it are removed.
        store: where the clips are kept; `out`/store by default. One place can serve several prepared folders, with
            other splits for example, and is never cleared up.
        splits: which song is in which split; by default songs are split by the recipe's fractions and seed.

    Returns:
        One line for each song that was skipped because it holds no usable audio.

    Raises:
        LabelError: the labels are not what they must be.
        DataError: more than 5% of the songs are unusable, or there are too few songs, or the store is another's.
        OutputError: `out` or the store cannot be written, or another process is writing to the store.
    """
    found = read_source(source, recipe)
    if splits is not None and found.labels == "none":
        raise DataError(f"{source}: has no labels, and songs without labels have no splits; leave --splits out")
    if splits is not None:
        listed, notes = splits.apply(found.songs)
        found = replace(found, songs=listed, notes=(*found.notes, *notes))
    _require_room(out, overwrite, found)
    folder = (store or out / STORE) / key_of(audio)
    with StoreWriter(folder, audio) as writer:
        kept, faults = _store_clips(found.songs, writer, recipe=recipe, audio=audio, progress=progress or NoProgress())
        writer.sync()
        songs = [found.songs[number] for number, _ in kept]
        if found.labels == "none":
            names = [UNLABELLED] * len(songs)
        elif splits is not None:
            names = [splits.of_song[song.song_id] for song in songs]
        else:
            names = split_songs(songs, recipe.fractions, recipe.seed)
        rows = [rows for _, rows in kept]
        write_songs(out / SONGS, _lines(songs, names, rows=rows, index=writer.index, root=found.root, audio=audio))
        checksums = np.array([writer.index.checksums[row] for song in rows for row in song], dtype=np.uint64)
        songs_sha256 = sha256(out / SONGS)
        sheet = {
            "audio": audio.to_dict(),
            "store": os.path.relpath(folder.resolve(), out.resolve()),
            "labels": found.labels,
            "source": source.name,
            "layout": found.layout,
            "scale": found.scale,
            "dynamic": recipe.labels == "dynamic",
            "window": recipe.window,
            "windows": recipe.windows,
            "split_seed": None if splits is not None else recipe.seed,
            "split_fractions": None if splits is not None else recipe.fractions,
            "split_list": None if splits is None else splits.path.name,
            "songs": {name: names.count(name) for name in (*SPLITS, UNLABELLED) if name in names},
            "groups": len({song.group for song in songs}),
            "notes": found.notes,
            "skipped": faults,
            "songs_sha256": songs_sha256,
            "fingerprint": fingerprint_of(songs_sha256, checksums),
        }
        write_json(out / SHEET, sheet)
    _tidy(out, folder)
    return faults


def _store_clips(
    songs: Sequence[Song], writer: StoreWriter, *, recipe: DataRecipe, audio: AudioSpec, progress: Progress
) -> tuple[list[tuple[int, tuple[int, ...]]], list[str]]:
    """Number and rows of each usable song, the evaluated window first; and a line for each of the others."""

    def one(song: Song) -> FileClips | AudioError:
        try:
            return clips_of_file(song.path, audio, recipe, writer.index)
        except AudioError as error:
            return error

    kept: list[tuple[int, tuple[int, ...]]] = []
    faults: list[str] = []
    progress.start("log-mel spectrograms", len(songs))
    try:
        for number, clips in enumerate(in_order(one, songs)):
            if isinstance(clips, AudioError):
                faults.append(str(clips))
                if len(faults) > MOST_UNUSABLE * len(songs):
                    raise DataError(
                        f"{len(faults)} of {len(songs)} clips are unusable, more than 5%; the first: {faults[0]}"
                    )
            else:
                kept.append((number, _keep(clips, writer)))
            progress.advance(note=f"{len(faults)} skipped" if faults else "")
    finally:
        progress.finish()
    return kept, faults


def _keep(clips: FileClips, writer: StoreWriter) -> tuple[int, ...]:
    """Store what is not stored yet; the rows of all windows."""
    for clip, mel in clips.mels.items():
        writer.add(clip, clips.file, mel)
    rows = [writer.index.row_of_clip(clips.sha256, start) for start in clips.starts]
    found = tuple(row for row in rows if row is not None)
    writer.remember(found[0], clips.file)
    return found


def _lines(
    songs: Sequence[Song],
    splits: Sequence[str],
    *,
    rows: Sequence[tuple[int, ...]],
    index: Index,
    root: Path,
    audio: AudioSpec,
) -> Iterator[tuple[object, ...]]:
    """The lines of songs.csv, in the order of `COLUMNS`."""
    for song, split, own in zip(songs, splits, rows, strict=True):
        path = os.path.relpath(song.path, root)
        for window, row in enumerate(own):
            clip = index.clip(row)
            start = clip.start / audio.sample_rate
            label = song.label(start, audio.seconds)
            labels = ("", "") if label is None else tuple(f"{value:.6f}" for value in label)
            facts = (clip.sha256, f"{clip.seconds:.3f}", f"{clip.peak:.6f}", f"{clip.clipped:.6f}")
            yield song.song_id, window, f"{start:.6f}", row, split, song.group, *labels, path, *facts


def _require_room(out: Path, overwrite: bool, source: Source) -> None:
    """Refuse what stands at `out`, unless it may give way or is what an unfinished run left."""
    require_free(out, overwrite=True)
    place = out.resolve()
    if source.root.resolve().is_relative_to(place) or any(song.path.is_relative_to(place) for song in source.songs):
        raise OutputError(f"{out} holds the songs themselves; choose another place")
    if not out.exists():
        return
    unfinished = out.is_dir() and not (out / SHEET).exists() and all(_is_ours(path) for path in out.iterdir())
    if not out.is_dir() or not (overwrite or unfinished):
        raise OutputError(f"{out} exists already; choose another place or remove it")


def _is_ours(path: Path) -> bool:
    if path.name == STORE:
        return path.is_dir() and all(is_store(folder) for folder in path.iterdir())
    return path.name == SONGS or path.name.startswith((f".{SONGS}.", f".{SHEET}."))


def _tidy(out: Path, folder: Path) -> None:
    """Remove what the new state of `out` does not need: stores of other front ends, and whatever it replaced."""
    for path in out.iterdir():
        if path.name == STORE and path.is_dir():
            for other in path.iterdir():
                if other.resolve() != folder.resolve() and is_store(other):
                    remove_store(other)
        elif path.name not in (SONGS, SHEET) and not folder.resolve().is_relative_to(path.resolve()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
