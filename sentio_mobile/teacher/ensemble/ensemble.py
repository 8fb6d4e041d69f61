"""The ensemble of Ridge, SVR and XGBoost as a teacher that writes pseudo-labels for unlabelled music."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.workers import in_threads
from sentio_mobile.data.clip_table import SONGS, ClipRow, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import SongAudio, find_audio_files, read_clips
from sentio_mobile.errors import DataError, InputError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.ensemble.classical import REGRESSORS, TrainedRegressor, clip_features, train_regressor
from sentio_mobile.teacher.ensemble.features import training_features


@dataclass(frozen=True)
class Ensemble:
    """Several trained regressors that predict together.

    Attributes:
        members: The regressors.
        audio: Sample rate, length and front end of the clips that they were trained on.
    """

    members: tuple[TrainedRegressor, ...]
    audio: AudioSpec

    def predict(self, clips: NDArray[np.float32]) -> NDArray[np.float32]:
        """Mean prediction of the members [clips, 2], from PCM [clips, n_samples].

        Raises:
            InputError: A prediction is not finite.
        """
        features = clip_features(clips, self.audio)
        predictions = np.mean([member.predict(features) for member in self.members], axis=0, dtype=np.float32)
        if not np.isfinite(predictions).all():
            raise InputError("the ensemble predicts values that are not finite; check the audio with `data check`")
        return np.asarray(predictions)


def train_ensemble(data: PreparedData, music: Path, *, work: Path, seed: int, progress: Progress) -> Ensemble:
    """Train the three regressors on the training songs, as `evaluate --baselines` does.

    Args:
        data: The prepared songs.
        music: Folder that the paths in songs.csv start from.
        work: Folder in which features are cached.
        seed: Random seed.
        progress: Updated for each song.
    """
    train = data.split("train")
    features = training_features(data, music, work=work, progress=progress)
    members = [
        train_regressor(regressor, features, labels=train.labels, groups=train.groups, seed=seed)
        for regressor in REGRESSORS
    ]
    return Ensemble(tuple(members), data.audio)


def predict_windows(
    ensemble: Ensemble, data: PreparedData, music: Path, progress: Progress
) -> Iterator[tuple[int, float, float]]:
    """Predict every window of a prepared folder: the clip's checksum, valence and arousal.

    Args:
        ensemble: The ensemble.
        data: The prepared songs, with or without labels.
        music: Folder that the paths in songs.csv start from.
        progress: Updated for each window.

    Raises:
        DataError: The songs have another front end, or a file is missing or is not the file that was prepared.
    """
    if ensemble.audio.log_mel != data.audio.log_mel:
        raise DataError(f"{data.folder} has another front end than the ensemble; prepare both with the same settings")
    clips = read_clip_rows(data.folder / SONGS)
    files = find_audio_files(clips, data, music)

    def predict(clip: ClipRow) -> NDArray[np.float32]:
        return ensemble.predict(read_clips(SongAudio.of(clip, files[clip.song_id]), data.audio))

    progress.start(f"ensemble: {data.folder.name}", len(clips))
    for clip, prediction in zip(clips, in_threads(predict, clips), strict=True):
        yield int(data.store.checksums[clip.row]), float(prediction[0, 0]), float(prediction[0, 1])
        progress.advance()
    progress.finish()
