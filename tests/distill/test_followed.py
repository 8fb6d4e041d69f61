"""Who a student follows: pseudo-labels can be the teacher of labelled songs too, and a recipe may follow nobody."""

from pathlib import Path

import numpy as np
import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.data.gan_samples import GanSamples
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import PseudoLabels, read_pseudo_labels, write_pseudo_labels
from sentio_mobile.distill.config import AttentionSettings, DistillRecipe, FeatureSettings, ResponseSettings
from sentio_mobile.distill.distill import distill
from sentio_mobile.distill.followed.choose import choose_followed
from sentio_mobile.distill.followed.nobody import FollowedNobody
from sentio_mobile.distill.followed.predictions import FollowedPredictions
from sentio_mobile.errors import DataError, InputError, RecordError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings, write_clip_embeddings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.training.sources import NO_EXTRA_DATA, ExtraData


def once(recipe: DistillRecipe) -> DistillRecipe:
    return replace(recipe, training=replace(recipe.training, epochs=1))


def predictions(place: Path, data: PreparedData, *splits: str) -> PseudoLabels:
    """Pseudo-labels for the songs of some splits: their labels, nearer to the middle."""
    rows = [
        (int(data.store.checksums[row]), *(0.5 * label).tolist())
        for split in splits
        for row, label in zip(data.split(split).rows, data.split(split).labels, strict=True)
    ]
    write_pseudo_labels(place, rows)
    return read_pseudo_labels(place)


def test_distill_from_pseudo_labels_of_labelled_songs(
    data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    labels = predictions(tmp_path / "labels.csv", data, "train", "test")
    student = distill(
        None, data, recipe=once(tiny_student), out=tmp_path / "student", extra=ExtraData(pseudo_labels=labels)
    )
    row = student.history[0]
    assert row["train_soft"] > 0
    assert row["gradient_soft"] > 0
    assert "train_features" not in row
    assert list(student.recipe["layer_mapping"]["unavailable"]) == ["features", "attention"]
    assert student.recipe["followed"] == "labels.csv"
    found = Checkpoint.load(tmp_path / "student").evaluation
    assert found.teacher.kind == "labels.csv"
    assert found.teacher.spec is None
    np.testing.assert_allclose(found.teacher.test.predictions, 0.5 * data.split("test").labels, atol=1e-4)
    assert found.retention is not None


def test_distill_from_pseudo_labels_without_test_songs_says_why_there_is_no_retention(
    data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    labels = predictions(tmp_path / "labels.csv", data, "train")
    extra = ExtraData(pseudo_labels=labels)
    found = distill(None, data, recipe=once(tiny_student), out=tmp_path / "student", extra=extra).evaluation
    assert (found.retention, found.teacher) == (None, None)
    assert found.no_retention == f"labels.csv covers 0 of {len(data.split('test'))} test songs"


def test_distill_with_a_recipe_that_follows_nobody_leaves_the_teacher_alone(
    data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    alone = replace(
        once(tiny_student),
        response=ResponseSettings(weight=1.0, hard=1.0, soft=0.0),
        features=FeatureSettings(weight=0.0),
        attention=AttentionSettings(weight=0.0),
    )
    spec = spec_of(tiny_student.model, replace(data.audio, f_min=30.0))
    other = Checkpoint(model=torch.nn.Identity(), spec=spec)
    student = distill(other, data, recipe=alone, out=tmp_path / "student")
    assert {name for name in student.history[0] if name.startswith("train_")} == {"train_loss", "train_hard"}
    assert student.evaluation.no_retention == "the recipe follows no teacher"
    assert (student.evaluation.retention, student.evaluation.teacher) == (None, None)
    # Without a teacher, what needs one is off.
    same = distill(None, data, recipe=once(tiny_student), out=tmp_path / "same")
    assert set(same.history[0]) == set(student.history[0])
    with pytest.raises(RecordError, match="hard or soft, must be above 0"):
        replace(tiny_student, response=ResponseSettings(hard=0.0)).without_teacher()


def test_pseudo_labels_of_other_clips_are_refused(
    data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    labels = predictions(tmp_path / "labels.csv", data, "val")
    with pytest.raises(DataError, match=r"labels\.csv: has no pseudo-label for any clip that is trained on"):
        distill(None, data, recipe=tiny_student, out=tmp_path / "student", extra=ExtraData(pseudo_labels=labels))


def test_music_that_teaches_nothing_is_refused(data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path) -> None:
    labels = predictions(tmp_path / "labels.csv", data, "train")
    samples = (GanSamples.__new__(GanSamples),)
    assert isinstance(choose_followed(None, tiny_student, NO_EXTRA_DATA), FollowedNobody)
    followed = choose_followed(None, tiny_student, ExtraData(pseudo_labels=labels))
    assert isinstance(followed, FollowedPredictions)
    with pytest.raises(InputError, match="GAN samples have no pseudo-labels"):
        followed.check(data, ExtraData(gan_samples=samples))
    with pytest.raises(InputError, match="GAN samples teach nothing, because the recipe follows no teacher"):
        FollowedNobody().check(data, ExtraData(gan_samples=samples))
    with pytest.raises(InputError, match="music without labels teaches nothing"):
        FollowedNobody().check(data, ExtraData(unlabelled=(data,)))
    FollowedNobody().check(data, ExtraData(unlabelled=(data,), pseudo_labels=labels))


def test_checkpoints_of_networks_are_followed_before_pseudo_labels(
    data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    spec = spec_of(tiny_student.model, data.audio)
    network = Checkpoint(model=build(spec), spec=spec)
    labels = predictions(tmp_path / "labels.csv", data, "train")
    assert choose_followed(network, tiny_student, ExtraData(pseudo_labels=labels)).name == "mobilevit"


def test_distill_learns_embeddings_beside_the_labels(
    data: PreparedData, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    checksums = data.store.checksums[data.split("train").windows.ravel()]
    info = EncoderInfo(
        name="toy", parameters=10, sample_rate=16_000, hop_s=10.0, window_s=10.0, size=4, licence="CC0-1.0",
        source="here", digest="0" * 64,
    )  # fmt: skip
    values = np.random.default_rng(0).normal(size=(len(checksums), 3, 4)).astype(np.float32)
    write_clip_embeddings(tmp_path / "e.safetensors", info=info, checksums=checksums, embeddings=values)
    known = read_clip_embeddings(tmp_path / "e.safetensors")
    student = distill(
        None, data, recipe=once(tiny_student), out=tmp_path / "student", extra=ExtraData(embeddings=(known,))
    )
    assert {"train_hard", "train_steps", "train_clip"} < set(student.history[0])
    assert student.history[0]["gradient_steps"] > 0
    assert student.recipe["embedding_files"] == [known.digest]
