"""A network in the form that an artifact is made for: alone, or with the front end before it."""

from __future__ import annotations

import torch
from torch import nn

from sentio_mobile.audio.graph import FrontEnd
from sentio_mobile.spec import ModelSpec


class Waveform(nn.Module):
    """A network with the front end before it: PCM [batch, n_samples] in, valence and arousal [batch, 2] out.

    Formats that quantize a network convert the two parts one by one, because the front end must stay in 32 bits.

    Args:
        model: A network that takes the form `spectrogram`.
        spec: The model's spec.

    Raises:
        InputError: The front end of `spec` cannot be written in the operations that every format has.
    """

    def __init__(self, model: nn.Module, spec: ModelSpec) -> None:
        super().__init__()
        self.front_end, self.model = FrontEnd(spec), model

    def forward(self, pcm: torch.Tensor) -> torch.Tensor:
        """[batch, n_samples] -> [batch, 2]."""
        return self.model(self.front_end(pcm))


def in_form(model: nn.Module, spec: ModelSpec) -> nn.Module:
    """A network that takes `spec.input_shape`: `model` itself, or with the front end before it."""
    return Waveform(model, spec) if spec.form == "waveform" else model
