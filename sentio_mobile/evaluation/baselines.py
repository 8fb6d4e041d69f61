"""Baselines for the comparison: the mean label, classical regressors and a CRNN, trained on the same training songs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile._internal.records import replace, to_plain
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.evaluation.evaluated_model import EvaluatedModel, Predictions, open_model
from sentio_mobile.recipes import load_recipe
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.ensemble.classical import REGRESSORS, TrainedRegressor, clip_features, train_regressor
from sentio_mobile.teacher.ensemble.features import training_features
from sentio_mobile.teacher.train import train_teacher

CRNN = "crnn"


def train_baselines(
    data: PreparedData, music: Path, *, work: Path, seed: int, progress: Progress
) -> list[EvaluatedModel]:
    """Train the baselines: the mean label, Ridge, SVR and XGBoost on 164 features, and a CRNN.

    Features and the trained CRNN are cached, and a CRNN whose training was interrupted is trained on.

    Args:
        data: The prepared songs. Only training songs, and validation songs for early stopping, are used.
        music: Folder that the paths in songs.csv start from.
        work: Folder of the cache.
        seed: Random seed.
        progress: Updated step by step.

    Raises:
        DataError: An audio file is missing, or is not the file that was prepared.
        MissingExtraError: librosa or xgboost is not installed.
    """
    train = data.split("train")
    features = training_features(data, music, work=work, progress=progress)
    progress.start("classical regressors", len(REGRESSORS))
    regressors = []
    for one in REGRESSORS:
        progress.advance(0, note=one.name)
        trained = train_regressor(one, features, labels=train.labels, groups=train.groups, seed=seed)
        regressors.append(_regressor(trained, data.audio))
        progress.advance()
    progress.finish()
    models = (_mean_label(data), *regressors, _train_crnn(data, work, seed, progress))
    return [replace(model, training_data=data.origin, is_baseline=True) for model in models]


def _mean_label(data: PreparedData) -> EvaluatedModel:
    """Always predicts the mean label of the training songs: what every model must be better than."""
    mean = data.split("train").labels.mean(axis=0)

    def predict(clips: NDArray[np.float32]) -> Predictions:
        return np.tile(mean, (len(clips), 1))

    return EvaluatedModel(
        name="mean",
        kind="always the mean label",
        audio=data.audio,
        predict_clips=predict,
        predict_log_mels=predict,
        parameters=mean.size,
        training_seconds=0,
    )


def _regressor(trained: TrainedRegressor, audio: AudioSpec) -> EvaluatedModel:
    return EvaluatedModel(
        name=trained.regressor.name,
        kind=trained.regressor.kind,
        audio=audio,
        predict_clips=lambda clips: trained.predict(clip_features(clips, audio)),
        parameters=trained.parameters,
        training_seconds=trained.seconds,
    )


def _train_crnn(data: PreparedData, work: Path, seed: int, progress: Progress) -> EvaluatedModel:
    """The recurrent network, trained as any other teacher."""
    recipe = load_recipe(TeacherRecipe, CRNN, "teacher")
    recipe = replace(recipe, training=replace(recipe.training, seed=seed))
    key = json.dumps([data.sheet.fingerprint, to_plain(recipe)])
    folder = work / f"{CRNN}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if not folder.exists():
        train_teacher(data, recipe, out=folder, progress=progress)
    model = open_model(folder, "CRNN")
    return replace(model, kind="3 convolutions over time, 2 bidirectional LSTM layers")
