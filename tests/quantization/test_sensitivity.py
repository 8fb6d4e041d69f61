"""The sensitivity of each layer to rounding is found where it was planted, and nowhere else."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

from sentio_mobile._internal.resources import ROOT
from sentio_mobile.cli import main
from sentio_mobile.data.prepared import PreparedData
from sentio_mobile.quantization.activation_ranges import measure_ranges
from sentio_mobile.quantization.calibration import Calibration
from sentio_mobile.quantization.layer_choice import quantizable_layers
from sentio_mobile.quantization.sensitivity import OutputChange, output_change, rank_layers
from sentio_mobile.spec import AudioSpec, ModelSpec

SPEC = ModelSpec(architecture="mobilevit", settings={}, audio=AudioSpec(image_size=(8, 8)))
LINEARS = ("1", "3", "5", "7")


@pytest.fixture
def network() -> Callable[[], nn.Sequential]:
    """Make four linear maps with a tanh after each, the same ones at each call."""

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
    return Calibration(np.random.default_rng(0).random((12, 8, 8)).astype(np.float32))


@pytest.mark.parametrize("planted", LINEARS[:-1])
def test_rank_layers_planted_outlier(
    planted: str, network: Callable[[], nn.Sequential], calibration: Calibration
) -> None:
    model = network()
    before = {one.layer: one.change.rms for one in rank_layers(model, SPEC, calibration).layers}
    layer = model.get_submodule(planted)
    assert isinstance(layer, nn.Linear)
    with torch.no_grad():
        # One channel takes the whole range; the tanh after it hides that from the next layer.
        layer.weight[3] *= 200
    first, second = rank_layers(model, SPEC, calibration).layers[:2]
    assert first.layer == planted
    assert first.change.rms > 10 * before[planted]
    assert first.change.rms > 5 * second.change.rms


def test_rank_layers_repeated(network: Callable[[], nn.Sequential], calibration: Calibration) -> None:
    model = network()
    ranking = rank_layers(model, SPEC, calibration)
    assert rank_layers(model, SPEC, calibration) == ranking
    assert sorted(one.layer for one in ranking.layers) == sorted(LINEARS)
    changes = [one.change.rms for one in ranking.layers]
    assert changes == sorted(changes, reverse=True)
    assert 0 < changes[-1] <= changes[0] <= ranking.all_layers.rms * 1.5
    assert all(one.change.max >= one.change.rms for one in ranking.layers)
    for name, parameter in network().named_parameters():
        assert torch.equal(parameter, model.get_parameter(name)), "the network must stay as it was"
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())


def test_output_change_no_layers(network: Callable[[], nn.Sequential], calibration: Calibration) -> None:
    model, images = network(), torch.from_numpy(np.concatenate(list(calibration.inputs(SPEC))))
    with torch.no_grad():
        ranges = measure_ranges(model, quantizable_layers(model), images)
        change = output_change(model, images, predictions=model(images), layers=[], ranges=ranges)
    assert change == OutputChange(rms=0.0, max=0.0)


def test_export_sensitivity_command(data: PreparedData, tmp_path: Path) -> None:
    out, student = tmp_path / "ranking", ROOT / "export" / "golden" / "student"
    command = ["export", "--checkpoint", str(student), "--sensitivity", "--out", str(out)]
    result = CliRunner(env={"COLUMNS": "160"}).invoke(main, command)
    assert result.exit_code == 2
    assert "--sensitivity measures ranges on songs" in result.output
    result = CliRunner(env={"COLUMNS": "160"}).invoke(main, [*command, "--data", str(data.folder)])
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in out.iterdir()) == ["sensitivity.json", "sensitivity.png"]
    record = json.loads((out / "sensitivity.json").read_text())
    names = [row["layer"] for row in record["layers"]]
    assert len(names) == 17
    assert {"stem.layers.0", "blocks.0.attention.qkv", "blocks.1.down", "output"} < set(names)
    shown = [line.split()[1] for line in result.output.splitlines() if "Linear" in line or "Conv2d" in line]
    assert shown == names
    assert record["clips"] == record["origin"]["clips"] == 16
    assert record["all_layers"]["max"] > 0
