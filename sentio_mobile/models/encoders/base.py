"""What an audio encoder is, and how one is found by its name.

An encoder turns sound into embeddings, one vector for each short stretch of time. To add one, write a class with the
members of `AudioEncoder` and register a function that makes it: in `BUILT_IN` here, or, from another package, as an
entry point of the group `sentio_mobile.encoders`. Nothing else has to change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Protocol, runtime_checkable

import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from sentio_mobile._internal.records import Name, Record, Sha256, Size, Text
from sentio_mobile.errors import InputError

ENTRY_POINTS = "sentio_mobile.encoders"
"""The group of entry points by which other packages add encoders."""

BUILT_IN: Mapping[str, str] = {
    "musicnn-msd": "sentio_mobile.models.encoders.musicnn:load_msd",
    "musicnn-mtt": "sentio_mobile.models.encoders.musicnn:load_mtt",
}
"""The encoders of this package: name, and the function that loads it as `module:function`."""

PREFIXES: Mapping[str, str] = {
    "hf:": "sentio_mobile.models.encoders.transformers_model:load",
    "ckpt:": "sentio_mobile.models.encoders.own_checkpoint:load",
}
"""Beginnings of names of encoders that say in the rest of the name which model they are of, and the function that loads
one from this rest, as `module:function`."""

PREFIX_FORMS: Mapping[str, str] = {
    "hf:FOLDER": "an audio model of transformers: AST, CLAP, Wav2Vec2, HuBERT, WavLM, Data2Vec or Whisper",
    "hf:HUB-ID": "the same, downloaded from the Hugging Face hub once",
    "ckpt:FOLDER": "a student or teacher that was trained here, with tokens or a feature map",
}
"""The forms of such names, for people. Where a network has layers, `#layer=6` at the end chooses one."""


class EncoderInfo(Record, frozen=True, kw_only=True):
    """What a caller must know of an encoder, and what a model card must say of it."""

    # What commands call it.
    name: Name
    # Samples per second of the mono sound that it takes.
    sample_rate: Annotated[int, Meta(ge=1000, le=384_000)]
    # Seconds of sound behind one embedding.
    window_s: Annotated[float, Meta(gt=0, le=600)]
    # Seconds from one embedding to the next.
    hop_s: Annotated[float, Meta(gt=0, le=600)]
    # Values of one embedding.
    size: Annotated[int, Meta(ge=1, le=65_536)]
    # Learned parameters; 0 where they are not known.
    parameters: Size
    # SPDX identifier of the licence of the weights.
    licence: Name
    # Where the weights come from: paper, package, hash.
    source: Text
    # SHA-256 of the weights, or of all else that decides what comes out. Embeddings that were made with the same digest
    # are not made again.
    digest: Sha256


class AudioEncoder(Protocol):
    """A pretrained network that turns sound into embeddings."""

    @property
    def info(self) -> EncoderInfo:
        """Sample rate, window, size, licence and source."""

    def embed(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embed one sound.

        Args:
            pcm: Mono sound [samples] at `info.sample_rate`, full scale at -1 and 1. Sound shorter than a window is
                repeated until it fills one.

        Returns:
            Embeddings [time, info.size], one each `info.hop_s` seconds, at least one.

        Raises:
            AudioError: The sound is empty or holds NaN or infinity.
        """


@runtime_checkable
class TaggingEncoder(AudioEncoder, Protocol):
    """An encoder that also knows tags, such as genres and moods."""

    @property
    def tags(self) -> Sequence[str]:
        """Names of the tags. Without any, it is an encoder like others."""

    def embed_and_tag(self, pcm: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Embed one sound and tag it, in one run of the network.

        Args:
            pcm: As for `embed`.

        Returns:
            Embeddings [time, info.size], as `embed` gives them, and probabilities of the tags in [0, 1]
            [time, len(tags)].

        Raises:
            AudioError: The sound is empty or holds NaN or infinity.
        """


def encoder_names() -> list[str]:
    """Names of all encoders that are known here, those of other packages included."""
    return sorted({*BUILT_IN, *_foreign()})


def load_encoder(name: str) -> AudioEncoder:
    """Load an encoder by its name.

    Raises:
        InputError: No encoder has this name, or its weights are not installed; the message names the command that
            brings them.
    """
    if name in BUILT_IN:
        return _load(BUILT_IN[name])
    for prefix, place in PREFIXES.items():
        if name.startswith(prefix):
            return _load(place, name.removeprefix(prefix))
    found = _foreign()
    if name not in found:
        raise InputError(f"no encoder {name!r}; known: {', '.join([*encoder_names(), *PREFIX_FORMS])}")
    made: AudioEncoder = found[name].load()()
    return made


def _load(place: str, *arguments: str) -> AudioEncoder:
    """Call the function `module:function`."""
    module, function = place.split(":")
    encoder: AudioEncoder = getattr(import_module(module), function)(*arguments)
    return encoder


def _foreign() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ENTRY_POINTS)}
