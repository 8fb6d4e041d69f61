"""The kinds of audio networks in the package `transformers` that can be encoders: one entry of `FAMILIES` a kind.

An entry says which classes of `transformers` make up the model, which settings its feature extractor takes, how the
network divides time, and where in its output the frames are. To add a kind, add an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sentio_mobile.errors import InputError
from sentio_mobile.models.encoders.transformers_features import (
    AstFeatures,
    ClapFeatures,
    Features,
    WaveFeatures,
    WhisperFeatures,
)

if TYPE_CHECKING:
    import torch

STEP_S = 1
"""Seconds of a time step, whose frames become one embedding."""

WAVE_WINDOW_S = 5
"""Seconds that a network is given at once that takes any length. Attention costs the square of it."""

_AST_FRAME, _AST_HOP = 400, 160
"""Samples of AST's frames, and from one to the next; they are no settings of its feature extractor."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """How a network divides time, and how large its hidden states are.

    Attributes:
        window: Samples that it is given at once, a multiple of `step`.
        step: Samples of a time step.
        first: Centre of the first frame, in samples.
        frame: Samples from one frame to the next.
        frames: Frames of a window.
        layers: Number of the last layer. Layer 0 is what goes into the first.
        sizes: Values of a frame: of the default output, then of each layer from 0 on.
        silence: Whether a short sound is followed by silence, as in the network's training, and not repeated.
    """

    window: int
    step: int
    first: float
    frame: float
    frames: int
    layers: int
    sizes: tuple[int, ...]
    silence: bool = False

    def size(self, layer: int | None) -> int:
        """Values of a frame of a layer; of the default output for None."""
        return self.sizes[0] if layer is None else self.sizes[1 + layer]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One kind of networks.

    Attributes:
        title: What people call it.
        config: Class of the settings in `transformers`.
        network: Class of the network; with its module where the package does not offer it at its top.
        extractor: Class of the feature extractor.
        features: Settings that the feature extractor is given.
        geometry: Gives the geometry from the network's and the feature extractor's settings. It raises InputError where
            they do not fit each other; the message has no file in it.
        states: Gives the frames [frames, size] from the network's output, its settings and the layer.
        section: Part of config.json with the settings; the whole by default.
        shared: Settings beside that part which count more than those in it.
        weights: Pattern at the beginning of the names of the tensors that are needed. What it matches is cut off.
        fixed: Settings that are set whatever config.json says.
    """

    title: str
    config: str
    network: str
    extractor: str
    features: type[Features]
    geometry: Callable[[Any, Any], Geometry]
    states: Callable[[Any, Any, int | None], torch.Tensor]
    section: str | None = None
    shared: tuple[str, ...] = ()
    weights: str = ""
    fixed: Mapping[str, bool] = field(default_factory=dict)


def _ast_geometry(config: Any, features: AstFeatures) -> Geometry:
    _require_equal("num_mel_bins", config.num_mel_bins, features.num_mel_bins)
    _require_equal("max_length", config.max_length, features.max_length)
    columns = (config.max_length - config.patch_size) // config.time_stride + 1
    step, window = _grid(features.sampling_rate, features.max_length * _AST_HOP)
    return Geometry(
        window=window,
        step=step,
        first=(config.patch_size - 1) / 2 * _AST_HOP + _AST_FRAME / 2,
        frame=config.time_stride * _AST_HOP,
        frames=columns,
        layers=config.num_hidden_layers,
        sizes=(config.hidden_size,) * (config.num_hidden_layers + 2),
    )


def _ast_states(outputs: Any, config: Any, layer: int | None) -> torch.Tensor:
    """Mean over the patches of each column of time. Two tokens that belong to no time come first."""
    rows = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
    patches = _layer(outputs, layer)[0, 2:]
    return patches.reshape(rows, -1, patches.shape[1]).mean(dim=0)


def _clap_geometry(config: Any, features: ClapFeatures) -> Geometry:
    _require_equal("the number of mel bands", config.num_mel_bins, features.feature_size)
    _require_equal("fusion", bool(config.enable_fusion), features.truncation == "fusion")
    window = features.max_length_s * features.sampling_rate
    stages = len(config.depths)
    widths = [config.patch_embeds_hidden_size * 2**stage for stage in range(stages)]
    return Geometry(
        window=window,
        step=window,
        first=window / 2,
        frame=window,
        frames=1,
        layers=stages,
        # A stage but the last ends by merging patches, which doubles the width.
        sizes=(config.projection_dim, widths[0], *widths[1:], widths[-1]),
    )


def _clap_states(outputs: Any, config: Any, layer: int | None) -> torch.Tensor:
    """The embedding that CLAP compares with texts; of a layer, the mean over all its patches."""
    if layer is None:
        return outputs.audio_embeds
    return outputs.hidden_states[layer].mean(dim=(2, 3))


def _whisper_geometry(config: Any, features: WhisperFeatures) -> Geometry:
    _require_equal("the number of mel bands", config.num_mel_bins, features.feature_size)
    step, window = _grid(features.sampling_rate, features.chunk_length * features.sampling_rate)
    # Its second convolution has a stride of 2.
    frame = 2 * features.hop_length
    _require_equal("the number of frames", config.max_source_positions, window // features.hop_length // 2)
    return Geometry(
        window=window,
        step=step,
        first=0,
        frame=frame,
        frames=config.max_source_positions,
        layers=config.encoder_layers,
        sizes=(config.d_model,) * (config.encoder_layers + 2),
        silence=True,
    )


def _wave_geometry(config: Any, features: WaveFeatures) -> Geometry:
    step, window = _grid(features.sampling_rate, WAVE_WINDOW_S * features.sampling_rate)
    frames, frame, reach = window, 1, 1
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        if min(kernel, stride) < 1:
            raise InputError("conv_kernel and conv_stride must be 1 or more")
        frames, reach, frame = (frames - kernel) // stride + 1, reach + (kernel - 1) * frame, frame * stride
    return Geometry(
        window=window,
        step=step,
        first=(reach - 1) / 2,
        frame=frame,
        frames=frames,
        layers=config.num_hidden_layers,
        sizes=(config.hidden_size,) * (config.num_hidden_layers + 2),
    )


def _token_states(outputs: Any, config: Any, layer: int | None) -> torch.Tensor:
    """One token a frame."""
    return _layer(outputs, layer)[0]


def _layer(outputs: Any, layer: int | None) -> torch.Tensor:
    return outputs.last_hidden_state if layer is None else outputs.hidden_states[layer]


def _grid(sample_rate: int, longest: int) -> tuple[int, int]:
    """Samples of a time step and of a window: whole steps, or one of all that the network takes."""
    step = min(STEP_S * sample_rate, longest)
    return step, longest // step * step


def _require_equal(what: str, of_network: object, of_features: object) -> None:
    if of_network != of_features:
        raise InputError(f"{what} is {of_network} in config.json and {of_features} in the feature extractor's settings")


def _wave(title: str, name: str) -> Family:
    return Family(
        title=title,
        config=f"{name}Config",
        network=f"{name}Model",
        extractor="Wav2Vec2FeatureExtractor",
        features=WaveFeatures,
        geometry=_wave_geometry,
        states=_token_states,
        # An adapter for translation, after the last layer.
        fixed={"add_adapter": False},
    )


_CLAP = Family(
    title="CLAP",
    config="ClapAudioConfig",
    network="ClapAudioModelWithProjection",
    extractor="ClapFeatureExtractor",
    features=ClapFeatures,
    geometry=_clap_geometry,
    states=_clap_states,
    section="audio_config",
    shared=("projection_dim", "projection_hidden_act"),
    weights=r"(?=audio_model\.|audio_projection\.)",
)

FAMILIES: Mapping[str, Family] = {
    "audio-spectrogram-transformer": Family(
        title="AST",
        config="ASTConfig",
        network="ASTModel",
        extractor="ASTFeatureExtractor",
        features=AstFeatures,
        geometry=_ast_geometry,
        states=_ast_states,
    ),
    "clap": _CLAP,
    # The part of CLAP for sound, saved alone.
    "clap_audio_model": replace(_CLAP, section=None, shared=()),
    "wav2vec2": _wave("Wav2Vec2", "Wav2Vec2"),
    "hubert": _wave("HuBERT", "Hubert"),
    "wavlm": _wave("WavLM", "WavLM"),
    "data2vec-audio": _wave("Data2Vec", "Data2VecAudio"),
    "whisper": Family(
        title="Whisper",
        config="WhisperConfig",
        network="models.whisper.modeling_whisper.WhisperEncoder",
        extractor="WhisperFeatureExtractor",
        features=WhisperFeatures,
        geometry=_whisper_geometry,
        states=_token_states,
        weights=r"(model\.)?encoder\.",
    ),
}
"""The kinds by the `model_type` that a config.json has."""
