"""Embeddings beside the other targets: in distillation and in the training of a teacher."""

from pathlib import Path

import numpy as np
import pytest
from toy_encoder import TOY

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.distill.distill import distill
from sentio_mobile.errors import DataError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.encoders.clip_embeddings import (
    ClipEmbeddings,
    read_clip_embeddings,
    write_clip_embeddings,
)
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.teacher.config import TeacherRecipe
from sentio_mobile.teacher.train import train_teacher
from sentio_mobile.training.sources import ExtraData


@pytest.fixture(scope="module")
def embeddings(data: PreparedData, tmp_path_factory: pytest.TempPathFactory) -> ClipEmbeddings:
    path = tmp_path_factory.mktemp("embeddings") / "embeddings.safetensors"
    checksums = np.unique(data.store.checksums)
    random = np.random.default_rng(0)
    values, tags = random.normal(size=(len(checksums), 10, 4)), random.uniform(size=(len(checksums), 10, 2))
    write_clip_embeddings(path, info=TOY, checksums=checksums, embeddings=values, tags=tags, tag_names=["a", "b"])
    return read_clip_embeddings(path)


@pytest.mark.parametrize("term", ["features", "none"])
def test_distill_embeddings_are_a_term(
    term: str,
    data: PreparedData,
    embeddings: ClipEmbeddings,
    tiny_teacher: TeacherRecipe,
    tiny_student: DistillRecipe,
    tmp_path: Path,
) -> None:
    spec = spec_of(tiny_teacher.model, data.audio)
    teacher = Checkpoint(model=build(spec), spec=spec)
    training = replace(tiny_student.training, epochs=1)
    model = replace(tiny_student.model, layers=1, patch_keep=16)
    recipe = replace(tiny_student, model=model, training=training, views=1, image_size=(64, 64))
    off = ("attention",) if term == "features" else ("attention", "features")
    recipe = replace(recipe, **{name: replace(getattr(recipe, name), weight=0.0) for name in off})
    extra = ExtraData(embeddings=(embeddings,))
    student = distill(teacher, data, recipe=recipe, out=tmp_path / "ckpt", extra=extra)
    for name in ("steps", "clip", "tags", "soft"):
        assert (student.history[0][f"train_{name}"] or 0) > 0
        assert (student.history[0][f"gradient_{name}"] or 0) > 0
    assert ("train_features" in student.history[0]) is (term == "features")
    assert student.recipe["embedding_files"] == [embeddings.digest]


def test_distill_refuses_embeddings_of_other_songs(
    data: PreparedData,
    embeddings: ClipEmbeddings,
    tiny_teacher: TeacherRecipe,
    tiny_student: DistillRecipe,
    tmp_path: Path,
) -> None:
    spec = spec_of(tiny_teacher.model, data.audio)
    foreign = replace(embeddings, checksums=embeddings.checksums + np.uint64(1))
    extra = ExtraData(embeddings=(foreign,))
    with pytest.raises(DataError, match="has no embeddings of"):
        distill(Checkpoint(model=build(spec), spec=spec), data, recipe=tiny_student, out=tmp_path / "ckpt", extra=extra)
    assert list(tmp_path.iterdir()) == []


def test_train_teacher_embeddings_are_a_term(
    data: PreparedData, embeddings: ClipEmbeddings, tiny_teacher: TeacherRecipe, tmp_path: Path
) -> None:
    recipe = replace(tiny_teacher, training=replace(tiny_teacher.training, epochs=1))
    teacher = train_teacher(data, recipe, out=tmp_path / "ckpt", embeddings=[embeddings])
    for name in ("labels", "steps", "clip", "tags"):
        assert (teacher.history[0][f"train_{name}"] or 0) > 0
    assert list(teacher.recipe["embedding_files"]) == [embeddings.digest]
    assert set(Checkpoint.load(tmp_path / "ckpt").model.state_dict()) == set(teacher.model.state_dict())
