"""`sentio_mobile.distill` with a probe as the teacher."""

from pathlib import Path

import numpy as np
import pytest
from probes import QUICK, SIZE, STEPS, toy_info

import sentio_mobile
from sentio_mobile._internal.progress import NoProgress
from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.song_audio import first_windows
from sentio_mobile.distill.config import DistillRecipe
from sentio_mobile.errors import InputError
from sentio_mobile.models.encoders.clip_embeddings import read_clip_embeddings, write_clip_embeddings
from sentio_mobile.teacher.probe.features import window_features
from sentio_mobile.teacher.probe.train import train_probe


@pytest.fixture
def embeddings(data: PreparedData, tmp_path: Path) -> Path:
    """Embeddings of all songs, of which two values follow the labels."""
    path, random = tmp_path / "embeddings.safetensors", np.random.default_rng(0)
    rows = np.concatenate([data.split(name).rows for name in ("train", "val", "test")])
    labels = np.concatenate([data.split(name).labels for name in ("train", "val", "test")])
    values = random.normal(size=(len(rows), STEPS, SIZE))
    values[:, :, :2] = 0.2 * values[:, :, :2] + labels[:, None]
    write_clip_embeddings(path, info=toy_info(), checksums=data.store.checksums[rows], embeddings=values)
    return path


def test_distill_follows_a_probe_whose_predictions_of_test_songs_it_is_counted_against(
    data: PreparedData, embeddings: Path, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    folder = tmp_path / "probe"
    probe = train_probe(data, read_clip_embeddings(embeddings), out=folder, recipe=QUICK)
    once = replace(tiny_student, training=replace(tiny_student.training, epochs=1))
    student = sentio_mobile.distill(
        teacher=folder, data=data, recipe=once, embeddings=[embeddings], out=tmp_path / "student"
    )
    assert {"train_hard", "train_soft", "train_steps"} < set(student.history[0])
    found = student.evaluation
    assert found.teacher.kind == "probe"
    known = read_clip_embeddings(embeddings)
    rows = known.rows_of(data.store.checksums[data.split("test").rows], data.folder)
    np.testing.assert_allclose(found.teacher.test.predictions, probe.predict(known.embeddings[rows]), atol=1e-4)
    assert found.retention is not None


def test_distill_from_a_probe_needs_embeddings_and_test_songs_that_it_has_not_heard(
    data: PreparedData, embeddings: Path, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    train_probe(data, read_clip_embeddings(embeddings), out=tmp_path / "all", recipe=QUICK, songs="all")
    with pytest.raises(InputError, match=r"all: was trained on 8 of the 8 test songs of"):
        sentio_mobile.distill(
            teacher=tmp_path / "all",
            data=data,
            recipe=tiny_student,
            embeddings=[embeddings],
            out=tmp_path / "student",
        )
    (tmp_path / "probe").mkdir()
    (tmp_path / "probe" / "probe.json").write_text("{}")
    with pytest.raises(InputError, match="is a probe, which predicts from embeddings; give the music's embeddings"):
        sentio_mobile.distill(teacher=tmp_path / "probe", data=data, recipe=tiny_student, out=tmp_path / "student")


@pytest.mark.exhaustive
def test_distill_from_a_probe_that_hears_features_needs_the_music(
    data: PreparedData, embeddings: Path, deam: Path, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    recipe = replace(QUICK, inputs=("features",))
    probe = train_probe(data, read_clip_embeddings(embeddings), out=tmp_path / "probe", recipe=recipe, music=deam)
    assert probe.needs_features
    once = replace(tiny_student, training=replace(tiny_student.training, epochs=1))
    arguments = {"data": data, "recipe": once, "embeddings": [embeddings], "out": tmp_path / "student"}
    with pytest.raises(InputError, match="also hears 164 audio features; give as music the 1 folders"):
        sentio_mobile.distill(teacher=tmp_path / "probe", **arguments)
    student = sentio_mobile.distill(teacher=tmp_path / "probe", music=[deam], **arguments)
    clips = first_windows(data, "test")
    features = window_features(data, clips, music=deam, progress=NoProgress())
    known = read_clip_embeddings(embeddings)
    rows = known.rows_of(data.store.checksums[data.split("test").rows], data.folder)
    expected = probe.predict(known.embeddings[rows], features)
    np.testing.assert_allclose(student.evaluation.teacher.test.predictions, expected, atol=1e-4)


def test_distill_refuses_music_that_no_teacher_hears(
    data: PreparedData, embeddings: Path, deam: Path, tiny_student: DistillRecipe, tmp_path: Path
) -> None:
    train_probe(data, read_clip_embeddings(embeddings), out=tmp_path / "probe", recipe=QUICK)
    arguments = {"data": data, "recipe": tiny_student, "embeddings": [embeddings], "out": tmp_path / "student"}
    with pytest.raises(InputError, match="hears embeddings alone, so that the music is not needed"):
        sentio_mobile.distill(teacher=tmp_path / "probe", music=[deam], **arguments)
    with pytest.raises(InputError, match="the teacher is none; leave it out"):
        sentio_mobile.distill(teacher=None, music=[deam], **arguments)
