"""Who hears valence and arousal in clips, without having heard made-up ones before.

A generator may ignore what it was asked for; a picture does not show it. So somebody listens who learnt from real songs
alone: a teacher that was trained elsewhere, or a linear model that learns here from the validation songs, of which the
generator, which learnt from the training songs, knows nothing. How well the listener hears real songs that are new to
it is stated beside what it hears in the samples: better than that, samples can hardly score.
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
from sentio_mobile.teacher.gan.evaluation.features import statistics_of

if TYPE_CHECKING:
    from sentio_mobile.models.checkpoint import Checkpoint

FOLDS = 5
STRENGTHS = tuple(float(x) for x in np.logspace(0, 5, 11))
"""Strengths of the ridge among which cross-validation over the validation songs chooses."""

FEWEST = 10
"""Songs from which the linear model can be fitted."""

_AT_ONCE = 16


@dataclass(frozen=True)
class Heard:
    """What a listener makes of clips: valence and arousal in [-1, 1] [n, 2], and its inner state [n, numbers]."""

    emotion: NDArray[np.float32]
    state: NDArray[np.float32]


class Listener(Protocol):
    """Something that hears valence and arousal."""

    @property
    def what(self) -> str:
        """What it is and what it learnt from, in a few words."""
        ...

    @property
    def state_is(self) -> str:
        """What its inner state is, in a few words."""
        ...

    @property
    def unheard(self) -> str:
        """The split of real songs that it did not learn from."""
        ...

    def listen(self, clips: Clips, progress: Progress) -> Heard:
        """Hear every clip.

        Raises:
            DataError: a clip holds a value that is no number.
        """
        ...


@dataclass(frozen=True)
class LinearListener:
    """A ridge regression on band statistics."""

    model: Any
    audio: AudioSpec
    songs: int

    unheard = "train"

    @property
    def what(self) -> str:
        """What it is and what it learnt from."""
        return f"a ridge regression on band statistics, fitted on {self.songs} validation songs"

    @property
    def state_is(self) -> str:
        """What its inner state is."""
        return "band statistics"

    def listen(self, clips: Clips, progress: Progress) -> Heard:
        """Hear every clip."""
        numbers = statistics_of(clips, self.audio, progress)
        return Heard(np.clip(self.model.predict(numbers), -1, 1).astype(np.float32), numbers)


def fit_linear(songs: Clips, audio: AudioSpec, progress: Progress) -> LinearListener:
    """Fit a ridge regression on standardized band statistics; its strength by cross-validation over groups of songs.

    Args:
        songs: real ones that the generator has not captured, with their labels.
        audio: the front end that they follow.
        progress: shown song by song.

    Raises:
        DataError: there are fewer than `FEWEST`, or their labels are all alike or missing.
    """
    if len(songs) < FEWEST:
        raise DataError(
            f"{len(songs)} {songs.what} are too few to learn to hear valence and arousal from; "
            f"prepare {FEWEST} or more, or give a teacher that has learnt it"
        )
    if not (songs.labels.std(axis=0) > 0).all():
        raise DataError(f"the labels of the {songs.what} are all alike or missing; prepare songs with labels")
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import GridSearchCV, GroupKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    _, group = np.unique(songs.groups, return_inverse=True)
    if group.max() == 0:
        group = np.arange(len(songs))
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()),
        {"ridge__alpha": STRENGTHS},
        cv=GroupKFold(min(FOLDS, int(group.max()) + 1)),
        scoring="neg_mean_squared_error",
    )
    numbers = statistics_of(songs, audio, progress)
    search.fit(numbers, songs.labels, groups=group)
    return LinearListener(search.best_estimator_, audio, len(songs))


def open_teacher(place: Path, data: PreparedData) -> TeacherListener:
    """A teacher's checkpoint as a listener.

    Args:
        place: the checkpoint; it should have learnt from real songs alone.
        data: the songs that samples are judged by.

    Raises:
        CheckpointError: it is missing or damaged.
        DataError: it hears through another front end than the songs were prepared with.
        InputError: it is no transformer.
    """
    from sentio_mobile.models.capture import require_capturable
    from sentio_mobile.models.checkpoint import Checkpoint

    checkpoint = Checkpoint.load(place)
    if checkpoint.spec.audio.log_mel != data.audio.log_mel:
        raise DataError(f"{place}: hears through another front end than {data.folder} was prepared with; give another")
    require_capturable(checkpoint.model)
    same = checkpoint.data.get("fingerprint") == data.sheet.fingerprint
    source = checkpoint.data.get("source", "songs that its checkpoint does not name")
    return TeacherListener(checkpoint, place, "the training songs of the same data" if same else str(source))


@dataclass(frozen=True)
class TeacherListener:
    """A trained teacher; its inner state is the class token as the last block leaves it."""

    checkpoint: Checkpoint
    place: Path
    learnt_from: str

    unheard = "val"

    @property
    def what(self) -> str:
        """What it is and what it learnt from."""
        return f"the teacher {self.place.name}, trained on {self.learnt_from}"

    @property
    def state_is(self) -> str:
        """What its inner state is."""
        return "the teacher's last hidden state"

    def listen(self, clips: Clips, progress: Progress) -> Heard:
        """Hear every clip."""
        import torch

        from sentio_mobile.audio.image import to_input_batch
        from sentio_mobile.models.capture import capture, require_capturable

        model, spec = self.checkpoint.model, self.checkpoint.spec
        last = len(require_capturable(model).blocks) - 1
        emotion, state = [], []
        progress.start(f"listening to {clips.what}", len(clips))
        for at in range(0, len(clips), _AT_ONCE):
            batch = clips.part(np.arange(at, min(at + _AT_ONCE, len(clips))))
            with torch.inference_mode():
                units = torch.from_numpy(np.stack(list(batch))).clamp(0, 1)
                captured = capture(model, to_input_batch(units, spec), hidden=(last,))
            emotion.append(captured.output.numpy())
            state.append(captured.hidden[last][:, 0].numpy())
            progress.advance(len(batch))
        progress.finish()
        return Heard(np.concatenate(emotion), np.concatenate(state))
