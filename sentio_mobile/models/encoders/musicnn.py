"""musicnn (Pons & Serra 2019): a small network that was trained to tag 200,000 songs, as an encoder.

The network follows "musicnn: pre-trained convolutional neural networks for music audio tagging" (ISMIR 2019
late-breaking demo) and "End-to-end learning for music audio tagging at scale" (ISMIR 2018, section 3). The weights
(ISC licence) are not part of this package: `sentio-mobile encoder install musicnn` takes them from PyPI's wheel.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import conv1d, conv2d, max_pool2d, pad

from sentio_mobile._internal.files import is_file, sha256, user_cache
from sentio_mobile.audio.logmel import mel_power
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.models.encoders.base import EncoderInfo
from sentio_mobile.models.encoders.windowed import require_sound
from sentio_mobile.spec import AudioSpec

SAMPLE_RATE, HOP, FFT, MELS = 16_000, 256, 512, 96
"""The log-mel that musicnn was trained on."""
FRAMES = 187
"""Frames of a patch: 3 s."""
SIZE, TAGS = 200, 50
TEMPORAL_FRAMES = (128, 64, 32)
"""Lengths of the temporal filters."""
TIMBRAL_BANDS = (int(0.4 * MELS), int(0.7 * MELS))
"""Heights of the timbral filters."""
TIMBRAL, TEMPORAL, MIDDLE = 204, 51, 64
"""Channels of each timbral filter, of each temporal filter and of each layer of the middle part."""

MSD_TAGS: tuple[str, ...] = (
    *("rock", "pop", "alternative", "indie", "electronic", "female vocalists", "dance", "00s", "alternative rock"),
    *("jazz", "beautiful", "metal", "chillout", "male vocalists", "classic rock", "soul", "indie rock", "Mellow"),
    *("electronica", "80s", "folk", "90s", "chill", "instrumental", "punk", "oldies", "blues", "hard rock", "ambient"),
    *("acoustic", "experimental", "female vocalist", "guitar", "Hip-Hop", "70s", "party", "country", "easy listening"),
    *("sexy", "catchy", "funk", "electro", "heavy metal", "Progressive rock", "60s", "rnb", "indie pop", "sad"),
    *("House", "happy"),
)
"""The 50 tags of the Million Song Dataset's network, in the order of its outputs."""

MTT_TAGS: tuple[str, ...] = (
    *("guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano", "ambient"),
    *("beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing", "vocals", "no vocals"),
    *("harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop", "soft", "sitar", "solo"),
    *("man", "classic", "choir", "voice", "new age", "dance", "male voice", "female vocal", "beats", "harp", "cello"),
    *("no voice", "weird", "country", "metal", "female voice", "choral"),
)
"""The 50 tags of MagnaTagATune's network, in the order of its outputs."""

_SPEC = AudioSpec(
    sample_rate=SAMPLE_RATE, seconds=3.0, n_fft=FFT, hop_length=HOP, n_mels=MELS, f_min=0.0, f_max=SAMPLE_RATE / 2
)


class Musicnn(nn.Module):
    """The network: a patch of log-mel in, its embedding and the logits of its tags out."""

    def __init__(self) -> None:
        super().__init__()
        self.input_norm = nn.BatchNorm2d(1, eps=1e-3)
        self.timbral = nn.ModuleList(_Filter((7, height), TIMBRAL) for height in TIMBRAL_BANDS)
        self.temporal = nn.ModuleList(_Filter((length, 1), TEMPORAL) for length in TEMPORAL_FRAMES)
        front = 2 * TIMBRAL + 3 * TEMPORAL
        self.middle = nn.ModuleList(_Filter((7, width), MIDDLE) for width in (front, MIDDLE, MIDDLE))
        pooled = 2 * (front + 3 * MIDDLE)
        self.pooled_norm = nn.BatchNorm1d(pooled, eps=1e-3)
        self.dense = nn.Linear(pooled, SIZE)
        self.dense_norm = nn.BatchNorm1d(SIZE, eps=1e-3)
        self.tags = nn.Linear(SIZE, TAGS)

    def forward(self, patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed patches.

        Args:
            patches: Log-mels [batch, frames, 96] as `log_mel_patches` makes them.

        Returns:
            Embeddings [batch, 200] and logits of the tags [batch, 50].
        """
        image = self.input_norm(patches[:, None])
        features = [layer(pad(image, (0, 0, 3, 3))) for layer in self.timbral]
        for layer, length in zip(self.temporal, TEMPORAL_FRAMES, strict=True):
            # TensorFlow's "same": of an even filter's padding the larger half comes last.
            features.append(layer(pad(image, (0, 0, (length - 1) // 2, length // 2))))
        front = torch.cat(features, dim=2)
        first = self.middle[0](_rows(front))
        second = self.middle[1](_rows(first)) + first
        third = self.middle[2](_rows(second)) + second
        everything = torch.cat([front, first, second, third], dim=2)
        pooled = torch.stack([everything.amax(dim=1), everything.mean(dim=1)], dim=2).flatten(1)
        embedding = torch.relu(self.dense(self.pooled_norm(pooled)))
        return embedding, self.tags(self.dense_norm(embedding))


class _Filter(nn.Module):
    """Convolution, ReLU, batch norm, maximum over frequency: [batch, 1, time, bands] -> [batch, time, width]."""

    def __init__(self, kernel: tuple[int, int], width: int) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, width, kernel), nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.norm(torch.relu(self.conv(x)))
        return found.amax(dim=3).transpose(1, 2)


def _rows(features: torch.Tensor) -> torch.Tensor:
    """Features [batch, time, width] as an image whose height is time, padded for a filter of seven frames."""
    return pad(features[:, None], (0, 0, 3, 3))


class _Inference:
    """The network with its present weights, rearranged so that a CPU needs a quarter of the time for ten patches.

    Outputs are the same but for rounding. A patch is run by itself, because convolutions of large kernels slow down
    with the batch. Of each channel only the extreme over frequency goes through ReLU and batch norm: neither changes
    which one it is, but for channels whose scale is negative, whose signs are turned.
    """

    def __init__(self, network: Musicnn) -> None:
        self._network = network
        self._front = [_Extremes(layer) for layer in (*network.timbral, *network.temporal)]
        self._middle = [_Extremes(layer) for layer in network.middle]

    def __call__(self, patches: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embeddings [batch, 200] and logits of the tags [batch, 50] of patches [batch, frames, 96]."""
        pooled = torch.cat([self._pooled(patch[None, None]) for patch in patches])
        network = self._network
        embedding = torch.relu(network.dense(network.pooled_norm(pooled)))
        return embedding, network.tags(network.dense_norm(embedding))

    def _pooled(self, patch: torch.Tensor) -> torch.Tensor:
        image = self._network.input_norm(patch)
        front = torch.cat([layer.over_image(image) for layer in self._front], dim=1)
        first = self._middle[0].over_rows(front)
        second = self._middle[1].over_rows(first) + first
        third = self._middle[2].over_rows(second) + second
        everything = torch.cat([front, first, second, third], dim=1)
        return torch.stack([everything.amax(dim=2), everything.mean(dim=2)], dim=2).flatten(1)


class _Extremes:
    """A `_Filter` whose maximum comes first; features are [batch, width, time]."""

    def __init__(self, layer: nn.Module) -> None:
        conv, norm = layer.get_submodule("conv"), layer.get_submodule("norm")
        assert isinstance(conv, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        weight, bias, scale, shift = conv.weight.detach(), conv.bias, norm.weight.detach(), norm.bias.detach()
        mean, var = norm.running_mean, norm.running_var
        assert bias is not None
        assert mean is not None
        assert var is not None
        scale = (scale / torch.sqrt(var + norm.eps))[:, None]
        self._scale, self._shift = scale, shift[:, None] - mean[:, None] * scale
        self._sign = torch.where(scale < 0, -1.0, 1.0)
        weight = weight * self._sign[..., None, None]
        self._rows = weight[:, 0].transpose(1, 2).contiguous()
        # With channels last, the maximum needs a tenth of its time. `contiguous` would leave a kernel of one input
        # channel as it is.
        self._weight = weight.to(memory_format=torch.channels_last)
        self._bias, self._length = bias.detach() * self._sign[:, 0], weight.shape[2]

    def over_image(self, image: torch.Tensor) -> torch.Tensor:
        """[batch, 1, time, bands] -> [batch, width, time]."""
        found = conv2d(pad(image, (0, 0, *self._padding)), self._weight, self._bias)
        return self._normalized(max_pool2d(found, (1, found.shape[3]))[..., 0])

    def over_rows(self, features: torch.Tensor) -> torch.Tensor:
        """[batch, bands, time] -> [batch, width, time], for a filter as high as there are bands."""
        return self._normalized(conv1d(pad(features, self._padding), self._rows, self._bias))

    @property
    def _padding(self) -> tuple[int, int]:
        return (self._length - 1) // 2, self._length // 2

    def _normalized(self, extremes: torch.Tensor) -> torch.Tensor:
        return torch.relu(extremes * self._sign) * self._scale + self._shift


def log_mel_patches(pcm: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut a sound into patches of musicnn's log-mel, log10(1 + 10,000 x mel power), each of 3 s, one after another.

    Args:
        pcm: Mono sound [samples] at 16 kHz, full scale at -1 and 1. What is shorter than a patch is repeated.

    Returns:
        [patches, 187, 96].

    Raises:
        AudioError: The sound is empty or holds NaN or infinity.
    """
    require_sound(pcm)
    shortest = (FRAMES - 1) * HOP
    if len(pcm) < shortest:
        pcm = np.tile(pcm, -(-shortest // len(pcm)))[:shortest]
    power = mel_power(np.pad(pcm.astype(np.float32, copy=False), FFT // 2), _SPEC).T
    # The network was trained on log-mels whose power was first rounded to 16 bits.
    levels = np.log10(10_000 * power.astype(np.float16).astype(np.float32) + 1)
    patches = len(levels) // FRAMES
    return np.asarray(levels[: patches * FRAMES].reshape(patches, FRAMES, MELS), dtype=np.float32)


class MusicnnEncoder:
    """musicnn as an encoder: an embedding of 200 values for each 3 s of sound."""

    def __init__(self, network: Musicnn, info: EncoderInfo, tags: Sequence[str] = ()) -> None:
        self.network, self.info, self.tags = network.eval(), info, tuple(tags)
        self._inference = _Inference(self.network)

    def embed(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings [time, 200] of a mono sound at 16 kHz; see `AudioEncoder.embed`."""
        return self.embed_and_tag(pcm)[0]

    def tag(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probabilities [time, 50] of the tags, in the order of `tags`."""
        return self.embed_and_tag(pcm)[1]

    def embed_and_tag(self, pcm: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embeddings [time, 200] and probabilities [time, 50]; see `TaggingEncoder.embed_and_tag`."""
        patches = torch.from_numpy(log_mel_patches(pcm))
        with torch.inference_mode():
            embedding, logits = self._inference(patches)
            return embedding.numpy(), torch.sigmoid(logits).numpy()


def weights_path(dataset: str) -> Path:
    """Where the weights that were trained on a data set, `msd` or `mtt`, are installed."""
    return user_cache("encoders") / f"musicnn-{dataset}.safetensors"


def load_msd() -> MusicnnEncoder:
    """musicnn trained on the Million Song Dataset's tags.

    Raises:
        InputError: The weights are not installed.
        CheckpointError: They are damaged.
    """
    return _load("msd", MSD_TAGS)


def load_mtt() -> MusicnnEncoder:
    """musicnn trained on MagnaTagATune.

    Raises:
        InputError: The weights are not installed.
        CheckpointError: They are damaged.
    """
    return _load("mtt", MTT_TAGS)


def _load(dataset: str, tags: Sequence[str]) -> MusicnnEncoder:
    path = weights_path(dataset)
    if not is_file(path):
        raise InputError(
            f"the encoder musicnn-{dataset} is not installed; install it with `sentio-mobile encoder install musicnn`"
        )
    network = Musicnn()
    try:
        network.load_state_dict(load_file(path))
    except (SafetensorError, RuntimeError, OSError) as error:
        raise CheckpointError(
            f"{path} is damaged ({str(error).splitlines()[0]}); remove it and install the encoder again"
        ) from error
    info = EncoderInfo(
        name=f"musicnn-{dataset}",
        sample_rate=SAMPLE_RATE,
        window_s=FRAMES * HOP / SAMPLE_RATE,
        hop_s=FRAMES * HOP / SAMPLE_RATE,
        size=SIZE,
        parameters=sum(weight.numel() for weight in network.parameters()),
        licence="ISC",
        source="Pons & Serra 2019, PyPI package musicnn 0.1.0",
        digest=sha256(path),
    )
    return MusicnnEncoder(network, info, tags)
