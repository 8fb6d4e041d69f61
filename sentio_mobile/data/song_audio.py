"""The audio files behind a prepared folder's songs, and the clips that are read from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentio_mobile._internal.files import is_file, sha256
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.perturb import ChangePcm, Pcm
from sentio_mobile.audio.sliding import windows
from sentio_mobile.data.clip_table import SONGS, ClipRow, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.spec import AudioSpec


@dataclass(frozen=True)
class SongAudio:
    """The audio file of one song.

    Attributes:
        song_id: The song.
        path: Its audio file.
        start: Where the song's first prepared window starts, in seconds.
        segment: Start and end of the segment that the song is, in seconds of the file; None for a whole file.
    """

    song_id: str
    path: Path
    start: float
    segment: tuple[float, float] | None = None

    @classmethod
    def of(cls, clip: ClipRow, path: Path) -> SongAudio:
        """The audio of a song, given its first window and its file."""
        return cls(clip.song_id, path, clip.start, clip.segment)


def first_windows(data: PreparedData, split: str) -> list[ClipRow]:
    """The first window of each song of a split, in the order of `PreparedData.split`: the one that is evaluated."""
    return [clip for clip in read_clip_rows(data.folder / SONGS) if clip.window == 0 and clip.split == split]


def find_split_audio(data: PreparedData, split: str, music: Path) -> list[SongAudio]:
    """Find the audio file of every song of a split.

    Args:
        data: The prepared songs.
        split: Name of the split.
        music: Folder that the paths in songs.csv start from: the prepared folder's source, or that of its manifest.

    Raises:
        DataError: A file is missing, or is not the file that was prepared.
    """
    clips = first_windows(data, split)
    files = find_audio_files(clips, data, music)
    return [SongAudio.of(clip, files[clip.song_id]) for clip in clips]


def find_window_audio(data: PreparedData, split: str, music: Path, *, pooled: bool) -> list[list[SongAudio]]:
    """Find the sound of the prepared windows that a song's prediction is made from: `read_clips` reads each.

    Args:
        data: The prepared songs.
        split: Name of the split.
        music: Folder that the paths in songs.csv start from, as for `find_split_audio`.
        pooled: Whether all windows of a song are wanted, and not the evaluated one alone.

    Returns:
        The windows of each song, in the order of the split.

    Raises:
        DataError: A file is missing, or is not the file that was prepared.
    """
    songs = data.split(split)
    clips = {clip.row: clip for clip in read_clip_rows(data.folder / SONGS) if clip.split == split}
    files = find_audio_files(list(clips.values()), data, music)
    rows = songs.windows if pooled else songs.rows[:, None]
    windows = [[clips[int(i)] for i in row] for row in rows]
    return [[SongAudio(clip.song_id, files[clip.song_id], clip.start) for clip in song] for song in windows]


def find_audio_files(clips: Sequence[ClipRow], data: PreparedData, music: Path) -> dict[str, Path]:
    """Find the audio file of each song, by the song's id.

    Args:
        clips: Windows of the songs, as songs.csv lists them.
        data: The prepared songs.
        music: Folder that the paths in songs.csv start from.

    Raises:
        DataError: A file is missing, or is not the file that was prepared.
    """
    files: dict[str, Path] = {}
    for clip in clips:
        path = music / clip.path
        if clip.song_id in files:
            continue
        if not is_file(path):
            raise DataError(f"{path} is missing; give the folder that {data.folder} was prepared from as --music")
        if sha256(path) != clip.sha256:
            raise DataError(f"{path} is not the file that {data.folder} was prepared from; prepare the songs again")
        files[clip.song_id] = path
    return files


def read_clips(
    song: SongAudio,
    audio: AudioSpec,
    *,
    whole_song: bool = False,
    change: ChangePcm | None = None,
    offset: float = 0.0,
) -> Pcm:
    """Read the clips of a song, [clips, n_samples].

    Args:
        song: The song.
        audio: Sample rate and length of a clip.
        whole_song: Read the whole song, or segment, as consecutive clips, in place of its first prepared window alone.
        change: Applied to the PCM before it is cut into clips.
        offset: Seconds by which the clip starts later. A song that ends before then is read without the offset.

    Raises:
        AudioError: The file cannot be read.
    """
    first, end = song.segment or (0.0, math.inf)
    start = first if whole_song else song.start
    seconds = end - start if whole_song else min(audio.seconds + offset, end - start)
    pcm = decode(song.path, audio.sample_rate, start, None if math.isinf(seconds) else seconds)
    skipped = round(offset * audio.sample_rate)
    pcm = pcm[skipped:] if len(pcm) > skipped else pcm
    if change is not None:
        pcm = change(pcm, audio.sample_rate)
    if not whole_song:
        return fit_length(pcm, audio)[None]
    return np.stack([window.pcm for window in windows(iter([pcm]), audio, audio.seconds)])
