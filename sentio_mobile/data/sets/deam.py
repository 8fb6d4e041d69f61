"""The DEAM data set as its authors and Kaggle lay it out (Aljanaki, Yang & Soleymani 2017), found from its root."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.records import replace
from sentio_mobile.data.config import DataRecipe
from sentio_mobile.data.data_set import Source, labels_of
from sentio_mobile.data.layouts import audio_by_stem, first_few, folders_below
from sentio_mobile.data.manifest_columns import tidy_id
from sentio_mobile.data.scales import Scale
from sentio_mobile.data.songs import (
    Moments,
    Song,
    csv_lines,
    numbered_rows,
    read_label,
    read_number,
    require_printable,
)
from sentio_mobile.errors import LabelError

AUDIO = Path("DEAM_audio/MEMD_audio")
LABELS = Path("DEAM_Annotations/annotations/annotations averaged per song/song_level")
TABLES = ("static_annotations_averaged_songs_1_2000.csv", "static_annotations_averaged_songs_2000_2058.csv")
DYNAMIC = "dynamic (per second annotations)"
DYNAMIC_TABLES = ("valence.csv", "arousal.csv")


@dataclass(frozen=True)
class Deam:
    """The parts of DEAM: the folder of audio, and the folder of the two tables of static labels."""

    audio: Path
    labels: Path


def read(folder: Path, recipe: DataRecipe) -> Source | None:
    """Read DEAM below a folder, however its archives were unpacked; None if it is not there.

    Args:
        folder: The folder.
        recipe: Settings of data preparation, for the kind of labels.

    Raises:
        LabelError: A part of DEAM is missing, or a table is wrong.
    """
    deam = find_deam(folder)
    if deam is None:
        return None
    songs, notes = read_songs(deam, recipe.labels == "dynamic")
    # The note lies in the root of the music, which may be below the folder that was given.
    places = [place for place in (folder, *deam.audio.parents) if place.is_relative_to(folder)]
    return Source(songs=songs, root=folder, layout="deam", labels=labels_of(*places), scale="1-9", notes=notes)


def find_deam(root: Path) -> Deam | None:
    """Find DEAM's parts below a folder, however its archives were unpacked.

    Returns:
        The parts, or None if there is neither.

    Raises:
        LabelError: One part is there and the other is missing.
    """
    names = {AUDIO.name: AUDIO, LABELS.name: LABELS}
    found = _find(root, tuple(names))
    if not found:
        return None
    for name, usual in names.items():
        if name not in found:
            (other,) = found.values()
            raise LabelError(
                f"{root}: looks like DEAM ({other.relative_to(root)}) but has no folder {name!r} "
                f"(usually {usual}); unpack both of DEAM's archives there"
            )
    return Deam(_innermost(found[AUDIO.name]), _innermost(found[LABELS.name]))


def read_songs(deam: Deam, dynamic: bool = False) -> tuple[list[Song], tuple[str, ...]]:
    """Read the songs of DEAM: static labels (1-9), and the audio file of the same number. Each song is its own group.

    Args:
        deam: The parts of DEAM.
        dynamic: Whether to read the labels of each half second too. A song without them keeps its static label.

    Returns:
        The songs in the order of the tables, a line with their scale, and one for each thing that was left out.

    Raises:
        LabelError: A table is missing or wrong.
    """
    audio = audio_by_stem(deam.audio)
    songs: dict[str, Song] = {}
    there = [table for table in TABLES if (deam.labels / table).is_file()]
    for table in there or TABLES:
        path = deam.labels / table
        for number, row in numbered_rows(path, ("song_id", "valence_mean", "arousal_mean")):
            where, song_id = f"{path}, row {number}", tidy_id(row["song_id"])
            if not song_id:
                raise LabelError(f"{where}: has no song_id; mend the row")
            require_printable(song_id, where, "song_id")
            if song_id in songs:
                raise LabelError(f"{where}: song {song_id!r} is labelled twice; remove one")
            songs[song_id] = Song(
                song_id=song_id,
                # A song without audio is treated as a file that cannot be decoded: skipped, counted and named.
                path=audio.get(song_id, deam.audio / f"{song_id}.mp3"),
                valence=read_label(row["valence_mean"], "1-9", f"{where}, valence_mean"),
                arousal=read_label(row["arousal_mean"], "1-9", f"{where}, arousal_mean"),
                group=song_id,
                spread=_spread(row, where),
            )
    notes = ["DEAM: scale 1-9, as its authors state" + ("; dynamic labels -1-1" if dynamic else "")]
    notes += [f"{deam.labels / table} is not there: its songs are left out" for table in TABLES if table not in there]
    if unlabelled := [file.name for stem, file in audio.items() if stem not in songs]:
        notes.append(f"{len(unlabelled)} audio files have no label and are left out: {first_few(unlabelled)}")
    if dynamic:
        moments = _read_moments(deam.labels.parent)
        if without := [song_id for song_id in songs if song_id not in moments]:
            notes.append(f"{len(without)} songs have no dynamic label and keep their static one: {first_few(without)}")
        songs = {song_id: replace(song, moments=moments.get(song_id)) for song_id, song in songs.items()}
    return list(songs.values()), tuple(notes)


def _spread(row: Mapping[str, str], where: str) -> tuple[float, float] | None:
    """The raters' standard deviations, in [-1, 1]; None where the table has none."""
    names = ("valence_std", "arousal_std")
    if not all(row.get(name) for name in names):
        return None
    one, other = (
        Scale(1, 9).spread_to_unit(read_number(row[name], f"{where}, {name}", "a standard deviation")) for name in names
    )
    return one, other


def _find(root: Path, names: tuple[str, ...]) -> dict[str, Path]:
    """The highest folders of these names below `root`; the first by name at the same depth."""
    found: dict[str, Path] = {}
    for folder in folders_below(root, skip=lambda name: name in names):
        if folder != root and folder.name in names:
            found.setdefault(folder.name, folder)
            if len(found) == len(names):
                break
    return found


def _innermost(folder: Path) -> Path:
    """A folder, or the one of its own name in it that holds its files: archives are often unpacked into such a one."""
    inner = folder / folder.name
    return _innermost(inner) if inner.is_dir() and not any(file.is_file() for file in folder.iterdir()) else folder


def _read_moments(folder: Path) -> dict[str, Moments]:
    """The labels of each half second, for each song in both dynamic tables."""
    place = _find(folder, (DYNAMIC,)).get(DYNAMIC)
    missing = [name for name in DYNAMIC_TABLES if place is None or not is_file(place / name)]
    if place is None or missing:
        raise LabelError(
            f"{folder}: has no {DYNAMIC}/{missing[0]}, which dynamic labels need; "
            "unpack it from DEAM's annotations or use static labels"
        )
    valence, arousal = (_read_dynamic(place / name) for name in DYNAMIC_TABLES)
    moments = {}
    for song_id in valence.keys() & arousal.keys():
        if both := sorted(valence[song_id].keys() & arousal[song_id].keys()):
            values = [(valence[song_id][second], arousal[song_id][second]) for second in both]
            moments[song_id] = Moments(np.array(both, dtype=np.float32), np.array(values, dtype=np.float32))
    return moments


def _read_dynamic(path: Path) -> dict[str, dict[float, float]]:
    """Labels in [-1, 1] by song and second. Rows are as long as their songs, and may have gaps."""
    lines = csv_lines(path, "song_id")
    number, header = next(lines, (0, []))
    times = [re.fullmatch(r"sample_(\d+)ms", name) for name in header]
    if header[:1] != ["song_id"] or len(header) < 2 or not all(times[1:]):
        raise LabelError(f"{path}, row {number}: is no header of song_id, sample_15000ms, ...; unpack the file again")
    seconds = [int(time[1]) / 1000 for time in times[1:] if time]
    ratings: dict[str, dict[float, float]] = {}
    for number, (written, *cells) in lines:
        where, song_id = f"{path}, row {number}", tidy_id(written)
        if song_id in ratings:
            raise LabelError(f"{where}: song {song_id!r} is labelled twice; remove one")
        if any(cells[len(seconds) :]):
            raise LabelError(f"{where}: has more values than the header has columns; unpack the file again")
        ratings[song_id] = {
            second: read_label(cell, "-1-1", f"{where}, sample_{second * 1000:.0f}ms")
            for second, cell in zip(seconds, cells, strict=False)
            if cell and cell.lower() != "nan"
        }
    return ratings
