"""What is in a prepared data folder, and whether anything in it would spoil a result.

A fault is what makes a result wrong: a leak between splits, a label or level that is no number or off its range, a
record that is not what was written. A note is what to know before trusting one: silence, clipping, short files, copies
within a split, splits that differ, parts of the plane without songs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.data.checks.duplicates import Duplicate, find_duplicates
from sentio_mobile.data.checks.label_distribution import Comparison, Coverage, compare, coverage_of, grid_of
from sentio_mobile.data.checks.sound import Sound, listen
from sentio_mobile.data.clip_table import SONGS, ClipRow, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.splits import GRID
from sentio_mobile.spec import OUTPUTS

MOST_CLIPPED = 0.001
"""Share of samples at full scale from which on a clip is noted: less of it is a limiter at work, and hardly heard."""
QUIET = 0.001
"""Peak under which a clip is noted as nearly silent: -60 dB."""
_MOST_LINES = 20
_FEW_SONGS = 30


@dataclass(frozen=True, kw_only=True)
class SplitFacts:
    """One split: counts, mean and standard deviation of its labels in [-1, 1], and songs in each cell of the plane.

    `grid` is [valence][arousal], from low to high. Labels are None where there are none. `seconds` are the shortest,
    the middle and the longest file.
    """

    name: str
    songs: int
    groups: int
    clips: int
    valence: tuple[float, float] | None
    arousal: tuple[float, float] | None
    grid: tuple[tuple[int, ...], ...] | None
    seconds: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class DataFacts:
    """What `check_data` found. `faults` and `notes` have one line for each finding; faults spoil results."""

    labels: str
    splits: tuple[SplitFacts, ...]
    comparisons: tuple[Comparison, ...]
    coverage: Coverage | None
    duplicates: tuple[Duplicate, ...]
    skipped: int
    faults: tuple[str, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def check_data(data: PreparedData, progress: Progress | None = None) -> DataFacts:
    """Read everything in a prepared folder once, and say what is wrong with it and what is worth knowing.

    Args:
        data: the folder, opened.
        progress: shown as clips are read and compared.

    Raises:
        DataError: songs.csv or the store cannot be read.
    """
    progress = progress or NoProgress()
    listed = read_clip_rows(data.folder / SONGS)
    faults, notes = _leaks(listed), []
    songs = [clip for clip in listed if clip.window == 0]
    by_split = {name: [clip for clip in songs if clip.split == name] for name in data.splits}
    labels = {name: labels_of(clips) for name, clips in by_split.items() if all(c.valence is not None for c in clips)}
    faults += _bad_labels(listed)
    comparisons = compare(labels)
    coverage = coverage_of(np.concatenate(list(labels.values()))) if labels else None
    notes += _label_notes(labels, comparisons, coverage)
    sound = listen(data, listed, progress)
    duplicates = find_duplicates(
        listed, sound.rows, sketches=sound.sketches, read=sound.read, audio=data.audio, progress=progress
    )
    faults += _bad_records(listed, sound)
    faults += [_duplicate_line(copies) for copies in duplicates if copies.is_leak]
    notes += [_duplicate_line(copies) for copies in duplicates if not copies.is_leak]
    notes += _sound_notes(listed, sound, data.audio.seconds)
    return DataFacts(
        labels=data.sheet.labels,
        splits=tuple(_facts(name, clips, listed, labels.get(name)) for name, clips in by_split.items()),
        comparisons=comparisons,
        coverage=coverage,
        duplicates=duplicates,
        skipped=len(data.sheet.skipped),
        faults=tuple(faults),
        notes=tuple(notes),
    )


def labels_of(clips: Sequence[ClipRow]) -> NDArray[np.float64]:
    """Valence and arousal [clips, 2]; NaN where one is missing."""
    missing = float("nan")
    return np.array(
        [[missing if x is None else x for x in (clip.valence, clip.arousal)] for clip in clips], dtype=np.float64
    ).reshape(-1, len(OUTPUTS))


def _facts(name: str, songs: list[ClipRow], listed: list[ClipRow], labels: NDArray[np.float64] | None) -> SplitFacts:
    seconds = np.array([song.seconds for song in songs])
    statistics: list[tuple[float, float] | None] = [None, None]
    if labels is not None:
        columns = [column[np.isfinite(column)] for column in labels.T]
        statistics = [(float(x.mean()), float(x.std())) if len(x) else None for x in columns]
    return SplitFacts(
        name=name,
        songs=len(songs),
        groups=len({song.group for song in songs}),
        clips=sum(clip.split == name for clip in listed),
        valence=statistics[0],
        arousal=statistics[1],
        grid=None if labels is None else tuple(tuple(int(n) for n in row) for row in grid_of(labels)),
        seconds=(float(seconds.min()), float(np.median(seconds)), float(seconds.max())),
    )


def _leaks(listed: list[ClipRow]) -> list[str]:
    """Songs and groups that stand in two splits; of a song that is its own group it is said once."""
    found: dict[tuple[str, str, str], str] = {}
    owner: dict[tuple[str, str], str] = {}
    for clip in listed:
        for kind, name in (("song", clip.song_id), ("group", clip.group)):
            other = owner.setdefault((kind, name), clip.split)
            if other != clip.split and not (kind == "group" and name == clip.song_id):
                found[kind, name, clip.split] = f"{kind} {name!r} is in the {other} and the {clip.split} split: a leak"
    return list(found.values())


def _bad_labels(listed: list[ClipRow]) -> list[str]:
    faults = []
    for name in dict.fromkeys(clip.split for clip in listed):
        clips = [clip for clip in listed if clip.split == name]
        if all(clip.valence is None and clip.arousal is None for clip in clips):
            continue
        for dimension, column in zip(OUTPUTS, labels_of(clips).T, strict=True):
            wrong = [clip.song_id for clip, x in zip(clips, column, strict=True) if not abs(x) <= 1]
            if wrong:
                faults.append(f"{name}: {dimension} is missing or outside [-1, 1] in {_songs(wrong)}")
            elif column.std() == 0:
                faults.append(f"{name}: every {dimension} label is {column[0]:+.2f}; a concordance is undefined")
    return faults


def _bad_records(listed: list[ClipRow], sound: Sound) -> list[str]:
    faults = []
    for rows, what in (
        (sound.damaged, "differ from what was written (checksum); prepare the data again"),
        (sound.not_numbers, "has spectrogram values that are not numbers"),
        (sound.off_range, "has spectrogram values outside [0, 1]"),
    ):
        named = dict.fromkeys((clip.split, clip.song_id) for clip in listed if clip.row in rows)
        if rows is sound.damaged and named:
            faults.append(f"the records of {_songs([song for _, song in named])} {what}")
        else:
            faults += [f"{split}: song {song!r} {what}" for split, song in named]
    return faults


def _label_notes(
    labels: dict[str, NDArray[np.float64]], comparisons: Sequence[Comparison], coverage: Coverage | None
) -> list[str]:
    notes = []
    for test in comparisons:
        if test.differs:
            notes.append(
                f"{' and '.join(test.splits)}: {test.dimension} is {test.words} "
                f"(Kolmogorov-Smirnov D {test.distance:.2f}, p {test.p:.2g})"
            )
    for name, values in labels.items():
        if name != "train" and len(values) < _FEW_SONGS:
            notes.append(f"{name}: {len(values)} songs are too few for a concordance with a narrow interval")
    if coverage is not None and coverage.cells < 1:
        cells = GRID * GRID
        empty = cells - round(coverage.cells * cells)
        notes.append(f"{empty} of {cells} cells of the plane hold no song: nothing is learnt or tested there")
    if {"train", "test"} <= labels.keys():
        grids = {name: grid_of(values) for name, values in labels.items()}
        unseen = sum(int(grid[grids["train"] == 0].sum()) for name, grid in grids.items() if name != "train")
        if unseen:
            notes.append(f"{unseen} songs of val and test lie in cells of which train has none")
    return notes


def _sound_notes(listed: list[ClipRow], sound: Sound, seconds: float) -> list[str]:
    found = (
        ([clip for clip in listed if clip.row in sound.silent], "silent"),
        ([clip for clip in listed if clip.peak < QUIET and clip.row not in sound.silent], "nearly silent (-60 dB)"),
        ([clip for clip in listed if clip.clipped >= MOST_CLIPPED], f"clipped ({MOST_CLIPPED:.1%} of it or more)"),
        ([clip for clip in listed if clip.seconds < seconds / 2], f"short: under half of the {seconds:g} s of a clip"),
    )
    return [
        f"{_songs(list(dict.fromkeys(clip.song_id for clip in clips)))} {'is' if len(clips) == 1 else 'are'} {what}"
        for clips, what in found
        if clips
    ]


def _duplicate_line(copies: Duplicate) -> str:
    songs = ", ".join(
        f"{song!r} ({split})" for song, split in list(zip(copies.songs, copies.splits, strict=True))[:_MOST_LINES]
    )
    what = "the same file" if copies.how == "bytes" else f"the same recording (likeness {copies.likeness:.2f})"
    advice = "a leak; remove all but one, or give them one group" if copies.is_leak else "it counts more than once"
    return f"{what} under several names: {songs}: {advice}"


def _songs(names: list[str]) -> str:
    if len(names) == 1:
        return f"song {names[0]!r}"
    return f"{len(names)} songs ({', '.join(repr(name) for name in names[:5])}{', ...' if len(names) > 5 else ''})"
