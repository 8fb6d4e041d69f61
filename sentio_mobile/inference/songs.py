"""Many songs: those that are in folders, and answers for all of them, where a bad file costs only itself."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.audio.decode import AUDIO_SUFFIXES, UNDECODABLE_SUFFIXES
from sentio_mobile.errors import AudioError
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.predictor import Predictor


@dataclass(frozen=True)
class Answers:
    """What came of many songs.

    Attributes:
        emotions: in the order of the songs, and within a song in that of time.
        faults: one line for each song without an answer.
    """

    emotions: list[Emotion] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def find_songs(places: Iterable[Path]) -> tuple[list[Path], list[str]]:
    """Files as they are given, and the songs in folders and the folders below them, in order of their names.

    Hidden files and folders, and links to folders, are passed over; so is a song that was found before.

    Returns:
        The songs, and one line for each folder that has none or cannot be read.
    """
    songs: dict[Path, None] = {}
    faults: list[str] = []
    for place in places:
        if not place.is_dir():
            songs[place] = None
            continue
        found, unreadable = _songs_below(place)
        songs.update(dict.fromkeys(found))
        faults.extend(unreadable)
        if not found and not unreadable:
            faults.append(f"{place}: has no song in it; songs end in {', '.join(AUDIO_SUFFIXES)}")
    return list(songs), faults


def predict_songs(
    predictor: Predictor, songs: Sequence[Path], every: float | None = None, progress: Progress | None = None
) -> Answers:
    """Answers for many songs.

    Args:
        predictor: the model.
        songs: audio files.
        every: seconds from one window of a song to the next; None for its first clip alone.
        progress: shown as songs are done, or windows where there is one song.

    Raises:
        InputError: `every` is not a number, or smaller than the hop.
    """
    answers = Answers()
    alone = len(songs) == 1
    shown = progress if progress and not (alone and every is None) else NoProgress()
    if not alone:
        shown.start("songs", len(songs))
    for song in songs:
        try:
            answers.emotions.extend(_of_song(predictor, song, every=every, shown=shown, alone=alone))
        except AudioError as error:
            answers.faults.append(str(error))
        if not alone:
            shown.advance(note=f"{len(answers.faults)} failed" if answers.faults else "")
    shown.finish()
    return answers


def _of_song(predictor: Predictor, song: Path, *, every: float | None, shown: Progress, alone: bool) -> list[Emotion]:
    if every is None:
        return [predictor.predict(song)]
    moments = predictor.trajectory(song, every)
    if alone:
        shown.start("windows", predictor.count(song, every) or 0)
    answers = []
    for moment in moments:
        answers.append(moment)
        shown.advance(1 if alone else 0, note="" if alone else f"{song.name} {clock(moment.end)}")
    return answers


def _songs_below(folder: Path) -> tuple[list[Path], list[str]]:
    found: list[Path] = []
    faults: list[str] = []

    def unreadable(error: OSError) -> None:
        faults.append(f"{error.filename}: cannot be read ({error.strerror}); check its permissions")

    for root, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found.extend(
            Path(root, name)
            for name in files
            if not name.startswith(".") and name.lower().endswith((*AUDIO_SUFFIXES, *UNDECODABLE_SUFFIXES))
        )
    return sorted(found, key=lambda path: path.parts), sorted(faults)


def clock(seconds: float) -> str:
    """Seconds as a player shows them: 3:07, or 1:03:07."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
