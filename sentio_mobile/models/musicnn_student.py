"""musicnn as a student: the network of the encoder behind our own front end, with a linear head.

musicnn (Pons & Serra 2019) hears patches of 3 s of its own log-mel: 16 kHz, 96 bands, log10(1 + 10,000 x power). Here
patches are cut from our image instead and brought to that form by two constant matrices and a logarithm, so that apps
need one front end for all students. The windows of our spectrum are three times as long, which blurs onsets; what the
network makes of music stays nearly the same.

Only the channels of musicnn that say something are kept, each in a unit of its own, so that 8-bit numbers have the
range of what is heard (see `sentio_mobile.models.musicnn_weights`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sentio_mobile.audio.logmel import mel_edges
from sentio_mobile.errors import InputError
from sentio_mobile.models.capture import CapturedMap
from sentio_mobile.models.config import MusicnnSettings
from sentio_mobile.models.encoders.musicnn import (
    FRAMES,
    HOP,
    MELS,
    MIDDLE,
    SAMPLE_RATE,
    SIZE,
    TEMPORAL_FRAMES,
    TIMBRAL_BANDS,
)
from sentio_mobile.spec import IMAGE_MEAN, IMAGE_SD, OUTPUTS, AudioSpec

PATCH_SECONDS = FRAMES * HOP / SAMPLE_RATE
"""Length of a patch."""

COMPRESSION = 10_000.0
"""musicnn's log-mel is log10(1 + COMPRESSION x mel power)."""

LENGTHS = tuple(length + 1 - length % 2 for length in TEMPORAL_FRAMES)
"""Temporal filters have an even number of frames. Here one more, of weight 0, makes their padding symmetric."""

_DECIBEL = math.log(10) / 10


class ToFrames(nn.Module):
    """A convolution over bands and frames, and its maximum over bands, which leaves one row."""

    def __init__(self, bands: int, frames: int, width: int) -> None:
        super().__init__()
        # With channels last, torch needs a quarter of the time for a kernel of one input channel.
        self.conv = nn.Conv2d(1, width, (bands, frames), padding=(0, frames // 2)).to(memory_format=torch.channels_last)
        self.shift = nn.Parameter(torch.zeros(width, 1, 1))

    def forward(self, patches: torch.Tensor) -> torch.Tensor:
        """[batch, 1, 96, frames] -> [batch, width, 1, frames]."""
        return torch.relu(self.conv(patches)).amax(dim=2, keepdim=True) + self.shift


class OverFrames(nn.Module):
    """A convolution over seven frames, ReLU, shift and scale."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, (1, 7), padding=(0, 3))
        self.scale, self.shift = nn.Parameter(torch.ones(width, 1, 1)), nn.Parameter(torch.zeros(width, 1, 1))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """[batch, inputs, 1, frames] -> [batch, width, 1, frames]."""
        # Core ML's converter would make a batch norm of a product and a sum in the other order.
        return (torch.relu(self.conv(frames)) + self.shift) * self.scale


class MusicnnStudent(nn.Module):
    """musicnn on patches of our image, and valence and arousal from the mean of their embeddings.

    It has a feature map of one column a patch for what is learned by time step (see
    `sentio_mobile.models.capture.HasFeatureMap`), and a linear head that can be solved for (`HasLinearHead`).

    Args:
        settings: How much it hears of a clip.
        audio: The front end. Its image should keep the bands and frames of the log-mel: what a resize blurs is lost.

    Raises:
        InputError: The front end normalizes by clip, or its clips are shorter than the patches.
    """

    head_layers: ClassVar[tuple[str, ...]] = (
        *(f"front.{number}.conv" for number in range(len(TIMBRAL_BANDS) + len(LENGTHS))),
        *("middle.0.conv", "middle.1.conv", "middle.2.conv", "past.0", "past.1", "output"),
    )
    """All layers but the dense one, which has most of the weights. Filters of one input channel are slower in 8 bits,
    and behind them an impulse, or silence, leaves the ranges that music has."""

    to_bands: torch.Tensor
    to_frames: torch.Tensor

    def __init__(self, settings: MusicnnSettings, audio: AudioSpec) -> None:
        super().__init__()
        _check(settings, audio)
        self.settings = settings
        width = audio.image_size[1]
        over_time = _frames_of_columns(width, audio.seconds)
        self.columns = over_time.shape[0]
        room = width / settings.patches
        self.starts = [
            min(max(0, round((number + 0.5) * room - self.columns / 2)), width - self.columns)
            for number in range(settings.patches)
        ]
        self.register_buffer("to_frames", torch.from_numpy(over_time), persistent=False)
        self.register_buffer("to_bands", torch.from_numpy(_bands_of_rows(audio)), persistent=False)
        # An image cell x is x * span dB above the floor, and its power 10^(dB / 10).
        span = -audio.floor_db
        self.slope = span * _DECIBEL * IMAGE_SD[0]
        self.offset = math.log(COMPRESSION) + _DECIBEL * (settings.loudest_db - span + span * IMAGE_MEAN[0])
        self.input_scale, self.input_shift = nn.Parameter(torch.ones(1)), nn.Parameter(torch.zeros(1))
        kernels = [(bands, 7) for bands in TIMBRAL_BANDS] + [(1, length) for length in LENGTHS]
        self.front = nn.ModuleList(
            ToFrames(*kernel, width) for kernel, width in zip(kernels, settings.filters, strict=True)
        )
        front, middle = sum(settings.filters), settings.middle
        self.middle = nn.ModuleList(
            OverFrames(inputs, outputs) for inputs, outputs in ((front, middle), (middle, MIDDLE), (MIDDLE, MIDDLE))
        )
        # What a layer of the middle adds itself to, brought to that layer's units.
        self.past = nn.ModuleList(nn.Conv2d(inputs, MIDDLE, 1, bias=False) for inputs in (middle, MIDDLE))
        pooled = 2 * (front + middle + 2 * MIDDLE)
        self.pooled_scale, self.pooled_shift = nn.Parameter(torch.ones(pooled)), nn.Parameter(torch.zeros(pooled))
        self.dense = nn.Linear(pooled, SIZE)
        self.output = nn.Linear(SIZE, len(OUTPUTS))

    @property
    def map_width(self) -> int:
        """Channels of the feature map: the numbers of an embedding."""
        return SIZE

    @property
    def pooled_width(self) -> int:
        """Numbers of the vector that the head reads."""
        return SIZE

    @property
    def linear_head(self) -> nn.Linear:
        """The layer that reads that vector."""
        return self.output

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 3, height, width] -> valence and arousal [batch, 2] in (-1, 1)."""
        return self._readout(self._embeddings(image).mean(dim=1))

    def capture_map(self, image: torch.Tensor) -> CapturedMap:
        """[batch, 3, height, width] -> the predictions, and what they were made from. Gradients flow through all."""
        embeddings = self._embeddings(image)
        pooled = embeddings.mean(dim=1)
        return CapturedMap(output=self._readout(pooled), features=embeddings.transpose(1, 2)[:, :, None], pooled=pooled)

    def patches(self, image: torch.Tensor, numbers: Sequence[int] | None = None) -> torch.Tensor:
        """Cut an image [batch, 3, height, width] into musicnn's log-mels [batch, patches, 96, 187].

        Args:
            image: The image.
            numbers: Which patches to cut; None cuts them all.
        """
        one = image[:, :1]
        starts = self.starts if numbers is None else [self.starts[number] for number in numbers]
        cut = torch.cat([one[..., start : start + self.columns] for start in starts], dim=1)
        levels = torch.matmul(self.to_bands, torch.matmul(cut, self.to_frames))
        return _log_of_one_plus_exp(levels * self.slope + self.offset) / math.log(10)

    def embed(self, patches: torch.Tensor) -> torch.Tensor:
        """musicnn's log-mels [batch, 96, 187] -> embeddings [batch, 200]."""
        levels = patches[:, None] * self.input_scale + self.input_shift
        front = torch.cat([layer(levels) for layer in self.front], dim=1)
        first = self.middle[0](front)
        second = self.middle[1](first) + self.past[0](first)
        third = self.middle[2](second) + self.past[1](second)
        everything = torch.cat([front, first, second, third], dim=1)
        # The dense layer's inputs are the maximum and the mean of each channel over the patch.
        pooled = torch.cat([everything.amax(dim=3), everything.mean(dim=3)], dim=1).flatten(1)
        return torch.relu(self.dense((pooled + self.pooled_shift) * self.pooled_scale))

    def _embeddings(self, image: torch.Tensor) -> torch.Tensor:
        patches = self.patches(image)
        return self.embed(patches.flatten(0, 1)).reshape(-1, self.settings.patches, SIZE)

    def _readout(self, pooled: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.output(pooled))


def _log_of_one_plus_exp(x: torch.Tensor) -> torch.Tensor:
    """Softplus in operations that all formats have, and without powers that 16 bits cannot hold."""
    positive = torch.relu(x)
    size = positive + torch.relu(-x)
    return positive - torch.log(0.5 + 0.5 * torch.tanh(size / 2))


def _check(settings: MusicnnSettings, audio: AudioSpec) -> None:
    if audio.normalization != "db80":
        raise InputError(
            f"musicnn needs levels, which the normalization {audio.normalization!r} takes away; prepare the songs with "
            "db80"
        )
    if audio.seconds < PATCH_SECONDS * settings.patches:
        raise InputError(
            f"clips of {audio.seconds:g} s do not hold {settings.patches} patches of {PATCH_SECONDS:g} s; lower patches"
        )


def _bands_of_rows(audio: AudioSpec) -> NDArray[np.float32]:
    """Matrix [96, rows] that interpolates musicnn's mel bands from the rows of an image, linearly."""
    rows = audio.image_size[0]
    ours = mel_edges(audio.n_mels, audio.f_min, audio.f_max)[1:-1]
    # Centres of the image's rows, in bands of the log-mel: those of a resize without aligned corners.
    places = (np.arange(rows) + 0.5) * audio.n_mels / rows - 0.5
    centres = np.interp(places, np.arange(audio.n_mels), ours)
    return _interpolation(mel_edges(MELS, 0.0, SAMPLE_RATE / 2)[1:-1], centres)


def _frames_of_columns(width: int, seconds: float) -> NDArray[np.float32]:
    """Matrix [columns, 187] that interpolates the frames of a patch from the columns that it spans, linearly."""
    places = np.arange(FRAMES) * HOP / SAMPLE_RATE * width / seconds
    columns = min(math.ceil(places[-1]) + 1, width)
    return np.ascontiguousarray(_interpolation(places, np.arange(columns)).T)


def _interpolation(wanted: NDArray[np.floating], known: NDArray[np.floating]) -> NDArray[np.float32]:
    """Matrix [wanted, known] of linear interpolation; what lies outside has the value at the end."""
    return np.stack([np.interp(wanted, known, row) for row in np.eye(len(known))], axis=1).astype(np.float32)
