"""What a caller must know to feed a model and read its predictions: records, readable as JSON.

Every stage writes its spec beside its output, so that the next stage, another project or an app needs nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from sentio_mobile._internal.records import Count, Name, Record, Seed, Sha256, Size, Text, from_plain, replace, to_plain
from sentio_mobile.errors import RecordError

OUTPUTS: tuple[str, str] = ("valence", "arousal")
"""The two outputs of every model, always in this order, each in [-1, 1]."""

IMAGE_MEAN: tuple[float, float, float] = (0.485, 0.456, 0.406)
IMAGE_SD: tuple[float, float, float] = (0.229, 0.224, 0.225)
"""ImageNet's channel statistics, which pretrained vision transformers expect."""

Precision = Literal["fp32", "fp16", "int8-dynamic", "int8", "int8-full"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8-dynamic", "int8", "int8-full")
"""The number formats of an artifact's weights and activations.

- fp32, fp16: weights in 32 or 16 bits.
- int8-dynamic: 8-bit weights; each activation is rounded to 8 bits by its range at that moment.
- int8: 8-bit weights; activations are rounded by ranges measured on songs, wherever a runtime is faster for it. The
  rest is computed in floating point. Core ML has 8-bit weights only under this name.
- int8-full: no floating point at all, input and output included, and 16-bit sums: for processors without it.
"""

Form = Literal["spectrogram", "waveform"]
FORMS: tuple[Form, ...] = ("spectrogram", "waveform")
"""The input of a model: the image of a log-mel, or PCM, with the front end as part of the graph."""

ShortClip = Literal["silence", "loop"]
"""How a clip that is too short is filled up: by silence, or by repeating it."""

ImageSide = Annotated[int, Meta(ge=1, le=2048)]
"""Height or width of an image, in pixels."""

Scalar = (
    Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | Annotated[float, Meta(ge=-1e300, le=1e300)]
    | Annotated[str, Meta(max_length=4096)]
)
Setting = (
    bool
    | Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | Annotated[float, Meta(ge=-1e300, le=1e300)]
    | Annotated[str, Meta(max_length=4096)]
    | Annotated[tuple[Scalar, ...], Meta(max_length=64)]
)
"""A value of an architecture's settings, as JSON has it."""

SplitName = Literal["train", "val", "test", "unlabelled"]
"""The sets that prepared songs are split into."""

HalfWidth = Annotated[float, Meta(ge=0, le=2)]
MinusOne = Annotated[float, Meta(ge=-1, le=-1)]
One = Annotated[float, Meta(ge=1, le=1)]
Channel = Annotated[float, Meta(ge=0, le=1)]
Deviation = Annotated[float, Meta(gt=0, le=1)]

Settings = Annotated[dict[Name, Setting], Meta(max_length=64)]
"""An architecture's settings as plain values."""

MAX_SAMPLES = 2**25
"""PCM samples of the longest clip: 128 MiB as float32."""

MAX_CELLS = 2**25
"""Cells of the largest log-mel: 128 MiB as float32."""


class AudioSpec(Record, frozen=True, kw_only=True):
    """The front end: from PCM to the image that a model takes in.

    Levels of the log-mel are decibels relative to the loudest cell of the clip, from `floor_db` to 0.
    """

    sample_rate: Annotated[int, Meta(ge=1000, le=384_000)] = 22050  # PCM samples per second, mono
    seconds: Annotated[float, Meta(gt=0, le=600)] = 30.0  # length of a clip
    n_fft: Annotated[int, Meta(ge=16, le=65_536)] = 2048  # samples of an FFT window
    hop_length: Annotated[int, Meta(ge=1, le=65_536)] = 512  # samples from one frame to the next
    n_mels: Annotated[int, Meta(ge=1, le=512)] = 128  # mel bands
    f_min: Annotated[float, Meta(ge=0, le=192_000)] = 20.0  # lower end of the lowest mel band, in Hz
    f_max: Annotated[float, Meta(gt=0, le=192_000)] = 8000.0  # upper end of the highest mel band, in Hz
    floor_db: Annotated[float, Meta(ge=-200, le=-1)] = -80.0  # lowest level of the log-mel, in dB
    # db80: (dB - floor_db) / -floor_db, in [0, 1]; zscore: zero mean and unit standard deviation per clip
    normalization: Literal["db80", "zscore"] = "db80"
    short_clip: ShortClip = "silence"  # how a clip that is too short is filled up
    image_size: tuple[ImageSide, ImageSide] = (224, 224)  # height and width of the image, in pixels

    def check(self) -> None:
        """Windows must fit into the clip, and bands below half of the sample rate."""
        if not self.f_min < self.f_max:
            raise RecordError(f"f_min must be below f_max, {self.f_max:g} Hz, not {self.f_min:g}")
        if self.f_max > self.sample_rate / 2:
            raise RecordError(
                f"f_max must be at most half of sample_rate, {self.sample_rate / 2:g}, not {self.f_max:g}"
            )
        if self.hop_length > self.n_fft:
            raise RecordError(f"hop_length must be at most n_fft, {self.n_fft}, not {self.hop_length}")
        if not self.n_fft // 2 < self.n_samples <= MAX_SAMPLES:
            raise RecordError(
                f"seconds must give more than {self.n_fft // 2} samples (half of n_fft) and at most {MAX_SAMPLES:,}, "
                f"not {self.n_samples:,}"
            )
        if self.n_mels * self.n_frames > MAX_CELLS:
            raise RecordError(
                f"hop_length must give a log-mel of at most {MAX_CELLS:,} cells, not {self.n_mels * self.n_frames:,}"
            )

    @property
    def n_samples(self) -> int:
        """PCM samples in a clip."""
        return round(self.sample_rate * self.seconds)

    @property
    def n_frames(self) -> int:
        """Spectrogram frames in a clip (centred frames)."""
        return 1 + self.n_samples // self.hop_length

    @property
    def log_mel(self) -> dict[str, Setting]:
        """The fields that a log-mel in decibels depends on; normalization and resizing come after it."""
        values: dict[str, Setting] = to_plain(self)
        return {name: value for name, value in values.items() if name not in ("normalization", "image_size")}

    def to_dict(self) -> dict[str, object]:
        """The spec as plain JSON values."""
        return dict(to_plain(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> AudioSpec:
        """Read what `to_dict` wrote.

        Raises:
            InputError: A field is missing or unknown, or its value is of another type or out of range.
        """
        return from_plain(cls, values, "AudioSpec", complete=True)


class Uncertainty(Record, frozen=True):
    """How far a prediction may be off: the true value is within `half_width` of it with probability `coverage`."""

    coverage: Annotated[float, Meta(gt=0, lt=1)]  # probability, for each output by itself, in the mean over songs
    half_width: tuple[HalfWidth, HalfWidth]  # half widths of valence's and arousal's intervals
    songs: Count  # songs that it was measured on


class ModelSpec(Record, frozen=True, kw_only=True):
    """One model: its architecture, its input, its output.

    In the form `spectrogram` the input is float32 [1, 3, height, width], `image_size`: three equal channels of the
    normalized log-mel image, then (x - image_mean) / image_sd. In the form `waveform` it is float32 PCM
    [1, n_samples], full scale at -1 and 1. The input is named after the form. The output `output_name` is float32
    [1, 2] in [-1, 1], ordered as `outputs`.
    """

    architecture: Name  # a name that the registry knows
    settings: Settings = msgspec.field(default_factory=dict)  # the architecture's settings, as plain values
    audio: AudioSpec = AudioSpec()  # the front end
    form: Form = "spectrogram"  # what the model takes in
    output_name: Name = "emotion"  # name of the output
    outputs: tuple[Literal["valence"], Literal["arousal"]] = ("valence", "arousal")  # order of the outputs
    output_range: tuple[MinusOne, One] = (-1.0, 1.0)  # range of each output
    image_mean: tuple[Channel, Channel, Channel] = IMAGE_MEAN  # mean of each channel
    image_sd: tuple[Deviation, Deviation, Deviation] = IMAGE_SD  # standard deviation of each channel
    uncertainty: Uncertainty | None = None  # how far predictions may be off; None where it was not measured
    pooling: Literal["mean"] | None = None  # prediction for a song: that of one clip, or "mean" over all its clips

    @property
    def input_name(self) -> str:
        """Name of the one input."""
        return self.form

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the one input."""
        if self.form == "waveform":
            return (1, self.audio.n_samples)
        return (1, 3, *self.audio.image_size)

    def in_form(self, form: Form) -> ModelSpec:
        """The same model with another form of input."""
        return replace(self, form=form)

    def to_dict(self) -> dict[str, object]:
        """The spec as plain JSON values."""
        return dict(to_plain(self))

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> ModelSpec:
        """Read what `to_dict` wrote.

        Raises:
            InputError: A field is missing or unknown, or its value is of another type or out of range.
        """
        return from_plain(cls, values, "ModelSpec", complete=True)


class DataOrigin(Record, frozen=True, kw_only=True):
    """The songs that a model was trained on, as its checkpoint states them."""

    # where the labels come from; "tags" for norms of words, and "classes" for sounds in class folders
    labels: Literal["rated", "generated", "tags", "none", "classes"]
    source: Text  # name of the folder or the CSV that was prepared
    fingerprint: Sha256  # hash of songs, splits, labels and clips
    songs: dict[SplitName, Size] = msgspec.field(default_factory=dict)  # number of songs in each split
    split_seed: Seed | None = None  # random seed of the split; None where the splits were given


@dataclass(frozen=True)
class Artifact:
    """One exported model on disk: a file, or for Core ML a folder."""

    format: str
    precision: Precision
    form: Form
    path: Path

    @property
    def label(self) -> str:
        """The name that tables and messages give it, such as `onnx waveform fp32`."""
        return f"{self.format} {self.form} {self.precision}"
