"""Read the config.json of a Hugging Face model: the settings that the shapes of weights do not show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from sentio_mobile._internal.files import is_file
from sentio_mobile._internal.record_messages import shown
from sentio_mobile._internal.records import from_plain, read_plain
from sentio_mobile.errors import CheckpointError
from sentio_mobile.teacher.import_weights.layouts import HUGGING_FACE

VISION, SPECTROGRAM = ("vit", "deit"), "audio-spectrogram-transformer"
"""Kinds of models, as `model_type` names them."""

Heads = Annotated[int, Meta(ge=1, le=128)]
Epsilon = Annotated[float, Meta(gt=0, le=0.1)]
Bands = Annotated[int, Meta(ge=4, le=512)]
Frames = Annotated[int, Meta(ge=4, le=2048)]
Stride = Annotated[int, Meta(ge=1, le=128)]


@dataclass(frozen=True, kw_only=True)
class SpectrogramSize:
    """The spectrograms that an AST takes.

    Attributes:
        bands: Mel bands.
        frames: Frames of a clip.
        stride: Pixels from one patch to the next, along both axes.
    """

    bands: int
    frames: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class HuggingFaceConfig:
    """Settings in a Hugging Face `config.json` that the shapes of weights do not show.

    Attributes:
        heads: Attention heads of a block.
        norm_eps: Epsilon of the layer norms.
        spectrogram: What an AST takes; None for networks of images.
    """

    heads: int
    norm_eps: float
    spectrogram: SpectrogramSize | None = None


def read_config(weights: Path) -> HuggingFaceConfig | None:
    """Read the Hugging Face `config.json` beside a file of weights; None if there is none, or none of these networks.

    Raises:
        CheckpointError: The file is not JSON, names an activation other than the exact GELU, or has a value out of its
            range.
    """
    path = weights.with_name("config.json")
    if not is_file(path):
        return None
    config = read_plain(path, CheckpointError)
    if not isinstance(config, dict):
        raise CheckpointError(f"{path} holds no JSON object; make it again")
    kind = config.get("model_type")
    if kind != SPECTROGRAM and kind not in VISION:
        return None
    if (activation := config.get("hidden_act", "gelu")) != "gelu":
        raise CheckpointError(
            f"{path}: the activation {shown(activation)} is not supported; a transformer here has gelu alone"
        )

    def value(key: str, limits: object, default: float) -> float:
        return from_plain(limits, config.get(key, default), f"{path}: {key}", CheckpointError)  # type: ignore[arg-type]

    strides = {int(value(key, Stride, 10)) for key in ("frequency_stride", "time_stride")}
    if kind == SPECTROGRAM and len(strides) > 1:
        raise CheckpointError(f"{path}: frequency_stride and time_stride differ; an ast here has one stride")
    return HuggingFaceConfig(
        heads=int(value("num_attention_heads", Heads, 12)),
        norm_eps=value("layer_norm_eps", Epsilon, HUGGING_FACE.norm_eps),
        spectrogram=None
        if kind != SPECTROGRAM
        else SpectrogramSize(
            bands=int(value("num_mel_bins", Bands, 128)),
            frames=int(value("max_length", Frames, 1024)),
            stride=strides.pop(),
        ),
    )
