"""What a caller must know to feed a model and read its answer: plain frozen data, readable as JSON.

Every stage writes its spec beside its output, so that the next stage, another project or an app needs nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sentio_mobile._internal.tables import read_table

OUTPUTS: tuple[str, str] = ("valence", "arousal")
"""The two answers, always in this order, each in [-1, 1]."""

IMAGE_MEAN: tuple[float, float, float] = (0.485, 0.456, 0.406)
IMAGE_SD: tuple[float, float, float] = (0.229, 0.224, 0.225)
"""ImageNet's channel statistics, which pretrained vision transformers expect."""

FORMATS: tuple[str, ...] = ("torchscript", "ptl", "onnx", "ort", "tflite", "coreml", "mlmodel")
MAIN_FORMATS: tuple[str, ...] = ("torchscript", "onnx", "tflite", "coreml")
"""One for each runtime; the others are the same model for older systems and smaller builds."""

Precision = Literal["fp32", "fp16", "int8-dynamic", "int8", "int8-full"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8-dynamic", "int8", "int8-full")
"""How an artifact keeps its weights, and how it computes.

fp32 and fp16 say how wide weights are. In `int8-dynamic` weights are 8-bit, and each activation is rounded to 8 bits by
what it holds at that moment. In `int8` activations are rounded by ranges that were measured on songs, wherever a
runtime is faster for it, and the rest computes in floating point; Core ML has 8-bit weights alone under this name. In
`int8-full` there is no floating point at all, input and output included, and sums have 16 bits: for processors that
have none.
"""

Form = Literal["spectrogram", "waveform"]
FORMS: tuple[Form, ...] = ("spectrogram", "waveform")
"""What a model is fed: the picture of a log-mel, or PCM, with the front end part of its graph."""


@dataclass(frozen=True, kw_only=True)
class AudioSpec:
    """The front end: from PCM to the picture that a model looks at.

    Log-mel levels are decibels relative to the clip's loudest mel cell, from `floor_db` to 0. `normalization` maps
    them: `db80` to [0, 1] by (dB - floor_db) / -floor_db, `zscore` to zero mean and unit standard deviation a clip.
    `image_size` is height and width of the picture; n_mels and n_frames keep the spectrogram's own shape.
    """

    sample_rate: int = 22050
    seconds: float = 30.0
    n_fft: int = 2048
    hop_length: int = 512
    n_mels: int = 128
    f_min: float = 20.0
    f_max: float = 8000.0
    floor_db: float = -80.0
    normalization: Literal["db80", "zscore"] = "db80"
    short_clip: Literal["silence", "loop"] = "silence"
    image_size: tuple[int, int] = (224, 224)

    @property
    def n_samples(self) -> int:
        """PCM samples in a clip."""
        return round(self.sample_rate * self.seconds)

    @property
    def n_frames(self) -> int:
        """Spectrogram frames in a clip (centred frames)."""
        return 1 + self.n_samples // self.hop_length

    @property
    def log_mel(self) -> dict[str, Any]:
        """The fields that a log-mel in unit levels depends on; normalization and resizing come after it."""
        after = ("normalization", "image_size")
        return {name: value for name, value in dataclasses.asdict(self).items() if name not in after}

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain JSON values."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> AudioSpec:
        """Read what `to_dict` wrote. A square picture may be given by its side, as specs from before do.

        Raises:
            InputError: a field is missing or unknown, or its value is of another type.
        """
        return read_table(cls, _by_sides(values), "AudioSpec", complete=True)


@dataclass(frozen=True)
class Uncertainty:
    """How far a model may be off: a new song's value is within `half_width` of the answer with probability `coverage`.

    Attributes:
        coverage: from 0 to 1, for each output by itself, in the mean over songs like those it was measured on.
        half_width: of valence and arousal.
        songs: how many songs it was measured on.
    """

    coverage: float
    half_width: tuple[float, float]
    songs: int


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """One model: which architecture, what goes in, what comes out.

    In the form `spectrogram` the input is float32 [1, 3, height, width], `image_size`: three equal channels of the
    normalized log-mel picture, then (x - image_mean) / image_sd. In the form `waveform` it is float32 PCM
    [1, n_samples], full scale at -1 and 1. The input is named after the form. The output `output_name` is float32
    [1, 2] in [-1, 1], ordered as `outputs`. `uncertainty` is None where it was not measured.
    `pooling` says what the answer for a song is: that of one clip (None), or the mean over all clips one after another.
    """

    architecture: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    audio: AudioSpec = field(default_factory=AudioSpec)
    form: Form = "spectrogram"
    output_name: str = "emotion"
    outputs: tuple[str, ...] = OUTPUTS
    output_range: tuple[float, float] = (-1.0, 1.0)
    image_mean: tuple[float, ...] = IMAGE_MEAN
    image_sd: tuple[float, ...] = IMAGE_SD
    uncertainty: Uncertainty | None = None
    pooling: Literal["mean"] | None = None

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
        """The same model, fed in another form."""
        return dataclasses.replace(self, form=form)

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain JSON values."""
        return {**dataclasses.asdict(self), "settings": dict(self.settings)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelSpec:
        """Read what `to_dict` wrote.

        Raises:
            InputError: a field is missing or unknown, or its value is of another type.
        """
        audio = values.get("audio")
        values = {**values, "audio": _by_sides(audio)} if isinstance(audio, Mapping) else values
        return read_table(cls, values, "ModelSpec", complete=True)


def _by_sides(audio: Mapping[str, Any]) -> Mapping[str, Any]:
    size = audio.get("image_size")
    return {**audio, "image_size": (size, size)} if isinstance(size, int) else audio


@dataclass(frozen=True)
class Artifact:
    """One exported model on disk: a file, or for Core ML a folder."""

    format: str
    precision: Precision
    form: Form
    path: Path

    @property
    def label(self) -> str:
        """The words that tables and messages use for it, such as `onnx waveform fp32`."""
        return f"{self.format} {self.form} {self.precision}"
