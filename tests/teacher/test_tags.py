"""Valence and arousal from tags: words decide, the reference is the middle, and what does not fit is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from support import Refused, Sentio

from sentio_mobile._internal.records import read_record, write_record
from sentio_mobile._internal.records import replace as replace_record
from sentio_mobile.data.clip_table import SONGS, read_clip_rows
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.data.pseudo_labels import read_pseudo_labels
from sentio_mobile.errors import DataError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.clip_embeddings import ClipEmbeddings, read_clip_embeddings, write_clip_embeddings
from sentio_mobile.models.encoders.musicnn import MSD_TAGS
from sentio_mobile.teacher.tags import (
    GENRES,
    MOODS,
    SPREAD,
    TagReference,
    shipped_reference,
    tag_predictions,
    tag_reference,
)

CLIPS, STEPS = 80, 4
INFO = EncoderInfo(
    name="listener",
    sample_rate=16_000,
    window_s=3,
    hop_s=3,
    size=2,
    parameters=1,
    digest="cd" * 32,
    licence="ISC",
    source="made for a test",
)


def clips_of(log_odds: NDArray[np.float64], tags: tuple[str, ...] = MSD_TAGS) -> ClipEmbeddings:
    """Clips with these log-odds of tags [clips, time, tags]."""
    return ClipEmbeddings(
        path=Path("clips.safetensors"),
        info=INFO,
        checksums=np.arange(len(log_odds), dtype=np.uint64),
        embeddings=np.zeros((*log_odds.shape[:2], 2), dtype=np.float16),
        tags=(1 / (1 + np.exp(-log_odds))).astype(np.float16),
        tag_names=tags,
        digest="ab" * 32,
    )


@pytest.fixture(scope="module")
def music() -> ClipEmbeddings:
    """Clips whose tags are independent of each other."""
    return clips_of(np.random.default_rng(0).normal(-3, 1.5, size=(CLIPS, STEPS, len(MSD_TAGS))))


@pytest.fixture(scope="module")
def reference(music: ClipEmbeddings) -> TagReference:
    return tag_reference(music)


def test_table_has_tags_of_the_encoder_only() -> None:
    known = {tag.lower() for tag in MSD_TAGS}
    placed = {*MOODS, *GENRES}
    assert placed <= known
    assert not set(MOODS) & set(GENRES)
    assert known - placed == {
        *("70s", "80s", "90s", "00s", "female vocalists", "female vocalist", "male vocalists"),
        *("guitar", "indie", "electronic", "electronica"),
    }
    assert all(-1 <= value <= 1 for position in (*MOODS.values(), *GENRES.values()) for value in position)


@pytest.mark.parametrize(
    ("words", "valence", "arousal"),
    [
        (("happy", "party"), 1, 1),
        (("metal", "heavy metal", "punk"), -1, 1),
        (("sad",), -1, -1),
        (("easy listening", "chillout"), 1, -1),
    ],
)
def test_tag_predictions_follow_the_words(
    reference: TagReference, words: tuple[str, ...], valence: int, arousal: int
) -> None:
    log_odds = np.full((1, STEPS, len(MSD_TAGS)), -3.0)
    plain = tag_predictions(clips_of(log_odds), reference)[0]
    log_odds[..., [MSD_TAGS.index(word) for word in words]] = 3
    change = tag_predictions(clips_of(log_odds), reference)[0] - plain
    assert valence * change[0] > 0.1
    assert arousal * change[1] > 0.1


def test_tag_predictions_spread_over_the_plane_as_stated(music: ClipEmbeddings, reference: TagReference) -> None:
    positions = np.arctanh(tag_predictions(music, reference).astype(np.float64))
    assert positions.mean(axis=0) == pytest.approx([0, 0], abs=1e-5)
    assert positions.std(axis=0) == pytest.approx([SPREAD, SPREAD], abs=1e-5)
    assert np.corrcoef(positions.T)[0, 1] == pytest.approx(0, abs=1e-5)


def test_tag_predictions_of_certain_tags_are_finite(reference: TagReference) -> None:
    odds = np.where(np.arange(len(MSD_TAGS)) % 2, 800.0, -700.0)
    predictions = tag_predictions(clips_of(np.broadcast_to(odds, (3, 1, len(MSD_TAGS)))), reference)
    assert predictions.shape == (3, 2)
    assert predictions.dtype == np.float32
    assert (np.abs(predictions) <= 1).all()


def test_tag_reference_is_read_as_it_was_written(reference: TagReference, tmp_path: Path) -> None:
    write_record(tmp_path / "reference.json", reference)
    assert read_record(TagReference, tmp_path / "reference.json", DataError) == reference


def test_shipped_reference_is_for_the_tags_of_musicnn() -> None:
    reference = shipped_reference("musicnn-msd")
    assert reference.tags == MSD_TAGS
    assert reference.clips > 5_000
    with pytest.raises(DataError, match="only for those of musicnn-msd"):
        shipped_reference("listener")


def test_tag_reference_refuses_clips_that_say_nothing(music: ClipEmbeddings) -> None:
    assert music.tags is not None
    same = music.tags.copy()
    same[..., MSD_TAGS.index("sad")] = 0.5
    faults = {
        "holds no tags": replace(music, tags=None, tag_names=()),
        "has 3 clips": replace(music, checksums=music.checksums[:3], tags=music.tags[:3]),
        "do not differ in sad": replace(music, tags=same),
        "no tag of listener tells": clips_of(np.random.default_rng(0).normal(size=(CLIPS, 1, 2)), ("70s", "guitar")),
    }
    for words, clips in faults.items():
        with pytest.raises(DataError, match=words):
            tag_reference(clips)


def test_tag_predictions_refuse_tags_of_another_encoder(music: ClipEmbeddings, reference: TagReference) -> None:
    other = replace(music, tag_names=MSD_TAGS[::-1])
    with pytest.raises(DataError, match="one encoder"):
        tag_predictions(other, reference)
    with pytest.raises(DataError, match="holds no tags"):
        tag_predictions(replace(music, tags=None), reference)


def test_label_command_takes_tags(sentio: Sentio, refused: Refused, data: PreparedData, tmp_path: Path) -> None:
    usual = shipped_reference("musicnn-msd")
    info = replace_record(INFO, name=usual.encoder, digest=usual.encoder_sha256)
    probabilities = np.random.default_rng(0).uniform(0.01, 0.3, size=(len(data.store.checksums), STEPS, len(MSD_TAGS)))
    file, out = tmp_path / "embeddings.safetensors", tmp_path / "labels.csv"
    write_clip_embeddings(
        file,
        info=info,
        checksums=data.store.checksums[:],
        embeddings=np.zeros((*probabilities.shape[:2], INFO.size)),
        tags=probabilities,
        tag_names=MSD_TAGS,
    )
    command = ("teacher", "label", "--teacher", "tags", "--on", data.folder, tmp_path, "--out", out)
    result = sentio(*command, "--embeddings", file)
    assert result.exit_code == 0, result.output
    clips = read_clip_embeddings(file)
    found = read_pseudo_labels(out).by_clip
    assert len(found) == len(read_clip_rows(data.folder / SONGS))
    for clip, expected in zip(clips.checksums, tag_predictions(clips, usual), strict=True):
        if int(clip) in found:
            assert found[int(clip)] == pytest.approx(tuple(expected), abs=1e-5)
    write_clip_embeddings(file, info=INFO, checksums=clips.checksums, embeddings=clips.embeddings)
    refused("no reference for the tags of listener", *command, "--embeddings", file, "--force")
