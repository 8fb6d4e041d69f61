"""What training draws, and when it refuses to choose an epoch by the validation songs."""

import numpy as np
import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import TrainingError
from sentio_mobile.training.clips import TrainingClips
from sentio_mobile.training.config import AugmentSettings, TrainingSettings
from sentio_mobile.training.datamodule import SongDataModule
from sentio_mobile.training.sources import TrainingSources, labelled_source

UNCHANGED = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
SETTINGS = TrainingSettings(epochs=2, batch_size=4, learning_rate=1e-3, augment=UNCHANGED)


def linear(data: PreparedData) -> PreparedData:
    """The same songs, with labels that are linear in the sound."""
    split = data.split("train")
    mels = data.mels[split.windows].astype(np.float32)
    labels = np.stack([mels.mean(axis=(2, 3)), mels[:, :, :40].mean(axis=(2, 3))], axis=-1)
    return replace(data, splits={**data.splits, "train": replace(split, window_labels=labels)})


def test_training_clips_mixup_of_log_mel_and_labels(data: PreparedData) -> None:
    mixing = replace(SETTINGS, augment=replace(UNCHANGED, mixup=0.5))
    mixed, plain = TrainingClips(linear(data), mixing), TrainingClips(linear(data), SETTINGS)
    changed = 0
    for song in range(len(mixed)):
        log_mel, labels, *_ = mixed[3, song]
        wanted = torch.stack([log_mel.mean(), log_mel[:40].mean()])
        torch.testing.assert_close(labels, wanted, atol=1e-4, rtol=0)
        changed += not torch.allclose(log_mel, plain[3, song].log_mel)
        assert torch.equal(mixed[3, song].log_mel, log_mel)
    assert changed > len(mixed) / 2


def test_training_clips_views_and_extra_sources(data: PreparedData) -> None:
    val = labelled_source(data, "val")
    unlabelled = replace(val, labels=np.full_like(val.labels, np.nan))
    drawn = replace(SETTINGS, augment=AugmentSettings())
    clips = TrainingClips(data, drawn, TrainingSources(extra=(unlabelled,), views=3))
    songs = len(data.split("train"))
    assert len(clips) == songs + len(val)
    assert clips.fingerprints == [labelled_source(data, "train").fingerprint, val.fingerprint]
    assert torch.equal(clips[1, 5].log_mel, clips[4, 5].log_mel)
    assert not torch.equal(clips[1, 5].log_mel, clips[2, 5].log_mel)
    assert not clips[0, songs - 1].labels.isnan().any()
    assert clips[0, songs].labels.isnan().all()
    last = TrainingClips(data, SETTINGS, TrainingSources(extra=(unlabelled,)))[0, songs + 2].log_mel
    assert torch.equal(last, torch.from_numpy(data.mels[data.split("val").rows[2]].astype(np.float32)))


def test_training_clips_pseudo_labels_belong_to_the_window_that_was_drawn(data: PreparedData) -> None:
    train, val = labelled_source(data, "train"), labelled_source(data, "val")
    predictions = tuple(np.float32(0.5) * source.labels for source in (train, val))
    predictions[0][0] = np.nan
    clips = TrainingClips(data, SETTINGS, TrainingSources(extra=(val,), pseudo_labels=predictions))
    assert clips[0, 0].pseudo_labels.isnan().all()
    for song in (1, len(train), len(train) + 2):
        torch.testing.assert_close(clips[4, song].pseudo_labels, 0.5 * clips[4, song].labels)
    assert TrainingClips(data, SETTINGS)[0, 1].pseudo_labels.isnan().all()


def test_training_clips_teacher_outputs(data: PreparedData) -> None:
    def outputs(view: int, song: int) -> dict[str, torch.Tensor]:
        return {"predictions": torch.tensor([view, song])}

    clips = TrainingClips(data, SETTINGS, TrainingSources(views=2, teacher_outputs=outputs))
    assert clips[5, 7].teacher_outputs["predictions"].tolist() == [1, 7]


@pytest.mark.parametrize(
    ("songs", "words"), [(2, "has 2 validation songs, and a CCC needs 3"), (4, "the arousal 0.25")]
)
def test_data_module_undefined_validation_ccc(data: PreparedData, songs: int, words: str) -> None:
    val = data.split("val")
    labels = val.labels[:songs].copy()
    labels[:, 1] = 0.25
    few = replace(val, song_ids=val.song_ids[:songs], labels=labels)
    with pytest.raises(TrainingError, match=words):
        SongDataModule(replace(data, splits={**data.splits, "val": few}), SETTINGS)
