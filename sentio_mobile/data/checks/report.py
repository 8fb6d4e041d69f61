"""The check of a prepared data folder: what is in it, and whether anything in it would spoil a result.

A fault makes results wrong: a leak between splits, a label or a level that is not a number or out of range, a damaged
record. A note is worth knowing before a result is trusted: silence, clipping, short files, copies within a split,
splits that differ, parts of the plane without songs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import Count, Finite, NonNegative, Record, Size, Text
from sentio_mobile.data.checks.duplicates import Duplicate, find_duplicates
from sentio_mobile.data.checks.label_distribution import (
    Coverage,
    SplitComparison,
    compare_splits,
    coverage_of,
    grid_of,
)
from sentio_mobile.data.checks.scan import ClipScan, scan_clips
from sentio_mobile.data.clip_table import SONGS, ClipRow, read_clip_rows
from sentio_mobile.data.prepared import Lines, PreparedData
from sentio_mobile.data.songs import LabelSource
from sentio_mobile.data.splits import GRID
from sentio_mobile.spec import OUTPUTS

MIN_CLIPPED = 0.001
"""Share of samples at full scale from which a clip is noted. Less of it is a limiter at work, and hardly audible."""
QUIET_PEAK = 0.001
"""Peak below which a clip is noted as nearly silent: -60 dB."""
_MAX_NAMED_COPIES = 20
_MAX_NAMED_SONGS = 5
_MIN_SONGS_FOR_CCC = 30

Row = Annotated[tuple[Size, ...], Meta(min_length=GRID, max_length=GRID)]


class SplitSummary(Record, frozen=True, kw_only=True):
    """One split in numbers."""

    name: Text  # name of the split
    songs: Count  # number of songs
    groups: Count  # number of groups
    clips: Count  # number of windows
    valence: tuple[Finite, NonNegative] | None  # mean and standard deviation; None without labels
    arousal: tuple[Finite, NonNegative] | None  # mean and standard deviation; None without labels
    # songs in each cell [valence][arousal], from low to high; None without labels
    grid: Annotated[tuple[Row, ...], Meta(min_length=GRID, max_length=GRID)] | None
    seconds: tuple[NonNegative, NonNegative, NonNegative]  # length of the shortest, the median and the longest file


class CheckReport(Record, frozen=True, kw_only=True):
    """check.json: everything that `check_data` found."""

    schema: Literal[2] = 2  # version of this record
    labels: LabelSource  # who labelled the songs
    splits: Annotated[tuple[SplitSummary, ...], Meta(min_length=1, max_length=4)]  # the splits in numbers
    comparisons: Annotated[tuple[SplitComparison, ...], Meta(max_length=12)]  # every two splits, in both dimensions
    coverage: Coverage | None  # covered part of the plane; None without labels
    duplicates: Annotated[tuple[Duplicate, ...], Meta(max_length=10_000_000)]  # recordings with several names
    skipped: Size  # files without usable audio
    faults: Lines  # what makes results wrong, one line each
    notes: Lines  # what is worth knowing, one line each


def check_data(data: PreparedData, progress: Progress | None = None) -> CheckReport:
    """Read everything in a prepared folder once, and report its faults and what is worth knowing.

    Args:
        data: The open folder.
        progress: Progress bar, advanced as clips are read and compared.

    Raises:
        DataError: songs.csv or the store cannot be read.
    """
    progress = progress or NoProgress()
    clips = read_clip_rows(data.folder / SONGS)
    faults, notes = _leaks(clips), []
    songs = [clip for clip in clips if clip.window == 0]
    names = [name for name, split in data.splits.items() if len(split)]
    by_split = {name: [clip for clip in songs if clip.split == name] for name in names}
    labels = {name: labels_of(rows) for name, rows in by_split.items() if all(row.valence is not None for row in rows)}
    faults += _bad_labels(clips)
    comparisons = compare_splits(labels)
    coverage = coverage_of(np.concatenate(list(labels.values()))) if labels else None
    notes += _label_notes(labels, comparisons, coverage)
    scan = scan_clips(data, clips, progress)
    duplicates = find_duplicates(
        clips, scan.rows, fingerprints=scan.fingerprints, read=scan.read, audio=data.audio, progress=progress
    )
    faults += _bad_records(clips, scan)
    faults += [_duplicate_line(duplicate) for duplicate in duplicates if duplicate.is_leak]
    notes += [_duplicate_line(duplicate) for duplicate in duplicates if not duplicate.is_leak]
    notes += _sound_notes(clips, scan, data.audio.seconds)
    return CheckReport(
        labels=data.sheet.labels,
        splits=tuple(_summarize(name, rows, clips, labels.get(name)) for name, rows in by_split.items()),
        comparisons=comparisons,
        coverage=coverage,
        duplicates=duplicates,
        skipped=len(data.sheet.skipped),
        faults=tuple(faults),
        notes=tuple(notes),
    )


def labels_of(clips: Sequence[ClipRow]) -> NDArray[np.float64]:
    """Valence and arousal [clips, 2]; NaN where a label is missing."""
    missing = float("nan")
    return np.array(
        [[missing if x is None else x for x in (clip.valence, clip.arousal)] for clip in clips], dtype=np.float64
    ).reshape(-1, len(OUTPUTS))


def _summarize(
    name: str, songs: list[ClipRow], clips: list[ClipRow], labels: NDArray[np.float64] | None
) -> SplitSummary:
    seconds = np.array([song.seconds for song in songs])
    statistics: list[tuple[float, float] | None] = [None, None]
    if labels is not None:
        columns = [column[np.isfinite(column)] for column in labels.T]
        statistics = [(float(x.mean()), float(x.std())) if len(x) else None for x in columns]
    return SplitSummary(
        name=name,
        songs=len(songs),
        groups=len({song.group for song in songs}),
        clips=sum(clip.split == name for clip in clips),
        valence=statistics[0],
        arousal=statistics[1],
        grid=None if labels is None else tuple(tuple(int(n) for n in row) for row in grid_of(labels)),
        seconds=(float(seconds.min()), float(np.median(seconds)), float(seconds.max())),
    )


def _leaks(clips: list[ClipRow]) -> list[str]:
    """Songs and groups in two splits. A song that is its own group is reported once."""
    found: dict[tuple[str, str, str], str] = {}
    split_of: dict[tuple[str, str], str] = {}
    for clip in clips:
        for kind, name in (("song", clip.song_id), ("group", clip.group)):
            other = split_of.setdefault((kind, name), clip.split)
            if other != clip.split and not (kind == "group" and name == clip.song_id):
                found[kind, name, clip.split] = (
                    f"{kind} {shown(name)} is in the {other} and the {clip.split} split: a leak"
                )
    return list(found.values())


def _bad_labels(listed: list[ClipRow]) -> list[str]:
    faults = []
    for name in dict.fromkeys(clip.split for clip in listed):
        clips = [clip for clip in listed if clip.split == name]
        if all(clip.valence is None and clip.arousal is None for clip in clips):
            continue
        for dimension, column in zip(OUTPUTS, labels_of(clips).T, strict=True):
            bad = [clip.song_id for clip, x in zip(clips, column, strict=True) if not abs(x) <= 1]
            if bad:
                faults.append(f"{name}: {dimension} is missing or outside [-1, 1] in {_named(bad)}")
            elif column.std() == 0:
                faults.append(f"{name}: every {dimension} label is {column[0]:+.2f}; a concordance is undefined")
    return faults


def _bad_records(clips: list[ClipRow], scan: ClipScan) -> list[str]:
    faults = []
    for rows, what in (
        (scan.damaged, "differ from what was written (checksum); prepare the data again"),
        (scan.not_numbers, "has spectrogram values that are not numbers"),
        (scan.out_of_range, "has spectrogram values outside [0, 1]"),
    ):
        songs = dict.fromkeys((clip.split, clip.song_id) for clip in clips if clip.row in rows)
        if rows is scan.damaged and songs:
            faults.append(f"the records of {_named([song for _, song in songs])} {what}")
        else:
            faults += [f"{split}: song {shown(song)} {what}" for split, song in songs]
    return faults


def _label_notes(
    labels: dict[str, NDArray[np.float64]], comparisons: Sequence[SplitComparison], coverage: Coverage | None
) -> list[str]:
    notes = []
    for test in comparisons:
        if test.differs:
            notes.append(
                f"{' and '.join(test.splits)}: {test.dimension} is {test.words} "
                f"(Kolmogorov-Smirnov D {test.distance:.2f}, p {test.p:.2g})"
            )
    for name, values in labels.items():
        if name != "train" and len(values) < _MIN_SONGS_FOR_CCC:
            notes.append(f"{name}: {len(values)} songs are too few for a concordance with a narrow interval")
    if coverage is not None and coverage.cells < 1:
        cells = GRID * GRID
        empty = cells - round(coverage.cells * cells)
        notes.append(f"{empty} of {cells} cells of the plane hold no song: nothing is learnt or tested there")
    if {"train", "test"} <= labels.keys():
        grids = {name: grid_of(values) for name, values in labels.items()}
        unseen = sum(int(grid[grids["train"] == 0].sum()) for name, grid in grids.items() if name != "train")
        if unseen:
            notes.append(f"{unseen} validation and test songs lie in cells without a training song")
    return notes


def _sound_notes(clips: list[ClipRow], scan: ClipScan, seconds: float) -> list[str]:
    found = (
        ([clip for clip in clips if clip.row in scan.silent], "silent"),
        ([clip for clip in clips if clip.peak < QUIET_PEAK and clip.row not in scan.silent], "nearly silent (-60 dB)"),
        ([clip for clip in clips if clip.clipped >= MIN_CLIPPED], f"clipped ({MIN_CLIPPED:.1%} of it or more)"),
        ([clip for clip in clips if clip.seconds < seconds / 2], f"short: under half of the {seconds:g} s of a clip"),
    )
    return [
        f"{_named(list(dict.fromkeys(clip.song_id for clip in some)))} {'is' if len(some) == 1 else 'are'} {what}"
        for some, what in found
        if some
    ]


def _duplicate_line(duplicate: Duplicate) -> str:
    songs = ", ".join(
        f"{shown(song)} ({split})"
        for song, split in list(zip(duplicate.songs, duplicate.splits, strict=True))[:_MAX_NAMED_COPIES]
    )
    recording = f"the same recording (similarity {duplicate.similarity:.2f})"
    what = "the same file" if duplicate.how == "bytes" else recording
    advice = "a leak; remove all but one, or give them one group" if duplicate.is_leak else "it counts more than once"
    return f"{what} under several names: {songs}: {advice}"


def _named(songs: list[str]) -> str:
    if len(songs) == 1:
        return f"song {shown(songs[0])}"
    few = ", ".join(shown(song) for song in songs[:_MAX_NAMED_SONGS])
    return f"{len(songs)} songs ({few}{', ...' if len(songs) > _MAX_NAMED_SONGS else ''})"
