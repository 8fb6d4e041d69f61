"""Students and teachers of this package as encoders give the tokens that are captured from them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.audio.image import clip_to_input
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.capture import capture
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import ASTSettings, CRNNSettings, MobileViTSettings, TimmSettings, ViTSettings
from sentio_mobile.models.encoders.base import AudioEncoder, load_encoder
from sentio_mobile.models.registry import Settings, build, spec_of
from sentio_mobile.spec import AudioSpec

RATE, SECONDS = 8000, 4
AUDIO = AudioSpec(sample_rate=RATE, seconds=SECONDS, n_fft=512, f_max=4000, n_mels=32, image_size=(64, 64))
WIDE = AudioSpec(sample_rate=RATE, seconds=SECONDS, n_fft=512, f_max=4000, n_mels=32, image_size=(32, 112))
STUDENT = MobileViTSettings(
    stem_widths=(8, 16, 32), layers=2, heads=2, head_width=16, width=64, mlp_width=128, output_width=32
)
VIT = ViTSettings(layers=2, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))
AST = ASTSettings(layers=2, heads=2, width=32, mlp_width=64, head_widths=(16,), head_dropout=(0.0, 0.0))


def noise(seconds: float) -> NDArray[np.float32]:
    return np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)


def save(folder: Path, settings: Settings, audio: AudioSpec = AUDIO) -> Checkpoint:
    torch.manual_seed(0)
    spec = spec_of(settings, audio)
    checkpoint = Checkpoint(model=build(spec).eval(), spec=spec)
    # A student's blocks begin as the identity.
    for weight in checkpoint.model.parameters():
        torch.nn.init.normal_(weight, std=0.1)
    checkpoint.save(folder)
    return checkpoint


def columns_of(checkpoint: Checkpoint, pcm: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """Mean token of each column, one patch after another."""
    image = torch.from_numpy(clip_to_input(pcm, checkpoint.spec))
    with torch.no_grad():
        tokens = capture(checkpoint.model, image, hidden=(block,)).hidden[block][0].numpy()
    _, width = checkpoint.model.grid
    return np.stack([tokens[1 + column :: width].mean(axis=0) for column in range(width)])


@pytest.mark.parametrize(
    ("settings", "audio", "columns"), [(STUDENT, AUDIO, 4), (VIT, AUDIO, 4), (AST, WIDE, 7), (STUDENT, WIDE, 7)]
)
def test_embeddings_equal_the_captured_tokens(
    settings: Settings, audio: AudioSpec, columns: int, tmp_path: Path
) -> None:
    checkpoint, pcm = save(tmp_path / "model", settings, audio), noise(SECONDS)
    encoder: AudioEncoder = load_encoder(f"ckpt:{tmp_path / 'model'}")
    expected = columns_of(checkpoint, pcm, 1)
    assert expected.shape == (columns, encoder.info.size)
    np.testing.assert_allclose(encoder.embed(pcm), expected, atol=1e-6)
    first = load_encoder(f"ckpt:{tmp_path / 'model'}#layer=1")
    np.testing.assert_allclose(first.embed(pcm), columns_of(checkpoint, pcm, 0), atol=1e-6)
    assert first.info.digest != encoder.info.digest
    assert (encoder.info.sample_rate, encoder.info.hop_s) == (RATE, SECONDS / columns)


def test_a_long_sound_is_embedded_clip_by_clip_and_a_short_one_within_its_length(tmp_path: Path) -> None:
    checkpoint, pcm = save(tmp_path / "model", VIT), noise(2.5 * SECONDS)
    encoder = load_encoder(f"ckpt:{tmp_path / 'model'}")
    clips = [columns_of(checkpoint, pcm[at * RATE : (at + 4) * RATE], 1) for at in (0, 4, 6)]
    np.testing.assert_allclose(encoder.embed(pcm), np.concatenate([*clips[:2], clips[2][2:]]), atol=1e-6)
    silent = np.pad(pcm[: int(2.5 * RATE)], (0, int(1.5 * RATE)))
    np.testing.assert_allclose(encoder.embed(pcm[: int(2.5 * RATE)]), columns_of(checkpoint, silent, 1)[:2], atol=1e-6)
    assert len(encoder.embed(noise(0.2))) == 1


def test_a_feature_map_gives_an_embedding_a_column(tmp_path: Path) -> None:
    pytest.importorskip("timm")
    audio = replace(AUDIO, image_size=(64, 96))
    checkpoint, pcm = save(tmp_path / "model", TimmSettings(name="test_efficientnet", output_width=16), audio), noise(4)
    encoder = load_encoder(f"ckpt:{tmp_path / 'model'}")
    with torch.no_grad():
        image = torch.from_numpy(clip_to_input(pcm, checkpoint.spec))
        rows = checkpoint.model.capture_map(image).features[0].numpy()
    assert rows.shape[1:] == (2, 3)
    np.testing.assert_allclose(encoder.embed(pcm), (rows[:, 0] + rows[:, 1]).T / 2, rtol=1e-4)
    with pytest.raises(InputError, match="has a feature map alone, and no layers"):
        load_encoder(f"ckpt:{tmp_path / 'model'}#layer=1")


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is no checkpoint: it has no checkpoint\.json"):
        load_encoder(f"ckpt:{tmp_path}")
    save(tmp_path / "crnn", CRNNSettings())
    with pytest.raises(InputError, match=r"checkpoint\.json: a CRNN has neither tokens nor a feature map"):
        load_encoder(f"ckpt:{tmp_path / 'crnn'}")
    save(tmp_path / "vit", VIT)
    with pytest.raises(InputError, match="has no layer 3; choose one from 1 to 2"):
        load_encoder(f"ckpt:{tmp_path / 'vit'}#layer=3")
