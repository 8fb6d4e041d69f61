"""An AST takes a spectrogram as an image of one channel; ours are three equal channels. The weights are adapted."""

from __future__ import annotations

import torch

from sentio_mobile.spec import IMAGE_MEAN, IMAGE_SD, AudioSpec
from sentio_mobile.teacher.import_weights.config_json import SpectrogramSize

INPUT_SD = 0.5
"""Standard deviation of the spectrograms that an AST is trained on, whose mean is 0 (Gong et al. 2021, section 3.1)."""

SAMPLE_RATE = 16_000
"""PCM samples per second of the sound that ASTs are trained on."""

HOP = 160
"""PCM samples from one frame of an AST to the next: 10 ms."""


def spread_over_channels(weight: torch.Tensor, bias: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weights for three channels that compute the same of our image as those of one compute of an AST's spectrogram.

    Our image has the channels (x - mean) / sd, where x is a log-mel of mean 0 and deviation 1, `zscore`. An AST's
    spectrogram is x * `INPUT_SD`.

    Args:
        weight: Patch projection [width, 1, patch, patch].
        bias: Its bias [width].

    Returns:
        `conv_proj.weight` [width, 3, patch, patch] and `conv_proj.bias` [width].
    """
    mean, sd = torch.tensor(IMAGE_MEAN), torch.tensor(IMAGE_SD)
    part = weight * (INPUT_SD / len(IMAGE_MEAN))
    return {
        "conv_proj.weight": part * sd.view(1, -1, 1, 1),
        "conv_proj.bias": bias + part.sum(dim=(1, 2, 3)) * mean.sum(),
    }


def front_end(spectrogram: SpectrogramSize) -> AudioSpec:
    """The front end that is nearest to an AST's: its sample rate, bands, frames and normalization, and our log-mel.

    A frame is 40 ms long, and not 25, so that the front end can be part of an exported model.
    """
    return AudioSpec(
        sample_rate=SAMPLE_RATE,
        seconds=round((spectrogram.frames - 1) * HOP / SAMPLE_RATE, 2),
        n_fft=4 * HOP,
        hop_length=HOP,
        n_mels=spectrogram.bands,
        f_min=SAMPLE_RATE / (4 * HOP),
        f_max=SAMPLE_RATE / 2,
        normalization="zscore",
        image_size=(spectrogram.bands, spectrogram.frames),
    )
