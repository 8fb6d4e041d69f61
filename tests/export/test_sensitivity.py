"""What rounding a layer costs is seen where it was planted, and nowhere else."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from sentio_mobile.cli import main
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.errors import InputError
from sentio_mobile.models.blocks import fold_norms
from sentio_mobile.models.checkpoint import Checkpoint
from sentio_mobile.quantization.activation_ranges import ranges_of
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import chosen_weights, layers_of
from sentio_mobile.quantization.sensitivity import change_of, rank_layers, round_activation, round_weight
from sentio_mobile.spec import AudioSpec, ModelSpec

SPEC = ModelSpec(architecture="mobilevit", settings={}, audio=AudioSpec(image_size=(8, 8)))
LINEARS = ("1", "3", "5", "7")


@pytest.fixture
def network() -> Callable[[], nn.Sequential]:
    """Makes four linear maps with a tanh after each, always the same ones."""

    def make() -> nn.Sequential:
        random = torch.Generator().manual_seed(0)
        layers: list[nn.Module] = [nn.Flatten()]
        for inputs, outputs in ((192, 32), (32, 32), (32, 32), (32, 2)):
            linear = nn.Linear(inputs, outputs)
            with torch.no_grad():
                linear.weight.copy_(torch.randn(outputs, inputs, generator=random) * inputs**-0.5)
                linear.bias.zero_()
            layers += [linear, nn.Tanh()]
        return nn.Sequential(*layers).eval()

    return make


@pytest.fixture
def calibration() -> Calibration:
    pictures = np.random.default_rng(0).random((12, 8, 8)).astype(np.float32)
    return Calibration(pictures, {"clips": 12})


def clips_of(calibration: Calibration) -> torch.Tensor:
    return torch.from_numpy(np.concatenate(list(calibration.inputs(SPEC))))


@pytest.mark.parametrize("planted", LINEARS[:-1])
def test_a_planted_outlier_is_ranked_first(
    planted: str, network: Callable[[], nn.Sequential], calibration: Calibration
) -> None:
    model = network()
    before = {cost.layer: cost.change.rms for cost in rank_layers(model, SPEC, calibration).layers}
    layer = model.get_submodule(planted)
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        # One channel takes the whole range; the tanh after it hides that from the next layer.
        layer.weight[3] *= 200
    found = rank_layers(model, SPEC, calibration)
    assert found.layers[0].layer == planted
    assert found.layers[0].change.rms > 10 * before[planted]
    assert found.layers[0].change.rms > 5 * found.layers[1].change.rms


def test_the_ranking_is_the_same_each_time(network: Callable[[], nn.Sequential], calibration: Calibration) -> None:
    model = network()
    first = rank_layers(model, SPEC, calibration)
    assert rank_layers(model, SPEC, calibration) == first
    assert sorted(cost.layer for cost in first.layers) == sorted(LINEARS)
    changes = [cost.change.rms for cost in first.layers]
    assert changes == sorted(changes, reverse=True)
    assert 0 < changes[-1] <= changes[0] <= first.together.rms * 1.5
    assert all(cost.change.largest >= cost.change.rms for cost in first.layers)
    for name, parameter in network().named_parameters():
        assert torch.equal(parameter, model.get_parameter(name)), "the network is left as it was"
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_nothing_rounded_changes_nothing(network: Callable[[], nn.Sequential], calibration: Calibration) -> None:
    model, clips = network(), clips_of(calibration)
    with torch.no_grad():
        answers, ranges = model(clips), ranges_of(model, layers_of(model), clips)
        assert change_of(model, clips, answers=answers, layers=[], ranges=ranges) == change_of(
            model, clips, answers=answers, layers=[], ranges={}
        )
        change = change_of(model, clips, answers=answers, layers=[], ranges=ranges)
    assert (change.rms, change.largest) == (0.0, 0.0)


def test_rounding_keeps_nought_and_the_largest_values() -> None:
    weight = torch.tensor([[0.0, -2.0, 1.0, 0.004], [0.0, 0.0, 0.0, 0.0]])
    rounded = round_weight(weight)
    assert rounded[0, :2].tolist() == [0.0, -2.0]
    assert rounded[1].tolist() == [0.0] * 4
    assert len(set(rounded[0].tolist())) == 3, "0.004 is under half a step of 2 / 127"
    limits = ranges_of(one := nn.Linear(4, 2), {"one": one}, weight)[one][0]
    values = round_activation(torch.tensor([-2.0, 0.0, 1.0, 9.0]), limits)
    assert values[1] == 0
    np.testing.assert_allclose(values, [-2, 0, 1, 1], atol=3 / 255)


@pytest.mark.parametrize("relu", [nn.ReLU(), torch.relu, nn.functional.relu])
def test_the_range_before_a_relu_begins_at_nought(relu: Callable[[torch.Tensor], torch.Tensor]) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(relu(self.first(x)))

    torch.manual_seed(0)
    model = Two()
    with torch.no_grad():
        ranges = ranges_of(model, layers_of(model), torch.randn(20, 8))
    assert ranges[model.first][1].low == 0 < ranges[model.first][1].high
    assert ranges[model.second][1].low < 0


def test_unknown_layers_are_told_near_ones(checkpoint: Path) -> None:
    loaded = Checkpoint.load(checkpoint)
    fold_norms(loaded.model.eval())
    assert chosen_weights(loaded.model, ("blocks.1.down",))["blocks.1.down"].shape == (64, 128)
    with pytest.raises(InputError, match=r"^the network has no layer 'blocks\.1\.dwn'; near it are blocks\.1\.down, "):
        chosen_weights(loaded.model, ("blocks.1.dwn",))


def test_the_command_writes_figures_and_a_picture(checkpoint: Path, data: PreparedData, tmp_path: Path) -> None:
    out = tmp_path / "ranked"
    given = ["export", "--checkpoint", str(checkpoint), "--sensitivity", "--out", str(out)]
    result = CliRunner(env={"COLUMNS": "160"}).invoke(main, given)
    assert result.exit_code == 2
    assert "--sensitivity measures ranges on songs" in result.output
    result = CliRunner(env={"COLUMNS": "160"}).invoke(main, [*given, "--data", str(data.folder)])
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in out.iterdir()) == ["sensitivity.json", "sensitivity.png"]
    record = json.loads((out / "sensitivity.json").read_text())
    names = [row["layer"] for row in record["layers"]]
    assert len(names) == 17
    assert {"stem.layers.0", "blocks.0.attention.qkv", "blocks.1.down", "output"} < set(names)
    shown = [line.split()[1] for line in result.output.splitlines() if "Linear" in line or "Conv2d" in line]
    assert shown == names
    assert record["clips"] == 16
    assert record["together"]["largest"] > 0
