"""The rows of the comparison that need no checkpoint: each learns from the same training songs."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.files import write_bytes
from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.data.clips import in_order
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.evaluation.evaluated_model import Answers, EvaluatedModel, open_model
from sentio_mobile.evaluation.predictions import Sound, clips_of, sounds_of
from sentio_mobile.recipes import load_recipe
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.ensemble.classical import CLASSICS, train_classical
from sentio_mobile.teacher.ensemble.features import NAMES, features_of

CRNN = "crnn"


def baseline_models(
    data: PreparedData, music: Path, *, work: Path, seed: int, progress: Progress
) -> list[EvaluatedModel]:
    """The mean of the labels, Ridge, SVR and XGBoost on 164 features, and a CRNN, all from training songs alone.

    Features and the CRNN are kept in `work` and not made again, and a CRNN whose training was stopped goes on.

    Args:
        data: prepared songs.
        music: the folder that their paths start from.
        work: where to keep what was made.
        seed: of all that is drawn.
        progress: shown step by step.

    Raises:
        DataError: an audio file is missing or another.
        MissingExtraError: librosa or xgboost is not installed.
    """
    split = data.split("train")
    mean = mean_model(data)
    features = training_features(data, sounds_of(data, "train", music), subject=mean, work=work, progress=progress)
    progress.start("classic models", len(CLASSICS))
    classic = []
    for one in CLASSICS:
        progress.advance(0, note=one.name)
        classic.append(
            train_classical(one, features, labels=split.labels, groups=split.groups, seed=seed).subject(data.audio)
        )
        progress.advance()
    progress.finish()
    every = (mean, *classic, crnn_model(data, work, seed, progress))
    return [replace(subject, learnt_from=data.origin, is_baseline=True) for subject in every]


def mean_model(data: PreparedData) -> EvaluatedModel:
    """Always the mean label of the training songs: what every model must be better than."""
    mean = data.split("train").labels.mean(axis=0)

    def of_clips(clips: NDArray[np.float32]) -> Answers:
        return np.tile(mean, (len(clips), 1))

    return EvaluatedModel(
        name="mean",
        kind="always the mean label",
        audio=data.audio,
        of_clips=of_clips,
        of_units=of_clips,
        parameters=mean.size,
        training_s=0,
    )


def training_features(
    data: PreparedData, sounds: list[Sound], *, subject: EvaluatedModel, work: Path, progress: Progress
) -> NDArray[np.float32]:
    """The features of songs [songs, 164], kept in `work`.

    Args:
        data: the prepared songs.
        sounds: of its training songs.
        subject: one that hears what the features are of.
        work: where they are kept.
        progress: shown song by song.
    """
    key = hashlib.sha256(json.dumps([data.sheet["fingerprint"], NAMES]).encode()).hexdigest()[:16]
    place = work / f"features-{key}.npy"
    if place.is_file():
        return np.asarray(np.load(place, allow_pickle=False))
    progress.start("164 features of the training songs", len(sounds))
    found = []
    for row in in_order(lambda s: features_of(clips_of(s, subject)[0], data.audio.sample_rate), sounds):
        found.append(row)
        progress.advance()
    progress.finish()
    features, file = np.stack(found), io.BytesIO()
    np.save(file, features, allow_pickle=False)
    write_bytes(place, file.getvalue())
    return features


def crnn_model(data: PreparedData, work: Path, seed: int, progress: Progress) -> EvaluatedModel:
    """The recurrent network, trained by the trainer that all networks here have."""
    from sentio_mobile.teacher.train import train_teacher

    recipe = load_recipe(TeacherRecipe, CRNN, "teacher")
    recipe = replace(recipe, training=replace(recipe.training, seed=seed))
    key = json.dumps([data.sheet["fingerprint"], to_plain(recipe)])
    place = work / f"{CRNN}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if not place.exists():
        train_teacher(data, recipe, out=place, progress=progress)
    return replace(open_model(place, "CRNN"), kind="3 convolutions over time, 2 bidirectional LSTM layers")
