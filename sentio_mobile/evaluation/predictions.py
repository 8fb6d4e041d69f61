"""What a model says of every song of a split: from the store where that has its clips, otherwise from the sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import sha256
from sentio_mobile._internal.progress import Progress
from sentio_mobile.audio.decode import decode, fit_length
from sentio_mobile.audio.sliding import windows
from sentio_mobile.audio.stream import stream
from sentio_mobile.data.clips import in_order
from sentio_mobile.data.listing import Listed, read_listing
from sentio_mobile.data.prepared import SONGS, PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.evaluation.evaluated_model import BATCH, Answers, EvaluatedModel, checked

Pcm = NDArray[np.float32]


@dataclass(frozen=True)
class Sound:
    """The audio file of a song, and where in it the evaluated window starts, in seconds."""

    song_id: str
    path: Path
    start: float


@dataclass(frozen=True)
class Disturbance:
    """A change that should leave a song's emotion as it is.

    Attributes:
        name: what tables call it.
        meaning: what it does, in a few words.
        change: PCM and its rate to PCM of the same length.
        offset: seconds that the clip starts later.
    """

    name: str
    meaning: str
    change: Callable[[Pcm, int], Pcm] = lambda pcm, _: pcm
    offset: float = 0.0


UNDISTURBED = Disturbance("as it is", "the clip itself")


def listed(data: PreparedData, split: str) -> list[Listed]:
    """The evaluated window of each song of a split, in the order of `PreparedData.split`."""
    return [clip for clip in read_listing(data.folder / SONGS) if clip.window == 0 and clip.split == split]


def sounds_of(data: PreparedData, split: str, music: Path) -> list[Sound]:
    """The audio files of a split.

    Args:
        data: the prepared songs.
        split: whose songs.
        music: the folder that songs.csv's paths start from: the one that was prepared, or that of the manifest.

    Raises:
        DataError: a file is missing, or not the one that was prepared.
    """
    clips = listed(data, split)
    files = located(clips, data, music)
    return [Sound(clip.song_id, files[clip.song_id], clip.start) for clip in clips]


def located(clips: list[Listed], data: PreparedData, music: Path) -> dict[str, Path]:
    """The audio file of each song, by its id.

    Raises:
        DataError: a file is missing, or not the one that was prepared.
    """
    found: dict[str, Path] = {}
    for clip in clips:
        path = music / clip.path
        if clip.song_id in found:
            continue
        if not path.is_file():
            raise DataError(f"{path}: is missing; give the folder that {data.folder} was prepared from as --music")
        if sha256(path) != clip.sha256:
            raise DataError(f"{path}: is not the file that {data.folder} was prepared from; prepare it again")
        found[clip.song_id] = path
    return found


def answers_from_store(subject: EvaluatedModel, data: PreparedData, split: str, progress: Progress) -> Answers | None:
    """Answers [songs, 2] from the clips that are stored, or None where those are not what the model hears."""
    if subject.of_units is None or subject.audio.log_mel != data.audio.log_mel:
        return None
    songs = data.split(split)
    rows = songs.windows if subject.pooling else songs.rows[:, None]
    progress.start(f"{subject.name} hears {split} songs", len(songs))
    answers = []
    for row in rows:
        units = np.asarray(data.mels[row], dtype=np.float32)
        answers.append(np.concatenate([subject.of_units(part) for part in _parts(units)]).mean(axis=0))
        progress.advance()
    progress.finish()
    return checked(np.stack(answers), subject)


def answers_from_sound(
    subject: EvaluatedModel, sounds: list[Sound], progress: Progress, disturbance: Disturbance = UNDISTURBED
) -> Answers:
    """Answers [songs, 2] from the audio files, each disturbed before anything else is done with it.

    Raises:
        AudioError: a file cannot be read.
    """
    progress.start(f"{subject.name}: {disturbance.name}", len(sounds))
    answers = []
    for clips in in_order(lambda sound: clips_of(sound, subject, disturbance), sounds):
        answers.append(np.concatenate([subject.of_clips(part) for part in _parts(clips)]).mean(axis=0))
        progress.advance()
    progress.finish()
    return checked(np.stack(answers), subject)


def clips_of(sound: Sound, subject: EvaluatedModel, disturbance: Disturbance = UNDISTURBED) -> Pcm:
    """What a subject hears of a song [clips, n_samples]: its evaluated window, or with pooling one after another."""
    audio, offset = subject.audio, round(disturbance.offset * subject.audio.sample_rate)
    if subject.pooling:
        pcm = np.concatenate(list(stream(sound.path, audio.sample_rate)))
    else:
        pcm = decode(sound.path, audio.sample_rate, sound.start, audio.seconds + disturbance.offset)
    # Of a song that ends before, there is nothing else to hear.
    changed = disturbance.change(pcm[offset:] if len(pcm) > offset else pcm, audio.sample_rate)
    if not subject.pooling:
        return fit_length(changed, audio)[None]
    return np.stack([window.pcm for window in windows(iter([changed]), audio, audio.seconds)])


def _parts(clips: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (clips[i : i + BATCH] for i in range(0, len(clips), BATCH))
