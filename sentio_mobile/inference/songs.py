"""Predictions for many songs and for folders of songs. A bad file does not stop the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.audio.find import endings, find_audio
from sentio_mobile.errors import AudioError
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.predictor import Predictor


@dataclass(frozen=True)
class Predictions:
    """The outcome for many songs.

    Attributes:
        emotions: In the order of the songs, and within a song in order of time.
        faults: One line for each song without a prediction.
    """

    emotions: list[Emotion] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class FoundSongs:
    """The songs at some places.

    Attributes:
        songs: Files as given, and the songs in folders and their subfolders, sorted by name; each once.
        faults: A line for each folder that has no song or cannot be read.
        notes: What was passed over in folders, a line for each kind.
    """

    songs: list[Path]
    faults: list[str]
    notes: list[str]


def find_songs(places: Iterable[Path]) -> FoundSongs:
    """List files as given, and the songs in folders and their subfolders, as `find_audio` finds them."""
    songs: dict[Path, None] = {}
    faults: list[str] = []
    notes: list[str] = []
    for place in places:
        if not place.is_dir():
            songs[place] = None
            continue
        found = find_audio(place)
        songs.update(dict.fromkeys(found.files))
        faults += found.faults
        if found.files:
            notes += found.notes
        elif not found.faults:
            passed = "".join(f"; {note.removeprefix(f'{place}: ')}" for note in found.notes)
            faults.append(f"{place}: has no song in it; songs end in {endings()}{passed}")
    return FoundSongs(list(songs), faults, notes)


def predict_songs(
    predictor: Predictor, songs: Sequence[Path], *, every: float | None = None, progress: Progress | None = None
) -> Predictions:
    """Predict the emotion of many songs.

    Args:
        predictor: The model.
        songs: Audio files.
        every: Seconds from one window of a song to the next; None for the first clip alone.
        progress: Advances by songs, or by windows if there is only one song.

    Raises:
        InputError: `every` is not a number, or smaller than the hop.
    """
    predictions = Predictions()
    single = len(songs) == 1
    shown = progress if progress and not (single and every is None) else NoProgress()
    if not single:
        shown.start("songs", len(songs))
    for song in songs:
        try:
            predictions.emotions.extend(_predict_song(predictor, song, every=every, shown=shown, single=single))
        except AudioError as error:
            predictions.faults.append(str(error))
        if not single:
            shown.advance(note=f"{len(predictions.faults)} failed" if predictions.faults else "")
    shown.finish()
    return predictions


def _predict_song(
    predictor: Predictor, song: Path, *, every: float | None, shown: Progress, single: bool
) -> list[Emotion]:
    if every is None:
        return [predictor.predict(song)]
    if single:
        shown.start("windows", predictor.count(song, every) or 0)
    emotions = []
    for emotion in predictor.trajectory(song, every):
        emotions.append(emotion)
        shown.advance(1 if single else 0, note="" if single else f"{song.name} {clock(emotion.end)}")
    return emotions


def clock(seconds: float) -> str:
    """Format seconds as a player shows them: 3:07, or 1:03:07."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
