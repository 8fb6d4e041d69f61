"""Embeddings as targets: each is learned by the tokens of its own moment, wherever augmentation moved them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from toy_encoder import TOY

from sentio_mobile._internal.records import replace
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import DataError, TrainingError
from sentio_mobile.models.capture import CapturedMap, capture
from sentio_mobile.models.config import CRNNSettings, MobileViTSettings
from sentio_mobile.models.crnn import CRNN
from sentio_mobile.models.encoders.clip_embeddings import (
    ClipEmbeddings,
    read_clip_embeddings,
    write_clip_embeddings,
)
from sentio_mobile.models.mobilevit import MobileViT
from sentio_mobile.spec import AudioSpec
from sentio_mobile.training.augment import augment
from sentio_mobile.training.clip_features import ClipFeatures, clip_features
from sentio_mobile.training.clips import Batch, TrainingClips
from sentio_mobile.training.config import AugmentSettings, EmbeddingSettings, TrainingSettings
from sentio_mobile.training.embedding_loss import EmbeddingLoss, column_times, step_times, step_weights
from sentio_mobile.training.objectives import Supervised
from sentio_mobile.training.sources import TrainingSources, WindowEmbeddings, labelled_source, with_embeddings

SETTINGS = TrainingSettings(epochs=1, batch_size=4, learning_rate=1e-3)
STUDENT = MobileViTSettings(
    stem_widths=(8, 16, 32), layers=2, heads=2, head_width=8, width=32, mlp_width=32, output_width=8
)
SECONDS = 30.0


def embeddings_of(data: PreparedData, path: Path, size: int = 4) -> ClipEmbeddings:
    """Embeddings that are the loudness of four groups of bands in each of ten time steps, and one tag."""
    checksums, first = np.unique(data.store.checksums, return_index=True)
    mels = data.mels[first].astype(np.float32)[:, :, :1290]
    energy = mels.reshape(len(mels), size, -1, 10, 129).mean(axis=(2, 4)).transpose(0, 2, 1)
    info = replace(TOY, size=size)
    write_clip_embeddings(
        path, info=info, checksums=checksums, embeddings=energy, tags=energy[:, :, :1], tag_names=["loud"]
    )
    return read_clip_embeddings(path)


@pytest.fixture
def embeddings(data: PreparedData, tmp_path: Path) -> ClipEmbeddings:
    return embeddings_of(data, tmp_path / "embeddings.safetensors")


def planted(count: int, seed: int = 0) -> WindowEmbeddings:
    random = np.random.default_rng(seed)
    values = random.normal(2, 3, (count, 10, 4)).astype(np.float16)
    tags = random.uniform(size=(count, 10, 2)).astype(np.float16)
    clips = ClipEmbeddings(
        path=Path("planted"),
        info=TOY,
        checksums=np.arange(count, dtype=np.uint64),
        embeddings=values,
        tags=tags,
        tag_names=("a", "b"),
        digest="1" * 64,
    )
    return WindowEmbeddings(clips=clips, rows=np.arange(count)[:, None])


def batch_of(known: WindowEmbeddings, shift: torch.Tensor) -> Batch:
    clips = known.clips
    count = len(clips.embeddings)
    none = torch.full((count, 2), torch.nan)
    assert clips.tags is not None
    return Batch(
        torch.zeros(count, 1, 1),
        none,
        torch.zeros(count, 2),
        none,
        {},
        torch.from_numpy(clips.embeddings).float(),
        torch.from_numpy(clips.tags).float(),
        shift,
    )


def test_step_weights_is_a_triangle_around_the_step() -> None:
    moments = column_times(10, torch.zeros(1), SECONDS)
    torch.testing.assert_close(moments[0], torch.arange(10) * 3.0 + 1.5)
    weights = step_weights(step_times(TOY, 10), moments, torch.arange(10)[None], 3.0)
    torch.testing.assert_close(weights[0], torch.eye(10))
    wide = step_weights(step_times(TOY, 10), moments, torch.arange(10)[None], 6.0)[0]
    torch.testing.assert_close(wide[4, 3:6], torch.tensor([0.25, 0.5, 0.25]))
    # The clip's two ends are not neighbours.
    torch.testing.assert_close(wide[0], torch.tensor([2 / 3, 1 / 3] + [0.0] * 8))


def test_step_weights_follow_the_rotation() -> None:
    # What sounded at second t sounds at t - shift: step 0 is now in the third last column.
    moments = column_times(10, torch.tensor([0.3]), SECONDS)
    weights = step_weights(step_times(TOY, 10), moments, torch.arange(10)[None], 3.0)[0]
    torch.testing.assert_close(weights, torch.eye(10).roll(-3, dims=1))


def test_step_weights_of_kept_parts_sum_to_1_or_are_0() -> None:
    kept = torch.tensor([[0, 0, 1, 9], [4, 4, 4, 4]])
    moments = column_times(10, torch.zeros(2), SECONDS)
    weights = step_weights(step_times(TOY, 10), moments, kept, 3.0)
    assert weights[0, 0].tolist() == [0.5, 0.5, 0.0, 0.0]
    assert weights[0, 5].sum() == 0
    assert weights[1].sum(dim=1).tolist() == [0, 0, 0, 0, 1, 0, 0, 0, 0, 0]


def test_augment_and_weights_agree_on_the_rotation() -> None:
    # Each of ten time steps has a value of its own.
    frames = (torch.arange(1292) * 10 // 1292 + 1) / 10
    log_mel = frames.expand(4, 8, -1)
    rolling = AugmentSettings(frequency_masks=0, time_masks=0)
    rolled = augment(log_mel, AudioSpec(), rolling, np.random.default_rng(0))
    assert len(set(rolled.shift.tolist())) == 4
    columns = rolled.log_mel.mean(dim=1)[:, :, None]
    times, parts = step_times(TOY, 10), torch.arange(1292)[None]
    found = step_weights(times, column_times(1292, rolled.shift, SECONDS), parts, 1.5) @ columns
    torch.testing.assert_close(found[:, :, 0], (torch.arange(10) + 1).expand(4, -1) / 10, atol=2e-3, rtol=0)
    wrong = step_weights(times, column_times(1292, -rolled.shift % 1, SECONDS), parts, 1.5) @ columns
    assert (wrong - found).abs().mean() > 0.05


class Columns(nn.Module):
    """A network whose feature map is its image: one row, one column a second."""

    map_width = pooled_width = 4

    def capture_map(self, image: torch.Tensor) -> CapturedMap:
        return CapturedMap(output=torch.zeros(len(image), 2), features=image, pooled=image.mean(dim=(2, 3)))


@pytest.mark.parametrize(("sign", "learned"), [(1, True), (-1, False)])
def test_loss_learns_steps_only_where_they_are(sign: int, learned: bool) -> None:
    torch.manual_seed(0)
    known = planted(48)
    shift = torch.randint(30, (48,)) / 30
    values = torch.from_numpy(known.clips.embeddings).float().repeat_interleave(3, dim=1)
    images = torch.stack([v.roll(-round(float(s) * 30), dims=0) for v, s in zip(values, shift, strict=True)])
    images = (images - 2) / 3
    loss = EmbeddingLoss(Columns(), [known], settings=EmbeddingSettings(clip=0, tags=0), clip_seconds=SECONDS)
    assert dict(loss.weights) == {"steps": 1.0}
    features = clip_features(Columns(), images.transpose(1, 2)[:, :, None])
    batch = batch_of(known, (sign * shift) % 1)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.1)
    for _ in range(40):
        optimizer.zero_grad()
        term = loss(features, batch)["steps"]
        term.backward()
        optimizer.step()
    # Targets have a variance of 1, so that this is 1 - R2.
    assert (term.item() < 0.35) is learned
    assert learned or term.item() > 0.8


def test_loss_clips_without_embeddings_contribute_nothing() -> None:
    known = planted(6)
    loss = EmbeddingLoss(Columns(), [known], settings=EmbeddingSettings(), clip_seconds=SECONDS)
    images = torch.rand(6, 4, 1, 30)
    batch = batch_of(known, torch.zeros(6))
    batch.embeddings[4:], batch.tags[4:] = torch.nan, torch.nan
    some = loss(clip_features(Columns(), images), batch)
    rest = Batch(*(value if isinstance(value, dict) else value[:4] for value in batch))
    wanted = loss(clip_features(Columns(), images[:4]), rest)
    assert set(some) == {"steps", "clip", "tags"}
    for name, value in some.items():
        torch.testing.assert_close(value, wanted[name])
    batch.embeddings[:], batch.tags[:] = torch.nan, torch.nan
    none = loss(clip_features(Columns(), images), batch)
    assert all(value.item() == 0 and value.requires_grad for value in none.values())


def test_loss_time_steps_without_embeddings_contribute_nothing() -> None:
    known = planted(6)
    loss = EmbeddingLoss(Columns(), [known], settings=EmbeddingSettings(), clip_seconds=SECONDS)
    images = torch.rand(6, 4, 1, 30)
    batch = batch_of(known, torch.zeros(6))
    heard = [1, 4, 5]
    others = [step for step in range(10) if step not in heard]
    batch.embeddings[:, others], batch.tags[:, others] = torch.nan, torch.nan
    terms = loss(features := clip_features(Columns(), images), batch)
    predicted = loss.predict(features, batch.shift)
    assert predicted.steps is not None
    assert predicted.clip is not None
    wanted = loss.standardized(batch.embeddings[:, heard])
    torch.testing.assert_close(terms["steps"], ((predicted.steps[:, heard] - wanted) ** 2).mean())
    mean, sd = batch.embeddings[:, heard].mean(dim=1), batch.embeddings[:, heard].std(dim=1, correction=0)
    summary = (torch.cat([mean, sd], dim=1) - loss.clip_mean) / loss.clip_sd
    torch.testing.assert_close(terms["clip"], ((predicted.clip - summary) ** 2).mean())
    assert terms["tags"].isfinite()


def test_loss_standardizes_by_the_given_clips() -> None:
    known = planted(200)
    loss = EmbeddingLoss(Columns(), [known], settings=EmbeddingSettings(), clip_seconds=SECONDS)
    values = torch.from_numpy(known.clips.embeddings).float()
    everything = torch.ones(200, 10, dtype=torch.bool)
    for found in (loss.standardized(values).flatten(0, 1), loss.summary(values, everything)):
        torch.testing.assert_close(found.mean(dim=0), torch.zeros(found.shape[1]), atol=1e-3, rtol=0)
        torch.testing.assert_close(found.std(dim=0, correction=0), torch.ones(found.shape[1]), atol=1e-3, rtol=0)
    # Only the windows that a source names count.
    part = replace(known, rows=np.array([[3], [-1]]))
    one = EmbeddingLoss(Columns(), [part], settings=EmbeddingSettings(), clip_seconds=SECONDS)
    torch.testing.assert_close(one.mean, values[3].mean(dim=0))
    assert {"mean", "sd", "clip_mean", "clip_sd"} <= set(loss.state_dict())


def test_clip_features_of_tokens_with_patch_dropout() -> None:
    torch.manual_seed(0)
    model = MobileViT(replace(STUDENT, patch_keep=5), (32, 64)).train()
    images = torch.rand(3, 3, 32, 64)
    torch.manual_seed(1)
    features = clip_features(model, images)
    torch.manual_seed(1)
    captured = capture(model, images, hidden={1})
    assert captured.token_indices is not None
    assert torch.equal(features.columns, (captured.token_indices[:, 1:] - 1) % 4)
    assert features.tokens.shape == (3, 5, 32)
    assert torch.equal(features.tokens, captured.hidden[1][:, 1:])
    assert torch.equal(features.pooled, captured.hidden[1][:, 0])
    evaluated = clip_features(model.eval(), images)
    assert evaluated.columns.tolist() == [[0, 1, 2, 3, 0, 1, 2, 3]]
    assert evaluated.column_count == 4


def test_clip_features_of_a_map_have_its_columns() -> None:
    features = clip_features(Columns(), torch.arange(24.0).reshape(1, 4, 2, 3))
    assert features.columns.tolist() == [[0, 1, 2, 0, 1, 2]]
    assert features.tokens[0, 4].tolist() == [4, 10, 16, 22]


def test_loss_network_without_features() -> None:
    model = CRNN(CRNNSettings(conv_widths=(8,), lstm_layers=1, lstm_width=4), (32, 64))
    with pytest.raises(TrainingError, match="a CRNN has neither tokens nor a feature map"):
        EmbeddingLoss(model, [planted(3)], settings=EmbeddingSettings(), clip_seconds=SECONDS)


def test_loss_without_tags() -> None:
    known = planted(3)
    known = replace(known, clips=replace(known.clips, tags=None, tag_names=()))
    loss = EmbeddingLoss(Columns(), [known], settings=EmbeddingSettings(), clip_seconds=SECONDS)
    assert set(loss.weights) == {"steps", "clip"}
    with pytest.raises(TrainingError, match="has no tags"):
        EmbeddingLoss(Columns(), [known], settings=EmbeddingSettings(steps=0, clip=0), clip_seconds=SECONDS)


def test_supervised_adds_the_terms() -> None:
    known = planted(4)
    loss = EmbeddingLoss(Columns(), [known], settings=EmbeddingSettings(steps=2.0), clip_seconds=SECONDS)
    objective = Supervised(0.0, "", embeddings=loss)
    batch = batch_of(known, torch.zeros(4))._replace(labels=torch.full((4, 2), 0.5))
    terms = objective(Columns(), torch.rand(4, 4, 1, 30), batch)
    assert dict(objective.weights) == {"labels": 1.0, "steps": 2.0, "clip": 0.5, "tags": 0.5}
    wanted = sum(weight * terms[name] for name, weight in objective.weights.items())
    torch.testing.assert_close(terms["loss"], wanted)
    assert terms["labels"].item() == pytest.approx(0.25)
    assert len(list(objective.parameters())) == len(list(loss.parameters())) > 0
    assert objective.signature != Supervised(0.0, "").signature


def test_training_clips_carry_embeddings_of_the_window(data: PreparedData, embeddings: ClipEmbeddings) -> None:
    val = labelled_source(data, "val")
    clips = TrainingClips(data, SETTINGS, TrainingSources(extra=(val,), embeddings=(embeddings,)))
    songs = data.split("train")
    for song in (0, 5):
        wanted = embeddings.embeddings[embeddings.rows_of(data.store.checksums[songs.windows[song]], data.folder)]
        assert np.abs(wanted.astype(np.float32) - clips[0, song].embeddings.numpy()).max(axis=(1, 2)).min() == 0
    # A source without embeddings: NaN of the same shape.
    assert clips[0, len(songs)].embeddings.shape == (10, 4)
    assert clips[0, len(songs)].embeddings.isnan().all()
    assert clips[0, len(songs)].tags.shape == (10, 1)
    assert TrainingClips(data, SETTINGS)[0, 0].embeddings.numel() == 0


def test_training_clips_refuse_mixup(data: PreparedData, embeddings: ClipEmbeddings) -> None:
    mixing = replace(SETTINGS, augment=AugmentSettings(mixup=0.2))
    with pytest.raises(TrainingError, match=r"training\.augment\.mixup: a mixture of two songs has no embeddings"):
        TrainingClips(data, mixing, TrainingSources(embeddings=(embeddings,)))


def test_training_clips_refuse_two_encoders(data: PreparedData, embeddings: ClipEmbeddings, tmp_path: Path) -> None:
    other = embeddings_of(data, tmp_path / "other.safetensors", size=2)
    val = with_embeddings(labelled_source(data, "val"), data, [other])
    with pytest.raises(TrainingError, match=r"other\.safetensors: its embeddings are of another encoder or length"):
        TrainingClips(data, SETTINGS, TrainingSources(extra=(val,), embeddings=(embeddings,)))


def test_embeddings_of_other_songs(data: PreparedData, embeddings: ClipEmbeddings) -> None:
    train = labelled_source(data, "train")
    foreign = replace(embeddings, checksums=embeddings.checksums + np.uint64(1))
    with pytest.raises(DataError, match="has no embeddings of"):
        with_embeddings(train, data, [foreign])
    assert with_embeddings(train, data, [foreign, embeddings]).embeddings is not None


def test_features_of_a_capturable_keep_gradients() -> None:
    model = MobileViT(STUDENT, (32, 64)).train()
    known = planted(4)
    loss = EmbeddingLoss(model, [known], settings=EmbeddingSettings(), clip_seconds=SECONDS)
    features: ClipFeatures = clip_features(model, torch.rand(4, 3, 32, 64))
    for name, term in loss(features, batch_of(known, torch.zeros(4))).items():
        gradients = torch.autograd.grad(term, list(model.parameters()), retain_graph=True, allow_unused=True)
        assert any(g is not None and bool(g.abs().sum() > 0) for g in gradients), name
