"""Predictions for many songs and for folders of songs. A bad file does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.workers import in_processes, useful_workers
from sentio_mobile.audio.find import endings, find_audio
from sentio_mobile.errors import AudioError
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.inference.part_file import PartFile, emotions_of, key_of
from sentio_mobile.inference.predictor import Predictor, name_of

if TYPE_CHECKING:
    from sentio_mobile.inference.opening import ModelChoice


@dataclass(frozen=True)
class SongPredictions:
    """The outcome for one song.

    Attributes:
        song: The file.
        emotions: In order of time; empty if it could not be predicted.
        fault: Why it could not be predicted; empty if it could.
        known: Whether a run before, which was stopped, has predicted it.
    """

    song: Path
    emotions: tuple[Emotion, ...] = ()
    fault: str = ""
    known: bool = False

    @property
    def notes(self) -> list[str]:
        """What the user should know: that the file is damaged, or that nothing can be heard; a line for each."""
        notes = [f"{self.song}: {note}" for emotion in self.emotions for note in emotion.notes]
        silent = sum(emotion.silent for emotion in self.emotions)
        if silent and silent == len(self.emotions):
            notes.append(f"{self.song}: is silent after mixing down; its prediction says nothing")
        elif silent:
            notes.append(f"{self.song}: {silent:,} of its {len(self.emotions):,} windows are silent after mixing down")
        return notes


@dataclass(frozen=True)
class Predictions:
    """The outcome for many songs.

    Attributes:
        emotions: In the order of the songs, and within a song in order of time.
        faults: One line for each song without a prediction.
        notes: What the user should know of songs with one, a line for each.
    """

    emotions: list[Emotion] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


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
    predictor: Predictor,
    songs: Sequence[Path],
    *,
    every: float | None = None,
    progress: Progress | None = None,
    model: ModelChoice | None = None,
    workers: int | None = None,
    part: PartFile | None = None,
    on_song: Callable[[SongPredictions], None] | None = None,
) -> Predictions:
    """Predict the emotion of many songs.

    Args:
        predictor: The model.
        songs: Audio files.
        every: Seconds from one window of a song to the next; None for the first clip alone.
        progress: Advances by songs, or by windows if there is only one song.
        model: Where the model was opened, so that worker processes can open it too; None to predict in this process.
        workers: Number of processes; by default as many as there are usable cores, if the songs are worth it.
        part: Songs that it holds are not predicted again, and others are added to it as they are made.
        on_song: Called with each song, in their order, as it is made.

    Raises:
        InputError: `every` is not a number, or smaller than the hop.
        OutputError: `part` cannot be written.
    """
    predictions = Predictions()
    single = len(songs) == 1
    shown = progress if progress and not (single and every is None) else NoProgress()
    if not single:
        shown.start("songs", len(songs))
    keys = {song: key_of(song) for song in songs} if part else {}
    known = {song: part.songs[key] for song, key in keys.items() if part and key and key in part.songs}
    new = _outcomes(
        predictor, [song for song in songs if song not in known], every=every, shown=shown, model=model, workers=workers
    )
    with closing(new):
        for song in songs:
            if song in known:
                emotions = emotions_of(known[song], name_of(song), predictor.spec.uncertainty)
                found = SongPredictions(song, emotions, known=True)
            else:
                found = next(new)
                key = keys.get(song)
                if part and key and found.emotions:
                    part.add(key, found.emotions)
            predictions.emotions.extend(found.emotions)
            predictions.faults.extend([found.fault] if found.fault else [])
            predictions.notes.extend(found.notes)
            if on_song:
                on_song(found)
            if not single:
                shown.advance(note=f"{len(predictions.faults)} failed" if predictions.faults else "")
    shown.finish()
    return predictions


def predict_song(
    predictor: Predictor, song: Path, *, every: float | None = None, progress: Progress | None = None
) -> SongPredictions:
    """Predict the emotion of one song; a file that cannot be used gives a fault.

    Args:
        predictor: The model.
        song: An audio file.
        every: Seconds from one window to the next; None for the first clip alone.
        progress: Advances by windows.

    Raises:
        InputError: `every` is not a number, or smaller than the hop.
    """
    shown = progress or NoProgress()
    try:
        if every is None:
            return SongPredictions(song, (predictor.predict(song),))
        shown.start("windows", predictor.count(song, every) or 0)
        emotions = []
        for emotion in predictor.trajectory(song, every):
            emotions.append(emotion)
            shown.advance()
        return SongPredictions(song, tuple(emotions))
    except AudioError as error:
        return SongPredictions(song, fault=str(error))


def _outcomes(
    predictor: Predictor,
    songs: Sequence[Path],
    *,
    every: float | None,
    shown: Progress,
    model: ModelChoice | None,
    workers: int | None,
) -> Generator[SongPredictions]:
    """The outcome of each song in order, by processes where they are worth their start."""
    processes = useful_workers(len(songs), workers) if model else 1
    if processes == 1:
        for song in songs:
            yield predict_song(predictor, song, every=every, progress=shown if len(songs) == 1 else None)
        return
    results = in_processes(
        _work, songs, workers=processes, start=_start, arguments=(model, every), ordered=True, lost=_lost
    )
    with closing(results):
        yield from results


def _start(model: ModelChoice, every: float | None) -> None:
    """Open the model in a worker process."""
    global _opened
    _opened = (model.open(), every)


def _work(song: Path) -> SongPredictions:
    assert _opened is not None
    predictor, every = _opened
    return predict_song(predictor, song, every=every)


def _lost(song: Path) -> SongPredictions:
    fault = f"{song}: ended the process that predicted it; it is damaged, or needs more memory than there is"
    return SongPredictions(song, fault=fault)


_opened: tuple[Predictor, float | None] | None = None
"""The model of a worker process, and the distance of its windows."""


def clock(seconds: float) -> str:
    """Format seconds as a player shows them: 3:07, or 1:03:07."""
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
