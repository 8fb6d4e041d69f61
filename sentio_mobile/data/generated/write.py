"""Generated songs on disk in DEAM's own layout, so that they come in by the door that real data uses."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from sentio_mobile._internal.files import new_folder
from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.data import deam
from sentio_mobile.data.generated.emotion import Song, draw_songs
from sentio_mobile.data.generated.mixing import render
from sentio_mobile.errors import InputError, OutputError

GENERATOR_VERSION = 1
"""Counts up whenever the same seed would give other songs or other labels."""

SAMPLE_RATE = 22050
AUDIO_FORMATS: tuple[str, ...] = ("mp3", "flac", "ogg", "wav")


# DEAM's headers to the letter: the spaces after the commas belong to the names, and one name has a space inside.
FIRST_HEADER = "song_id, valence_mean, valence_std, arousal_mean, arousal_std"
SECOND_HEADER = (
    "song_id, valence_mean, valence_std, valence_ max_mean, valence_max_std, valence_min_mean, valence_min_std,"
    " arousal_mean, arousal_std, arousal_max_mean, arousal_max_std, arousal_min_mean, arousal_min_std"
)
FIRST_ID, LAST_OF_FIRST, LAST_OF_SECOND = 2, 2000, 2058


def write_deam(
    out: Path, songs: int, *, seed: int, audio_format: str = "mp3", progress: Progress | None = None
) -> None:
    """Generate `songs` songs from `seed` and write them under `out` as DEAM is laid out, 30 s mono at 22,050 Hz each.

    Labels are on DEAM's 1-9 scale. The last few songs take ids from 2001 on and stand in DEAM's second file, whose
    columns differ. `generated.json` at the root says that the labels are generated. All is written beside `out` and
    moved in at the end: a killed run leaves nothing there (a hidden folder may stay beside it).

    Raises:
        InputError: `songs` is below 1, `seed` is negative, or `audio_format` is not one of `AUDIO_FORMATS`,
            or is one that the installed libsndfile cannot write.
        OutputError: `out` is something other than a folder that is missing or empty, or it cannot be written.
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
            about = {
                "labels": "generated",
                "generator": "sentio_mobile.data.generated",
                "version": GENERATOR_VERSION,
                "seed": seed,
                "songs": songs,
            }
            (folder / deam.GENERATED_NOTE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
            _write_audio(folder / deam.AUDIO, drawn, audio_format, progress or NoProgress())
    except OSError as error:
        raise OutputError(
            f"cannot write the data set to {out}: {error.strerror or error}; choose another folder"
        ) from error


def song_ids(songs: int) -> list[int]:
    """The id of each song in order: from 2, as DEAM's, and from 2001 for the last 3 % (at least 3 of 6 or more)."""
    second = min(LAST_OF_SECOND - LAST_OF_FIRST, max(min(3, songs // 2), round(0.03 * songs)))
    first = min(songs - second, LAST_OF_FIRST - FIRST_ID + 1)
    return [*range(FIRST_ID, FIRST_ID + first), *range(LAST_OF_FIRST + 1, LAST_OF_FIRST + 1 + songs - first)]


def _write_audio(folder: Path, songs: Sequence[Song], audio_format: str, progress: Progress) -> None:
    folder.mkdir(parents=True)

    def write(song_id: int, song: Song) -> None:
        (folder / f"{song_id}.{audio_format}").write_bytes(_encode(song, audio_format))

    # Threads, not processes: most of the time goes into encoding and numpy, which let go of the interpreter, and a
    # script that calls this needs no __main__ guard.
    progress.start("generating songs", len(songs))
    pool = ThreadPoolExecutor(os.cpu_count() or 1)
    try:
        for _ in pool.map(write, song_ids(len(songs)), songs):
            progress.advance()
    finally:
        # Whatever stopped the loop, the songs still waiting are not begun.
        pool.shutdown(cancel_futures=True)
        progress.finish()


def _encode(song: Song, audio_format: str) -> bytes:
    # Into memory first: a full disk then shows as an OSError, which the encoder would swallow.
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
    """Mean and sd of imagined raters on the 1-9 scale, two decimals; with `extremes`, those of the song's peaks too.

    The sd is drawn around the 1.5 of DEAM's raters and is smaller near the ends of the scale, where they have to agree.
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
