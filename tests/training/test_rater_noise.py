"""Labels that count by how far their raters agree."""

import numpy as np
import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError
from sentio_mobile.metrics.ceiling import noise_weights
from sentio_mobile.training.clips import Batch, TrainingClips
from sentio_mobile.training.config import AugmentSettings, TrainingSettings
from sentio_mobile.training.objectives import Supervised, regression_loss
from sentio_mobile.training.sources import TrainingSources, labelled_source

SETTINGS = TrainingSettings(epochs=2, batch_size=4, learning_rate=1e-3, weigh_by_raters=True)


def rated(data: PreparedData) -> PreparedData:
    """The same songs, with standard errors of their labels."""
    train = data.split("train")
    errors = np.random.default_rng(0).uniform(0.05, 0.5, train.labels.shape).astype(np.float32)
    return replace(data, splits={**data.splits, "train": replace(train, errors=errors)})


def test_training_clips_have_the_weights_of_their_songs(data: PreparedData) -> None:
    known, extra = rated(data), labelled_source(data, "val")
    clips = TrainingClips(known, SETTINGS, TrainingSources(extra=(extra,)))
    train = known.split("train")
    expected = noise_weights(train.labels, train.errors)
    found = np.stack([clips[0, song].weights.numpy() for song in range(len(train))])
    np.testing.assert_allclose(found, expected)
    assert found.std() > 0.05
    # Pseudo-labels have no raters.
    assert clips[0, len(train)].weights.tolist() == [1, 1]
    plain = TrainingClips(known, replace(SETTINGS, weigh_by_raters=False))
    assert plain[0, 0].weights.tolist() == [1, 1]


def test_training_clips_mixup_mixes_weights_as_labels(data: PreparedData) -> None:
    mixing = replace(SETTINGS, augment=AugmentSettings(mixup=0.5))
    clips, plain = TrainingClips(rated(data), mixing), TrainingClips(rated(data), SETTINGS)
    changed = [not torch.allclose(clips[0, song].weights, plain[0, song].weights) for song in range(8)]
    assert any(changed)


def test_weights_are_refused_where_raters_are_not_known(data: PreparedData) -> None:
    with pytest.raises(DataError, match="does not say how much raters disagree, which weigh_by_raters needs"):
        TrainingClips(data, SETTINGS)


def test_regression_loss_of_equal_weights_is_the_plain_one() -> None:
    random = torch.Generator().manual_seed(0)
    predicted, target = (torch.rand((6, 2), generator=random) for _ in range(2))
    target[4] = torch.nan
    for share in (0.0, 0.7):
        plain, weighed = (
            regression_loss(predicted, target, share),
            regression_loss(predicted, target, share, torch.ones(6, 2)),
        )
        torch.testing.assert_close(weighed, plain)


def test_regression_loss_of_whole_weights_is_that_of_repeated_songs() -> None:
    random = torch.Generator().manual_seed(0)
    predicted, target = (torch.rand((4, 2), generator=random) for _ in range(2))
    counts = torch.tensor([1, 3, 1, 3])
    repeated = regression_loss(predicted.repeat_interleave(counts, 0), target.repeat_interleave(counts, 0), 1.0)
    weights = (counts / counts.float().mean())[:, None].expand(4, 2)
    torch.testing.assert_close(regression_loss(predicted, target, 1.0, weights), repeated)
    squared = regression_loss(predicted, target, 0.0, weights)
    torch.testing.assert_close(squared, (weights * (predicted - target) ** 2).mean())
    assert not torch.isclose(squared, regression_loss(predicted, target, 0.0))


def test_supervised_weighs_labels_only_where_it_is_told_to() -> None:
    images, labels = torch.zeros(4, 3, 8, 8), torch.tensor([[0.1, 0.2], [0.5, -0.5], [0.9, 0.3], [-0.4, 0.0]])
    weights = torch.tensor([[3.0, 3.0], [0.1, 0.1], [0.5, 0.5], [0.4, 0.4]])
    batch = Batch(images, labels, torch.zeros(4, 2), torch.full((4, 2), torch.nan), {}, weights=weights)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(192, 2))
    plain, weighed = Supervised(0.0, ""), Supervised(0.0, "", weighed=True)
    assert plain.signature != weighed.signature
    assert weighed(model, images, batch)["loss"] != plain(model, images, batch)["loss"]
