"""Activation ranges are those that a runtime would measure."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from sentio_mobile.quantization.activation_ranges import measure_ranges
from sentio_mobile.quantization.layer_choice import quantizable_layers


@pytest.mark.parametrize("relu", [nn.ReLU(), torch.relu, nn.functional.relu])
def test_measure_ranges_layer_before_relu(relu: Callable[[torch.Tensor], torch.Tensor]) -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.second(relu(self.first(x)))

    torch.manual_seed(0)
    model, inputs = Two(), torch.randn(20, 8)
    ranges = measure_ranges(model, quantizable_layers(model), inputs)
    assert ranges[model.first].input == (float(inputs.min()), float(inputs.max()))
    assert ranges[model.first].output.low == 0 < ranges[model.first].output.high
    assert ranges[model.second].output.low < 0
