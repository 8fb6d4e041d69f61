"""A student whose last layer is solved for, and not trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabels
from sentio_mobile.distill.config import DistillRecipe, ResponseSettings
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import TrainingError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MusicnnSettings, TimmSettings
from sentio_mobile.models.first_weights import FirstWeights, weights_of_checkpoint
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.training.config import TrainingSettings
from sentio_mobile.training.fit import predict
from sentio_mobile.training.sources import ExtraData

RECIPE = DistillRecipe(
    model=MusicnnSettings(patches=1, filters=(4, 4, 4, 4, 4), middle=4),
    training=TrainingSettings(epochs=1, batch_size=8, learning_rate=1e-3),
    image_size=(128, 324),
    head_only=True,
)


@pytest.fixture(scope="module")
def first(data: PreparedData) -> FirstWeights:
    torch.manual_seed(3)
    spec = spec_of(RECIPE.model, replace(data.audio, image_size=RECIPE.image_size))
    return weights_of_checkpoint("first", Checkpoint(model=build(spec).eval(), spec=spec))


def test_head_is_solved_for_labels_and_nothing_else_is_changed(
    data: PreparedData, first: FirstWeights, tmp_path: Path
) -> None:
    student = distill(None, data, recipe=RECIPE, out=tmp_path / "student", start=first)
    assert student.history == ()
    labels, predicted = data.split("train").labels, predict(student.model, student.spec, data, "train")
    assert np.corrcoef(labels[:, 1], predicted[:, 1])[0, 1] > 0.7
    # Predictions are spread as labels are; a regression's lie closer together.
    assert 0.6 < predicted[:, 1].std() / labels[:, 1].std() < 1.5
    for name, weight in student.model.state_dict().items():
        assert torch.equal(weight, first.state[name]) == (not name.startswith("output."))


def test_head_follows_pseudo_labels_by_their_weight(data: PreparedData, first: FirstWeights, tmp_path: Path) -> None:
    songs = data.split("train")
    clips = [int(clip) for clip in data.store.checksums[songs.windows].ravel()]
    turned = dict(zip(clips, -songs.window_labels.reshape(-1, 2), strict=True))
    opposite = ExtraData(pseudo_labels=PseudoLabels(tmp_path / "teacher", turned, "0" * 64))
    recipe = replace(RECIPE, response=ResponseSettings(hard=0.1, soft=0.9))
    student = distill(None, data, recipe=recipe, out=tmp_path / "student", start=first, extra=opposite)
    predicted = predict(student.model, student.spec, data, "train")
    assert np.corrcoef(songs.labels[:, 1], predicted[:, 1])[0, 1] < -0.7


def test_head_leans_less_on_labels_whose_raters_disagree(
    data: PreparedData, first: FirstWeights, tmp_path: Path
) -> None:
    songs = data.split("train")
    wrong, errors = songs.window_labels.copy(), np.full(songs.labels.shape, 0.01, dtype=np.float32)
    wrong[::2] = -wrong[::2]
    errors[::2] = 2.0
    changed = replace(songs, window_labels=wrong, labels=wrong[:, 0], errors=errors)
    doubtful = replace(data, splits={**data.splits, "train": changed})

    def agreement(weigh: bool) -> float:
        recipe = replace(RECIPE, training=replace(RECIPE.training, weigh_by_raters=weigh))
        student = distill(None, doubtful, recipe=recipe, out=tmp_path / f"{weigh}", start=first)
        predicted = predict(student.model, student.spec, data, "train")
        return float(np.corrcoef(songs.labels[:, 1], predicted[:, 1])[0, 1])

    assert agreement(True) > agreement(False) + 0.2


def test_head_of_other_students_and_of_random_weights_is_not_solved_for(
    data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    with pytest.raises(TrainingError, match="head_only needs a student with a linear head"):
        distill(None, data, recipe=RECIPE, out=tmp_path / "random", start="random")
    with pytest.raises(TrainingError, match="head_only needs a student with a linear head"):
        distill(None, data, recipe=replace(tiny_student, head_only=True), out=tmp_path / "mobilevit", start="random")
    assert not (tmp_path / "random").exists()


def test_head_of_two_layers_is_trained_on_from_its_first_weights(data: PreparedData, tmp_path: Path) -> None:
    recipe = replace(RECIPE, model=TimmSettings(name="test_efficientnet"), image_size=(64, 96), head_only=False)
    spec = spec_of(recipe.model, replace(data.audio, image_size=recipe.image_size))
    start = weights_of_checkpoint("first", Checkpoint(model=build(spec).eval(), spec=spec))
    recipe = replace(recipe, training=replace(recipe.training, epochs=0, steps=1, learning_rate=1e-9))
    student = distill(None, data, recipe=recipe, out=tmp_path / "student", start=start)
    for name, weight in student.model.named_parameters():
        torch.testing.assert_close(weight, start.state[name], atol=1e-6, rtol=0, msg=name)
