"""Attention rollout finds planted attention, and the chart draws it over the right part of the song."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from click.testing import CliRunner
from torch import nn

from sentio_mobile.cli import main
from sentio_mobile.errors import AudioError, InputError
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings, ViTSettings
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.models.vit import ViT
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.attention_chart import band_of
from sentio_mobile.teacher.attention_rollout import explain, patches_to_class, rollout

RATE = 22050
PLANTED = (3, 8)
"""Row and column of the patch that the planted model attends to."""


def plant(model: nn.Module, row: int, column: int) -> None:
    """Make every token of the first block attend to one patch, by position alone."""
    assert isinstance(model, ViT)
    block = model.encoder.layers[0]
    width = model.encoder.pos_embedding.shape[-1]
    with torch.no_grad():
        model.encoder.pos_embedding.zero_()
        model.encoder.pos_embedding[0, 1 + row * 14 + column, 0] = 100.0
        weight, bias = block.self_attention.in_proj_weight, block.self_attention.in_proj_bias
        weight.zero_()
        bias.zero_()
        bias[:width] = 1.0
        weight[width : 2 * width, 0] = 1.0


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tone of 440 Hz over faint noise, 40 s."""
    path = tmp_path_factory.mktemp("song") / "tone $x$.wav"
    time = np.arange(40 * RATE) / RATE
    noise = np.random.default_rng(0).standard_normal(len(time))
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * 440 * time) + 0.001 * noise, RATE)
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ViT whose first block attends to one patch."""
    spec = spec_of(ViTSettings(layers=3, heads=2, width=32, mlp_width=64), AudioSpec())
    torch.manual_seed(0)
    model = build(spec)
    plant(model, *PLANTED)
    folder = tmp_path_factory.mktemp("teacher") / "ckpt"
    Checkpoint(model=model, spec=spec).save(folder)
    return folder


def test_rollout_equals_the_product_of_attention_and_residual_paths() -> None:
    generator = torch.Generator().manual_seed(0)
    attention = [torch.randn(2, 3, 5, 5, generator=generator).softmax(-1) for _ in range(4)]
    shares = rollout(attention)
    torch.testing.assert_close(shares.sum(-1), torch.ones(2, 5))
    # Computed by hand for one clip of the batch; the last block multiplies from the left.
    expected = np.eye(5)
    for weights in attention:
        expected = (0.5 * weights[1].mean(0).numpy() + 0.5 * np.eye(5)) @ expected
    np.testing.assert_allclose(shares[1].numpy(), expected, atol=1e-6)


def test_rollout_follows_a_planted_path_through_two_blocks() -> None:
    """In the second block the class token attends to patch 5, which attended to patch 2 in the first."""
    first, second = torch.eye(7).repeat(1, 2, 1, 1), torch.eye(7).repeat(1, 2, 1, 1)
    first[0, :, 6] = torch.eye(7)[3]
    second[0, :, 0] = torch.eye(7)[6]
    grid = patches_to_class(rollout([first, second]), (2, 3))
    np.testing.assert_allclose(grid[0].numpy(), [[0, 0, 0.25], [0, 0, 0.25]], atol=1e-7)
    none = patches_to_class(rollout([second, first]), (2, 3))
    np.testing.assert_allclose(none[0].numpy(), [[0, 0, 0], [0, 0, 0.5]], atol=1e-7)


def test_explain_planted_patch_has_the_largest_share(checkpoint: Path, song: Path) -> None:
    loaded = Checkpoint.load(checkpoint)
    found = explain(loaded, song)
    assert found.rollout.shape == (14, 14)
    assert np.unravel_index(found.rollout.argmax(), (14, 14)) == PLANTED
    assert 0 < found.rollout.sum() < 1
    alone = explain(loaded, song, blocks=[0])
    assert alone.blocks == (0,)
    assert alone.rollout[PLANTED] == pytest.approx(0.5, abs=1e-3)
    others = explain(loaded, song, blocks=[2, 1])
    assert others.blocks == (1, 2)
    assert others.rollout[PLANTED] < 2 * others.rollout.mean()
    assert (found.valence, found.arousal) == (others.valence, others.arousal)


def test_explain_gives_the_predictions_for_that_clip_and_the_tone_is_at_its_band(checkpoint: Path, song: Path) -> None:
    from sentio_mobile.audio.decode import decode, fit_length
    from sentio_mobile.audio.image import clip_to_input

    loaded = Checkpoint.load(checkpoint)
    found = explain(loaded, song, start=5.0)
    clip = fit_length(decode(song, RATE, 5.0, 30.0), loaded.spec.audio)
    with torch.no_grad():
        prediction = loaded.model(torch.from_numpy(clip_to_input(clip, loaded.spec)))[0]
    assert [found.valence, found.arousal] == pytest.approx(prediction.tolist(), abs=1e-6)
    heights = band_of(np.array([440.0, 15.0, 9000.0]), loaded.spec.audio)
    assert int(heights[0]) == found.levels.mean(axis=1).argmax()
    assert np.isnan(heights[1:]).all()


def test_explain_command_writes_chart_and_json(checkpoint: Path, song: Path, tmp_path: Path) -> None:
    arguments = ["teacher", "explain", str(checkpoint), str(song)]
    for ending, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        result = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / f"a{ending}")])
        assert result.exit_code == 0, result.output
        assert (tmp_path / f"a{ending}").read_bytes().startswith(start)
    drawn = (tmp_path / "a.svg").read_text()
    for word in ("tone $x$.wav", "valence", "blocks 0 to 2", "time (s)", "4,000", "frequency (Hz, mel scale)"):
        assert word in drawn
    result = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path / "b.png"), "--json", "--blocks", "0"])
    record = json.loads(result.stdout)
    assert record["blocks"] == [0]
    assert np.argmax(record["rollout"]) == PLANTED[0] * 14 + PLANTED[1]
    assert record["patch_seconds"] == pytest.approx(30 / 14)
    assert (tmp_path / "b.png").read_bytes() != (tmp_path / "a.png").read_bytes()


def test_explain_student_checkpoint(song: Path, tmp_path: Path) -> None:
    settings = MobileViTSettings(
        stem_widths=(8, 16, 32), layers=1, heads=1, head_width=8, width=64, mlp_width=64, output_width=8
    )
    spec = spec_of(settings, AudioSpec())
    Checkpoint(model=build(spec).eval(), spec=spec).save(tmp_path / "student")
    result = CliRunner().invoke(
        main, ["teacher", "explain", str(tmp_path / "student"), str(song), "--out", str(tmp_path / "a.png"), "--json"]
    )
    assert result.exit_code == 0, result.output
    assert np.sum(json.loads(result.stdout)["rollout"]) == pytest.approx(1 - 0.5 - 0.5 / 197, abs=0.05)


def test_explain_invalid_arguments_are_refused_in_one_line(checkpoint: Path, song: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.png"

    def refused(*arguments: object) -> str:
        result = CliRunner().invoke(main, ["teacher", "explain", *map(str, arguments)])
        assert result.exit_code == 2
        assert isinstance(result.exception, SystemExit)
        assert len(result.stderr.splitlines()) == 1
        assert not list(tmp_path.iterdir())
        return result.stderr

    assert "no block 7; the model has 3" in refused(checkpoint, song, "--out", out, "--blocks", "0,7")
    assert "not 'last'" in refused(checkpoint, song, "--out", out, "--blocks", "last")
    assert "cannot start at -1.0 s" in refused(checkpoint, song, "--out", out, "--start", "-1")
    assert "cannot start at nan s" in refused(checkpoint, song, "--out", out, "--start", "nan")
    assert "shorter, start earlier" in refused(checkpoint, song, "--out", out, "--start", "99")
    assert "unknown file type" in refused(checkpoint, song, "--out", tmp_path / "out.gif")
    assert "is no checkpoint" in refused(tmp_path, song, "--out", out)
    assert "no such audio file" in refused(checkpoint, tmp_path / "none.mp3", "--out", out)
    with pytest.raises(InputError, match="no block is chosen"):
        explain(Checkpoint.load(checkpoint), song, blocks=[])
    with pytest.raises(AudioError):
        explain(Checkpoint.load(checkpoint), tmp_path / "none.mp3")
