"""A model's predictions for every song of a split, from the prepared clips or from the audio files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.workers import in_threads
from sentio_mobile.audio.perturb import ChangePcm, Pcm
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import SongAudio, read_clips
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel, Predictions, check_predictions

BATCH = 16
"""Clips that a model is given at once."""


@dataclass(frozen=True, kw_only=True)
class Perturbation:
    """A change of the audio that should leave a song's emotion as it is.

    Attributes:
        name: Name for tables.
        meaning: What it does, in a few words.
        change: Maps PCM and its sample rate to PCM of the same length; None leaves the PCM as it is.
        offset: Seconds by which the clip starts later.
    """

    name: str
    meaning: str
    change: ChangePcm | None = None
    offset: float = 0.0


UNCHANGED = Perturbation(name="unchanged", meaning="the clip itself")


def predict_from_store(model: EvaluatedModel, data: PreparedData, split: str, progress: Progress) -> Predictions | None:
    """Predict from the prepared log-mels.

    Args:
        model: The model.
        data: The prepared songs.
        split: Name of the split.
        progress: Updated for each song.

    Returns:
        Predictions [songs, 2]; None for a model that needs PCM or another front end.
    """
    if model.predict_log_mels is None or model.audio.log_mel != data.audio.log_mel:
        return None
    songs = data.split(split)
    rows = songs.windows if model.pooling else songs.rows[:, None]
    progress.start(f"{model.name}: {split} songs", len(songs))
    predictions = []
    for row in rows:
        log_mels = np.asarray(data.mels[row], dtype=np.float32)
        predictions.append(np.concatenate([model.predict_log_mels(b) for b in _batches(log_mels)]).mean(axis=0))
        progress.advance()
    progress.finish()
    return check_predictions(np.stack(predictions), model.name)


def predict_from_audio(
    model: EvaluatedModel, songs: Sequence[SongAudio], progress: Progress, perturbation: Perturbation = UNCHANGED
) -> Predictions:
    """Predict from the audio files.

    Args:
        model: The model.
        songs: Audio files of the songs.
        progress: Updated for each song.
        perturbation: Applied to the decoded PCM, before the front end.

    Returns:
        Predictions [songs, 2].

    Raises:
        AudioError: A file cannot be read.
    """
    progress.start(f"{model.name}: {perturbation.name}", len(songs))
    predictions = []
    for clips in in_threads(lambda song: model_clips(song, model, perturbation), songs):
        predictions.append(np.concatenate([model.predict_clips(b) for b in _batches(clips)]).mean(axis=0))
        progress.advance()
    progress.finish()
    return check_predictions(np.stack(predictions), model.name)


def model_clips(song: SongAudio, model: EvaluatedModel, perturbation: Perturbation = UNCHANGED) -> Pcm:
    """The clips that a model predicts a song from, [clips, n_samples]: one, or all of the song with pooling."""
    return read_clips(
        song,
        model.audio,
        whole_song=model.pooling is not None,
        change=perturbation.change,
        offset=perturbation.offset,
    )


def _batches(clips: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (clips[i : i + BATCH] for i in range(0, len(clips), BATCH))
