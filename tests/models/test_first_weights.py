"""First weights: what is written is found by architecture and widths, and positions fit another image size."""

import json
from pathlib import Path

import pytest
import torch

from sentio_mobile._internal.records import replace
from sentio_mobile.errors import CheckpointError, InputError, OutputError
from sentio_mobile.models import first_weights
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.models.config import MobileViTSettings
from sentio_mobile.models.first_weights import (
    first_weights_for,
    interpolate_positions,
    load_first_weights,
    weights_of_checkpoint,
    write_first_weights,
)
from sentio_mobile.models.registry import build, spec_of
from sentio_mobile.spec import AudioSpec, ModelSpec

TINY = MobileViTSettings(stem_widths=(4, 8), layers=1, heads=2, head_width=4, width=16, mlp_width=16, output_width=8)
AUDIO = AudioSpec(image_size=(32, 48))
SPEC = spec_of(TINY, AUDIO)


def checkpoint(spec: ModelSpec = SPEC, seed: int = 1) -> Checkpoint:
    torch.manual_seed(seed)
    return Checkpoint(model=build(spec).eval(), spec=spec)


def write(folder: Path, one: Checkpoint, name: str = "tiny") -> None:
    write_first_weights(folder, one, name=name, trained_on="noise", licence="CC0-1.0")


def test_first_weights_written_and_found_whatever_training_alone_needs(tmp_path: Path) -> None:
    made = checkpoint()
    write(tmp_path, made)
    found = first_weights_for(spec_of(replace(TINY, patch_keep=3), AUDIO), tmp_path)
    assert found is not None
    assert found.name == "tiny"
    assert found.state["stem.layers.0.0.weight"].dtype == torch.float16
    model = checkpoint(seed=2).model
    loaded = load_first_weights(model, found)
    assert (loaded.interpolated, loaded.random) == ((), ())
    image = torch.randn(2, 3, 32, 48)
    torch.testing.assert_close(model(image), made.model(image), atol=2e-3, rtol=0)


@pytest.mark.parametrize(
    "other",
    [
        spec_of(replace(TINY, width=24), AUDIO),
        spec_of(replace(TINY, activation="gelu"), AUDIO),
        spec_of(TINY, replace(AUDIO, normalization="zscore")),
        spec_of(TINY, replace(AUDIO, f_min=30.0)),
    ],
)
def test_first_weights_of_another_network_are_not_found(other: ModelSpec, tmp_path: Path) -> None:
    write(tmp_path, checkpoint())
    assert first_weights_for(other, tmp_path) is None
    assert first_weights_for(SPEC, tmp_path / "none") is None


def test_first_weights_for_another_image_size_have_interpolated_positions(tmp_path: Path) -> None:
    made = checkpoint()
    write(tmp_path, made)
    wide = spec_of(TINY, replace(AUDIO, image_size=(64, 48)))
    found = first_weights_for(wide, tmp_path)
    assert found is not None
    model = build(wide)
    loaded = load_first_weights(model, found)
    assert loaded.interpolated == ("position",)
    assert model.grid == (8, 6)
    torch.testing.assert_close(model.position[:, 0], made.model.position[:, 0], atol=1e-3, rtol=0)
    # The image's own size comes before another one.
    write(tmp_path, checkpoint(wide, seed=3), "wide")
    assert first_weights_for(wide, tmp_path).name == "wide"


def test_interpolated_positions_of_a_slope_are_a_slope() -> None:
    slope = torch.arange(4.0)[:, None].expand(4, 3).reshape(1, 12, 1)
    positions = torch.cat([torch.full((1, 1, 1), 9.0), slope], dim=1)
    found = interpolate_positions(positions, (4, 3), (8, 3))
    assert found.shape == (1, 25, 1)
    assert found[0, 0, 0] == 9
    rows = found[0, 1:, 0].reshape(8, 3)
    torch.testing.assert_close(rows[2:6, 0], torch.tensor([0.75, 1.25, 1.75, 2.25]), atol=0.1, rtol=0)
    assert torch.equal(rows[:, 0], rows[:, 2])


def test_first_weights_without_the_head_leave_it_random(tmp_path: Path) -> None:
    made, model = checkpoint(), checkpoint(seed=2).model
    before = model.output.weight.clone()
    loaded = load_first_weights(model, weights_of_checkpoint("made", made), head=False)
    assert loaded.random == ("hidden.weight", "hidden.bias", "output.weight", "output.bias")
    assert torch.equal(model.output.weight, before)
    assert torch.equal(model.class_token, made.model.class_token)


def test_first_weights_damaged(tmp_path: Path) -> None:
    write(tmp_path, checkpoint())
    path = tmp_path / "tiny.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match=r"tiny\.safetensors is truncated or changed"):
        first_weights_for(SPEC, tmp_path)
    path.unlink()
    with pytest.raises(CheckpointError, match=r"cannot read .*install sentio-mobile again"):
        first_weights_for(SPEC, tmp_path)
    sheet = json.loads((tmp_path / "tiny.json").read_text())
    (tmp_path / "tiny.json").write_text(json.dumps({**sheet, "licence": ""}))
    with pytest.raises(CheckpointError, match=r"tiny\.json: licence"):
        first_weights_for(SPEC, tmp_path)


def test_first_weights_that_do_not_fit_are_refused() -> None:
    weights = weights_of_checkpoint("made", checkpoint())
    with pytest.raises(CheckpointError, match=r"'made' do not fit the network: 'blocks\.1"):
        load_first_weights(build(spec_of(replace(TINY, layers=2), AUDIO)), weights)
    with pytest.raises(CheckpointError, match=r"'made' have 'class_token' of the shape \[1, 1, 16\]"):
        load_first_weights(build(spec_of(replace(TINY, width=24), AUDIO)), weights)


def test_written_first_weights_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = checkpoint()
    write(tmp_path, made)
    size = (tmp_path / "tiny.safetensors").stat().st_size
    monkeypatch.setattr(first_weights, "MAX_BYTES", size)
    write(tmp_path, made)
    with pytest.raises(OutputError, match=r"would take .* more than"):
        write(tmp_path, made, "second")
    with torch.no_grad():
        made.model.hidden.weight[0, 0] = 1e6
    with pytest.raises(InputError, match=r"'hidden\.weight' is not finite, or too large for half precision"):
        write(tmp_path, made)
