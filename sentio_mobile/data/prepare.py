"""Preparation: from labelled audio to a prepared data folder with clips in a store, and songs in splits.

A killed run continues when the same command is given again: stored clips are not decoded again, and unchanged files
are not even read. songs.csv and data.json are written last, so that an older state stays readable until then.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from sentio_mobile._internal.claims import LOCK, claimed
from sentio_mobile._internal.files import require_free, sha256
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import replace, write_record
from sentio_mobile._internal.without_folders import without_folders
from sentio_mobile.data.clip_table import SONGS, write_clip_rows
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source
from sentio_mobile.data.journal import Index
from sentio_mobile.data.missing import refuse_missing
from sentio_mobile.data.prepared import SHEET, STORE, UNLABELLED, DataSheet, fingerprint_of
from sentio_mobile.data.reading import ReadFiles, add_perturbed, notes_of, store_clips
from sentio_mobile.data.songs import Song
from sentio_mobile.data.sources import read_sources
from sentio_mobile.data.splits import SplitList, split_songs
from sentio_mobile.data.store import is_store, key_of, remove_store
from sentio_mobile.data.store_writer import StoreWriter
from sentio_mobile.data.weak_labels import WEAK_LABELS, write_weak_labels
from sentio_mobile.errors import DataError, OutputError
from sentio_mobile.spec import AudioSpec, SplitName


def prepare(
    source: Path | Sequence[Path],
    out: Path,
    *,
    recipe: DataRecipe,
    audio: AudioSpec,
    progress: Progress | None = None,
    overwrite: bool = False,
    store: Path | None = None,
    splits: SplitList | None = None,
    read: ReadFiles | None = None,
) -> list[str]:
    """Prepare a data set, a manifest CSV, several of those together, or a folder of audio.

    Args:
        source: A data set's root folder, a manifest CSV, or a folder of audio without labels; or several with labels.
        out: Prepared data folder to write. It may hold what an unfinished run left.
        recipe: Windows, labels, scale and splits.
        audio: Front end.
        progress: Progress bar, advanced song by song.
        overwrite: Whether an existing `out` gives way. It does so when the new state is complete; clips in its store
            are reused, and its stores of other front ends are removed.
        store: Folder of the log-mel stores, `out`/store by default. One folder can serve several prepared folders,
            for example with other splits. A folder given here is never cleaned up.
        splits: Split of each song. By default songs are split by the recipe's fractions and seed.
        read: Reads the files; by default processes of this machine do.

    Returns:
        One line for each song that was skipped because it has no usable audio.

    Raises:
        LabelError: The labels are wrong.
        DataError: More than 5% of the songs are missing or unusable, there are too few songs, or the store has records
            of another front end.
        OutputError: `out` or the store cannot be written, was deleted meanwhile, or another process writes to one.
    """
    sources = [source] if isinstance(source, Path) else list(source)
    found = read_sources(sources, recipe)
    refuse_missing([song.path for song in found.songs], found.root)
    if splits is not None and found.labels == "none":
        raise DataError(f"{sources[0]}: has no labels, and songs without labels have no splits; leave --splits out")
    if splits is not None:
        listed, notes = splits.select(found.songs)
        found = replace(found, songs=listed, notes=(*found.notes, *notes))
    _require_room(out, overwrite, found)
    with claimed(out, inside=True):
        _require_room(out, overwrite, found)  # another process may have finished meanwhile
        return _prepare(
            found,
            out,
            name=", ".join(one.name for one in sources),
            recipe=recipe,
            audio=audio,
            progress=progress or NoProgress(),
            store=store,
            splits=splits,
            read=read,
        )


def _prepare(
    found: Source,
    out: Path,
    *,
    name: str,
    recipe: DataRecipe,
    audio: AudioSpec,
    progress: Progress,
    store: Path | None,
    splits: SplitList | None,
    read: ReadFiles | None,
) -> list[str]:
    folder = (store or out / STORE) / key_of(audio)
    place = os.path.relpath(folder.resolve(), out.resolve())
    if _escaped(place) != place:
        raise OutputError(f"{_escaped(str(folder))}: is no path in UTF-8; choose another place")
    with StoreWriter(folder, audio) as writer:
        stored = store_clips(found.songs, writer, recipe=recipe, audio=audio, progress=progress, read=read)
        writer.sync()
        skipped = [stored.faults[number] for number in sorted(stored.faults)]
        songs = [found.songs[number] for number in sorted(stored.rows)]
        if found.labels == "none":
            names = [UNLABELLED] * len(songs)
        elif splits is not None:
            names = [splits.split_of[song.song_id] for song in songs]
        else:
            names = split_songs(songs, recipe.fractions, recipe.seed)
        rows = [stored.rows[number] for number in sorted(stored.rows)]
        file_notes = notes_of(songs, rows, writer)
        if recipe.perturb:
            rows = add_perturbed(
                songs,
                [number for number, split in enumerate(names) if split in ("train", UNLABELLED)],
                rows=rows,
                writer=writer,
                recipe=recipe,
                audio=audio,
                progress=progress,
            )
            writer.sync()
        write_clip_rows(
            out / SONGS, _clip_rows(songs, names, rows=rows, index=writer.index, root=found.root, audio=audio)
        )
        # The sheet names the store as it is now.
        writer.sync()
        checksums = np.array([writer.index.checksums[row] for song in rows for row in song], dtype=np.uint64)
        songs_sha256 = sha256(out / SONGS)
        sheet = DataSheet(
            audio=audio,
            store=place,
            labels=found.labels,
            source=_escaped(name),
            layout=found.layout,
            scale=found.scale,
            dynamic=recipe.labels == "dynamic",
            window=recipe.window,
            windows=recipe.windows,
            perturb=recipe.perturb,
            split_seed=None if splits is not None else recipe.seed,
            split_fractions=None if splits is not None else recipe.fractions,
            split_list=None if splits is None else _escaped(splits.path.name),
            songs={name: names.count(name) for name in get_args(SplitName) if name in names},
            groups=len({song.group for song in songs}),
            sources=found.sets or None,
            notes=tuple(_escaped(without_folders(line, found.root)) for line in (*found.notes, *file_notes)),
            skipped=tuple(_escaped(without_folders(line, found.root)) for line in skipped),
            songs_sha256=songs_sha256,
            fingerprint=fingerprint_of(songs_sha256, checksums),
        )
        if found.has_weak_labels:
            write_weak_labels(out / WEAK_LABELS, songs)
        write_record(out / SHEET, sheet)
    _remove_obsolete(out, folder, (SONGS, SHEET, LOCK, *((WEAK_LABELS,) if found.has_weak_labels else ())))
    return skipped


def _clip_rows(
    songs: Sequence[Song],
    splits: Sequence[str],
    *,
    rows: Sequence[tuple[int, ...]],
    index: Index,
    root: Path,
    audio: AudioSpec,
) -> Iterator[tuple[object, ...]]:
    """The rows of songs.csv, with values in the order of `COLUMNS`."""
    for song, split, windows in zip(songs, splits, rows, strict=True):
        path = os.path.relpath(song.path, root)
        for window, row in enumerate(windows):
            clip = index.clip(row)
            start = clip.start / audio.sample_rate
            label = song.label(start, audio.seconds)
            labels = ("", "") if label is None else tuple(f"{value:.6f}" for value in label)
            facts = (clip.sha256, f"{clip.seconds:.3f}", f"{clip.peak:.6f}", f"{clip.clipped:.6f}", clip.change)
            segment, spread = song.segment, song.spread
            end = clip.seconds if segment is None or segment[1] is None else min(segment[1], clip.seconds)
            more = (
                *(("", "") if segment is None else (f"{segment[0]:.6f}", f"{end:.6f}")),
                *(("", "") if spread is None else (f"{value:.6f}" for value in spread)),
                "" if song.raters is None else song.raters,
                song.source,
            )
            yield song.song_id, window, f"{start:.6f}", row, split, song.group, *labels, path, *facts, *more


def _escaped(text: str) -> str:
    """Escape what a name has of bytes that are not UTF-8, which JSON cannot hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def _require_room(out: Path, overwrite: bool, source: Source) -> None:
    """Refuse an existing `out`, unless it may give way or was left by an unfinished run."""
    require_free(out, overwrite=True)
    place = out.resolve()
    if source.root.resolve().is_relative_to(place) or any(song.path.is_relative_to(place) for song in source.songs):
        raise OutputError(f"{out} holds the songs themselves; choose another place")
    if not out.exists():
        return
    unfinished = out.is_dir() and not (out / SHEET).exists() and all(_is_own_file(path) for path in out.iterdir())
    if not out.is_dir() or not (overwrite or unfinished):
        raise OutputError(f"{out} exists already; choose another place or remove it")


def _is_own_file(path: Path) -> bool:
    if path.name == STORE:
        return path.is_dir() and all(is_store(folder) for folder in path.iterdir())
    own = (SONGS, WEAK_LABELS, LOCK)
    return path.name in own or path.name.startswith((f".{SONGS}.", f".{SHEET}.", f".{WEAK_LABELS}."))


def _remove_obsolete(out: Path, folder: Path, kept: Collection[str]) -> None:
    """Remove what the new state of `out` does not need: stores of other front ends, and what it replaced."""
    for path in out.iterdir():
        if path.name == STORE and path.is_dir():
            for other in path.iterdir():
                if other.resolve() != folder.resolve() and is_store(other):
                    remove_store(other)
        elif path.name not in kept and not folder.resolve().is_relative_to(path.resolve()):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
