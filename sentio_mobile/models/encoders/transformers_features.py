"""Settings of feature extractors of `transformers`, as far as they are used: what preprocessor_config.json may say."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from sentio_mobile._internal.records import Record
from sentio_mobile.errors import RecordError
from sentio_mobile.spec import MAX_SAMPLES

SampleRate = Annotated[int, Meta(ge=1000, le=384_000)]
Hop = Annotated[int, Meta(ge=1, le=65_536)]
Fft = Annotated[int, Meta(ge=16, le=65_536)]
Bands = Annotated[int, Meta(ge=1, le=512)]
Seconds = Annotated[int, Meta(ge=1, le=600)]
Level = Annotated[float, Meta(ge=-1000, le=1000)]
Hertz = Annotated[float, Meta(ge=0, le=192_000)]


class AstFeatures(Record, frozen=True, kw_only=True):
    """Settings of AST's feature extractor."""

    sampling_rate: SampleRate  # samples per second
    num_mel_bins: Bands = 128  # mel bands
    max_length: Annotated[int, Meta(ge=1, le=60_000)] = 1024  # frames of a window, 10 ms each
    do_normalize: bool = True  # whether the mean and the deviation are applied
    mean: Level = -4.2677393  # mean of the training data's log-mels
    std: Annotated[float, Meta(gt=0, le=1000)] = 4.5689974  # standard deviation of the training data's log-mels


class ClapFeatures(Record, frozen=True, kw_only=True):
    """Settings of CLAP's feature extractor."""

    sampling_rate: SampleRate  # samples per second
    feature_size: Bands = 64  # mel bands
    hop_length: Hop = 480  # samples from one frame to the next
    max_length_s: Seconds = 10  # seconds of a window
    fft_window_size: Fft = 1024  # samples of a frame
    frequency_min: Hertz = 0.0  # lower end of the lowest mel band, in Hz
    frequency_max: Hertz = 14_000.0  # upper end of the highest mel band, in Hz
    truncation: Literal["fusion", "rand_trunc"] = "fusion"  # kind of model: with fused crops, or without
    padding: Literal["repeatpad", "repeat", "pad"] = "repeatpad"  # how a short sound is filled up

    def check(self) -> None:
        """A window must not be too long."""
        _require_samples("max_length_s", self.max_length_s * self.sampling_rate)


class WhisperFeatures(Record, frozen=True, kw_only=True):
    """Settings of Whisper's feature extractor."""

    sampling_rate: SampleRate  # samples per second
    feature_size: Bands = 80  # mel bands
    hop_length: Hop = 160  # samples from one frame to the next
    chunk_length: Seconds = 30  # seconds of a window
    n_fft: Fft = 400  # samples of a frame
    padding_value: Level = 0.0  # sample that fills up a short sound

    def check(self) -> None:
        """A window must not be too long."""
        _require_samples("chunk_length", self.chunk_length * self.sampling_rate)


class WaveFeatures(Record, frozen=True, kw_only=True):
    """Settings of the feature extractor of networks that take PCM."""

    sampling_rate: SampleRate  # samples per second
    feature_size: Literal[1] = 1  # channels
    do_normalize: bool = True  # whether a window gets mean 0 and standard deviation 1
    padding_value: Level = 0.0  # sample that fills up a short sound
    return_attention_mask: bool = False  # whether the network is told which samples fill up


Features = AstFeatures | ClapFeatures | WhisperFeatures | WaveFeatures


def _require_samples(name: str, samples: int) -> None:
    if samples > MAX_SAMPLES:
        raise RecordError(f"{name} must give at most {MAX_SAMPLES:,} samples, not {samples:,}")
