"""Models that predict the valence and arousal of generated clips, trained on real songs alone.

A generator may ignore the labels that it is given, and an image of its samples does not show it. The evaluation
therefore has a model predict valence and arousal: a teacher trained elsewhere, or a linear model fitted here on the
validation songs, which the generator has not seen. The model's CCC on real songs that are new to it is reported beside
its CCC on samples: samples can hardly score better than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import Progress
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.gan.evaluation.clips import Clips
from sentio_mobile.teacher.gan.evaluation.features import band_statistics

if TYPE_CHECKING:
    from sentio_mobile.models.checkpoint import Checkpoint

FOLDS = 5
RIDGE_STRENGTHS = tuple(float(strength) for strength in np.logspace(0, 5, 11))
"""Strengths of the ridge regression from which cross-validation over the validation songs chooses."""

MIN_SONGS = 10
"""Fewest songs that the linear model can be fitted on."""

_BATCH = 16


@dataclass(frozen=True, kw_only=True)
class ClipPredictions:
    """A model's view of clips.

    Attributes:
        labels: Predicted valence and arousal [n, 2] in [-1, 1].
        states: Hidden state or input features of the model [n, numbers], for the embedding.
    """

    labels: NDArray[np.float32]
    states: NDArray[np.float32]


class EmotionModel(Protocol):
    """A model that predicts valence and arousal."""

    @property
    def description(self) -> str:
        """What the model is and what it was trained on, in a few words."""
        ...

    @property
    def state_description(self) -> str:
        """What `ClipPredictions.states` are, in a few words."""
        ...

    @property
    def held_out_split(self) -> str:
        """A split of real songs that the model was not trained on."""
        ...

    def predict(self, clips: Clips, progress: Progress) -> ClipPredictions:
        """Predict every clip.

        Raises:
            DataError: A clip holds a value that is not finite.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class LinearEmotionModel:
    """A ridge regression on band statistics, fitted on validation songs.

    Attributes:
        model: The fitted scikit-learn pipeline.
        audio: Front end of its clips.
        songs: Number of songs that it was fitted on.
    """

    model: Any
    audio: AudioSpec
    songs: int

    held_out_split = "train"
    state_description = "band statistics"

    @property
    def description(self) -> str:
        """What the model is and what it was trained on."""
        return f"a ridge regression on band statistics, fitted on {self.songs} validation songs"

    def predict(self, clips: Clips, progress: Progress) -> ClipPredictions:
        """Predict every clip."""
        features = band_statistics(clips, self.audio, progress)
        labels = np.clip(self.model.predict(features), -1, 1).astype(np.float32)
        return ClipPredictions(labels=labels, states=features)


def fit_linear_model(songs: Clips, audio: AudioSpec, progress: Progress) -> LinearEmotionModel:
    """Fit a ridge regression on standardized band statistics, its strength chosen by grouped cross-validation.

    Args:
        songs: Real songs with labels that the generator has not seen.
        audio: Front end of the songs.
        progress: Progress, song by song.

    Raises:
        DataError: There are fewer than `MIN_SONGS`, or their labels are all equal or missing.
    """
    if len(songs) < MIN_SONGS:
        raise DataError(
            f"{len(songs)} {songs.name} are too few to fit a model of valence and arousal; prepare {MIN_SONGS} or "
            "more, or give a trained teacher as --regressor"
        )
    if not (songs.labels.std(axis=0) > 0).all():
        raise DataError(f"the labels of the {songs.name} are all equal or missing; prepare songs with labels")
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _, groups = np.unique(songs.groups, return_inverse=True)
    if groups.max() == 0:
        groups = np.arange(len(songs))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": RIDGE_STRENGTHS},
        cv=GroupKFold(min(FOLDS, int(groups.max()) + 1)),
        scoring="neg_mean_squared_error",
    )
    features = band_statistics(songs, audio, progress)
    search.fit(features, songs.labels, groups=groups)
    return LinearEmotionModel(model=search.best_estimator_, audio=audio, songs=len(songs))


def open_teacher_model(path: Path, data: PreparedData) -> TeacherEmotionModel:
    """Open a teacher's checkpoint as an emotion model.

    Args:
        path: The checkpoint. It should have been trained on real songs alone.
        data: The songs that samples are compared with.

    Raises:
        CheckpointError: The checkpoint is missing or damaged.
        DataError: It has another front end than the songs were prepared with.
        InputError: It is not a transformer.
    """
    from sentio_mobile.models.capture import require_capturable
    from sentio_mobile.models.checkpoint import Checkpoint

    checkpoint = Checkpoint.load(path)
    if checkpoint.spec.audio.log_mel != data.audio.log_mel:
        raise DataError(f"{path}: has another front end than {data.folder} was prepared with; give another teacher")
    require_capturable(checkpoint.model)
    origin = checkpoint.data
    is_same_data = origin is not None and origin.fingerprint == data.sheet.fingerprint
    source = "songs that its checkpoint does not name" if origin is None else origin.source
    trained_on = "the training songs of the same data" if is_same_data else source
    return TeacherEmotionModel(checkpoint=checkpoint, path=path, trained_on=trained_on)


@dataclass(frozen=True, kw_only=True)
class TeacherEmotionModel:
    """A trained teacher. Its state is the class token after the last block.

    Attributes:
        checkpoint: The teacher.
        path: Its folder.
        trained_on: The songs that it was trained on, in words.
    """

    checkpoint: Checkpoint
    path: Path
    trained_on: str

    held_out_split = "val"
    state_description = "the teacher's last hidden state"

    @property
    def description(self) -> str:
        """What the model is and what it was trained on."""
        return f"the teacher {self.path.name}, trained on {self.trained_on}"

    def predict(self, clips: Clips, progress: Progress) -> ClipPredictions:
        """Predict every clip."""
        import torch

        from sentio_mobile.audio.image import to_input_batch
        from sentio_mobile.models.capture import capture, require_capturable

        model, spec = self.checkpoint.model, self.checkpoint.spec
        last = len(require_capturable(model).blocks) - 1
        labels, states = [], []
        progress.start(f"predicting {clips.name}", len(clips))
        for start in range(0, len(clips), _BATCH):
            batch = clips.subset(np.arange(start, min(start + _BATCH, len(clips))))
            with torch.inference_mode():
                mels = torch.from_numpy(np.stack(list(batch))).clamp(0, 1)
                captured = capture(model, to_input_batch(mels, spec), hidden=(last,))
            labels.append(captured.output.numpy())
            states.append(captured.hidden[last][:, 0].numpy())
            progress.advance(len(batch))
        progress.finish()
        return ClipPredictions(labels=np.concatenate(labels), states=np.concatenate(states))
