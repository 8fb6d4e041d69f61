"""Ridge, support vectors and boosted trees together, as a teacher: what they say of music that nobody labelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.clips import in_order
from sentio_mobile.data.listing import Listed, read_listing
from sentio_mobile.data.prepared import SONGS, PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.evaluation.baselines import mean_model, training_features
from sentio_mobile.evaluation.evaluated_model import Answers, EvaluatedModel, checked
from sentio_mobile.evaluation.predictions import Sound, clips_of, located, sounds_of
from sentio_mobile.teacher.ensemble.classical import CLASSICS, features_of_clips, train_classical


def train_ensemble(data: PreparedData, music: Path, *, work: Path, seed: int, progress: Progress) -> EvaluatedModel:
    """The mean of the three, each trained on the training songs as `evaluate --baselines` does.

    Args:
        data: prepared songs.
        music: the folder that their paths start from.
        work: where features are kept.
        seed: of all that is drawn.
        progress: shown song by song.
    """
    train = data.split("train")
    features = training_features(
        data, sounds_of(data, "train", music), subject=mean_model(data), work=work, progress=progress
    )
    members = [train_classical(one, features, labels=train.labels, groups=train.groups, seed=seed) for one in CLASSICS]

    def of_clips(clips: NDArray[np.float32]) -> Answers:
        heard = features_of_clips(clips, data.audio)
        return np.mean([member.answers(heard) for member in members], axis=0, dtype=np.float32)

    return EvaluatedModel(
        name="committee", kind="mean of " + ", ".join(one.name for one in CLASSICS), audio=data.audio, of_clips=of_clips
    )


def answers_on(
    subject: EvaluatedModel, data: PreparedData, music: Path, progress: Progress
) -> Iterator[tuple[int, float, float]]:
    """What a subject says of every window of a prepared folder: the clip's checksum, valence and arousal.

    Args:
        subject: who is asked.
        data: the songs, with labels or without.
        music: the folder that their paths start from.
        progress: shown window by window.

    Raises:
        DataError: the songs follow another front end, or a file is missing or another than was prepared.
    """
    if subject.audio.log_mel != data.audio.log_mel:
        raise DataError(f"{data.folder}: follows another front end than {subject.name}; prepare both alike")
    clips = read_listing(data.folder / SONGS)
    files = located(clips, data, music)

    def heard(clip: Listed) -> Answers:
        sound = Sound(clip.song_id, files[clip.song_id], clip.start)
        return checked(subject.of_clips(clips_of(sound, subject)), subject)

    progress.start(f"{subject.name} hears {data.folder.name}", len(clips))
    for clip, answer in zip(clips, in_order(heard, clips), strict=True):
        yield int(data.store.checksums[clip.row]), float(answer[0, 0]), float(answer[0, 1])
        progress.advance()
    progress.finish()
