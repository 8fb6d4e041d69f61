"""What training draws, and when it refuses to choose an epoch."""

import numpy as np
import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import TrainingError
from sentio_mobile.training.config import AugmentSettings, TrainingSettings
from sentio_mobile.training.datamodule import SongDataModule, TrainingClips
from sentio_mobile.training.sources import ExtraData, labelled_source

UNCHANGED = AugmentSettings(frequency_masks=0, time_masks=0, roll=False)
SETTINGS = TrainingSettings(epochs=2, batch_size=4, learning_rate=1e-3, augment=UNCHANGED)


def linear(data: PreparedData) -> PreparedData:
    """The same songs, with labels that are linear in the sound."""
    split = data.split("train")
    mels = data.mels[split.windows].astype(np.float32)
    labels = np.stack([mels.mean(axis=(2, 3)), mels[:, :, :40].mean(axis=(2, 3))], axis=-1)
    return replace(data, splits={**data.splits, "train": replace(split, window_labels=labels)})


def test_mixup_mixes_sound_and_labels_by_the_same_share(data: PreparedData) -> None:
    mixing = replace(SETTINGS, augment=replace(UNCHANGED, mixup=0.5))
    mixed, plain = TrainingClips(linear(data), mixing), TrainingClips(linear(data), SETTINGS)
    changed = 0
    for song in range(len(mixed)):
        units, labels, _, _ = mixed[3, song]
        wanted = torch.stack([units.mean(), units[:40].mean()])
        torch.testing.assert_close(labels, wanted, atol=1e-4, rtol=0)
        changed += not torch.allclose(units, plain[3, song].units)
        assert torch.equal(mixed[3, song].units, units)
    assert changed > len(mixed) / 2


def test_views_come_round_and_further_material_has_turns_of_its_own(data: PreparedData) -> None:
    val = labelled_source(data, "val")
    nameless = replace(val, labels=np.full_like(val.labels, np.nan))
    drawn = replace(SETTINGS, augment=AugmentSettings())
    clips = TrainingClips(data, drawn, ExtraData(material=(nameless,), views=3))
    songs = len(data.split("train"))
    assert len(clips) == songs + len(val)
    assert clips.material == [labelled_source(data, "train").fingerprint, val.fingerprint]
    assert torch.equal(clips[1, 5].units, clips[4, 5].units)
    assert not torch.equal(clips[1, 5].units, clips[2, 5].units)
    assert not clips[0, songs - 1].labels.isnan().any()
    assert clips[0, songs].labels.isnan().all()
    last = TrainingClips(data, SETTINGS, ExtraData(material=(nameless,)))[0, songs + 2].units
    assert torch.equal(last, torch.from_numpy(data.mels[data.split("val").rows[2]].astype(np.float32)))


def test_signals_come_with_the_view_and_the_song_that_they_are_of(data: PreparedData) -> None:
    def signals(view: int, song: int) -> dict[str, torch.Tensor]:
        return {"answers": torch.tensor([view, song])}

    clips = TrainingClips(data, SETTINGS, ExtraData(views=2, signals=signals))
    assert clips[5, 7].signals["answers"].tolist() == [1, 7]


@pytest.mark.parametrize(
    ("songs", "words"), [(2, "has 2 validation songs, and a CCC needs 3"), (4, "the arousal 0.25")]
)
def test_no_epoch_is_chosen_by_songs_that_leave_a_ccc_undefined(data: PreparedData, songs: int, words: str) -> None:
    val = data.split("val")
    labels = val.labels[:songs].copy()
    labels[:, 1] = 0.25
    few = replace(val, song_ids=val.song_ids[:songs], labels=labels)
    with pytest.raises(TrainingError, match=words):
        SongDataModule(replace(data, splits={**data.splits, "val": few}), SETTINGS)
