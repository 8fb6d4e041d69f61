"""Writing of generated songs in DEAM's layout, so that they are read like real data."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from sentio_mobile._internal.files import new_folder
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import write_record
from sentio_mobile.data.data_set import GENERATED_NOTE, GeneratedNote
from sentio_mobile.data.generated.emotion import Song, draw_songs
from sentio_mobile.data.generated.mixing import render
from sentio_mobile.data.sets import deam
from sentio_mobile.errors import InputError, OutputError

GENERATOR_VERSION = 1
"""Version of the generator. It counts up whenever the same seed gives other songs or labels."""

SAMPLE_RATE = 22050
AUDIO_FORMATS: tuple[str, ...] = ("mp3", "flac", "ogg", "wav")


# These are DEAM's headers exactly: with spaces after the commas, and one inside a name.
FIRST_HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
SECOND_HEADER = (
    "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean, valence_min_std,"
    " arousal_mean, arousal_std, arousal_max_mean, arousal_max_std, arousal_min_mean, arousal_min_std"
)
FIRST_ID, LAST_OF_FIRST, LAST_OF_SECOND = 2, 2000, 2058


def write_deam(
    out: Path, songs: int, *, seed: int, audio_format: str = "mp3", progress: Progress | None = None
) -> None:
    """Generate songs and write them in DEAM's layout, 30 s mono at 22,050 Hz each.

    Labels are on DEAM's 1-9 scale. The last few songs have ids from 2001 on and stand in DEAM's second table, which has
    other columns. `generated.json` in the root folder says that the labels are generated. Everything is written beside
    `out` and moved in at the end: a killed run leaves `out` as it was (a hidden folder may stay beside it).

    Args:
        out: Folder to write. It must be missing or empty.
        songs: Number of songs.
        seed: Random seed.
        audio_format: Format of the audio files, one of `AUDIO_FORMATS`.
        progress: Progress bar, advanced song by song.

    Raises:
        InputError: `songs` is below 1, `seed` is negative, or `audio_format` is unknown, or the installed libsndfile
            cannot write it.
        OutputError: `out` is not a missing or empty folder, or cannot be written.
    """
    if songs < 1:
        raise InputError(f"a data set needs at least one song, got {songs}")
    if audio_format not in AUDIO_FORMATS:
        raise InputError(f"unknown audio format {audio_format!r}; known: {', '.join(AUDIO_FORMATS)}")
    if audio_format.upper() not in soundfile.available_formats():
        raise InputError(f"this libsndfile cannot write {audio_format}; choose another of {', '.join(AUDIO_FORMATS)}")
    drawn = draw_songs(songs, seed)
    try:
        with new_folder(out) as folder:
            _write_labels(folder, drawn)
            note = GeneratedNote(
                labels="generated",
                generator="sentio_mobile.data.generated",
                version=GENERATOR_VERSION,
                seed=seed,
                songs=songs,
            )
            write_record(folder / GENERATED_NOTE, note)
            _write_audio(folder / deam.AUDIO, drawn, audio_format, progress or NoProgress())
    except OSError as error:
        raise OutputError(
            f"cannot write the data set to {out}: {error.strerror or error}; choose another folder"
        ) from error


def song_ids(songs: int) -> list[int]:
    """Song ids in order: from 2 on, as in DEAM, and from 2001 on for the last 3% (at least 3 of 6 songs or more)."""
    second = min(LAST_OF_SECOND - LAST_OF_FIRST, max(min(3, songs // 2), round(0.03 * songs)))
    first = min(songs - second, LAST_OF_FIRST - FIRST_ID + 1)
    return [*range(FIRST_ID, FIRST_ID + first), *range(LAST_OF_FIRST + 1, LAST_OF_FIRST + 1 + songs - first)]


def _write_audio(folder: Path, songs: Sequence[Song], audio_format: str, progress: Progress) -> None:
    folder.mkdir(parents=True)

    def write(song_id: int, song: Song) -> None:
        (folder / f"{song_id}.{audio_format}").write_bytes(_encode(song, audio_format))

    # Threads are enough: encoding and numpy, which take most of the time, release the interpreter lock. And a script
    # that calls this function needs no __main__ guard.
    progress.start("generating songs", len(songs))
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        for _ in pool.map(write, song_ids(len(songs)), songs):
            progress.advance()
    finally:
        # After an error, songs that wait are not started.
        pool.shutdown(cancel_futures=True)
        progress.finish()


def _encode(song: Song, audio_format: str) -> bytes:
    # The encoder would swallow the error of a full disk, so it writes to memory.
    stream = io.BytesIO()
    soundfile.write(stream, render(song, SAMPLE_RATE), SAMPLE_RATE, format=audio_format.upper())
    return stream.getvalue()


def _write_labels(folder: Path, songs: Sequence[Song]) -> None:
    (folder / deam.LABELS).mkdir(parents=True)
    first, second = [FIRST_HEADER], [SECOND_HEADER]
    for song_id, song in zip(song_ids(len(songs)), songs, strict=True):
        rng = song.generator(3)
        in_first = song_id <= LAST_OF_FIRST
        cells = [cell for x in (song.valence, song.arousal) for cell in _rating(x, rng, not in_first)]
        (first if in_first else second).append(",".join([str(song_id), *(f"{cell:.4g}" for cell in cells)]))
    for name, lines in zip(deam.TABLES, (first, second), strict=True):
        (folder / deam.LABELS / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _rating(value: float, rng: np.random.Generator, extremes: bool) -> list[float]:
    """Mean and standard deviation of simulated raters on the 1-9 scale, with two decimals.

    The standard deviation is drawn around the 1.5 of DEAM's raters. It is smaller near the ends of the scale.

    Args:
        value: Label in [-1, 1].
        rng: Random number generator.
        extremes: Whether to add the mean and standard deviation of the song's highest and lowest moments.
    """

    def sd(mean: float) -> float:
        room = min(mean - 1.0, 9.0 - mean)
        return round(float(np.clip(rng.normal(1.5, 0.35), 0.3, 0.5 + room)), 2)

    mean = round(4.0 * value + 5.0, 2)
    means = [mean]
    if extremes:
        means.append(round(min(9.0, mean + rng.uniform(0.5, 2.5)), 2))
        means.append(round(max(1.0, mean - rng.uniform(0.5, 2.5)), 2))
    return [cell for x in means for cell in (x, sd(x))]
