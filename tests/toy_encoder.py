"""Encoders without weights, as another package would add them: the loudness of each second."""

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.records import replace
from sentio_mobile.models.encoders.base import EncoderInfo

TOY = EncoderInfo(
    name="toy",
    sample_rate=16000,
    window_s=3.0,
    hop_s=3.0,
    size=4,
    parameters=1,
    licence="MIT",
    source="",
    digest="0" * 64,
)
"""Facts of an encoder whose embeddings a test makes up: four values for each 3 s."""


class Loudness:
    """The root mean square and the peak of each second."""

    info = EncoderInfo(
        name="loudness",
        sample_rate=8000,
        window_s=1.0,
        hop_s=1.0,
        size=2,
        parameters=0,
        licence="MIT",
        source="a test",
        digest="10" * 32,
    )

    def embed(self, pcm: NDArray[np.float32]) -> NDArray[np.float32]:
        seconds = np.resize(pcm, (max(1, len(pcm) // 8000), 8000))
        return np.stack([np.sqrt((seconds**2).mean(axis=1)), np.abs(seconds).max(axis=1)], axis=1).astype(np.float32)


class LoudnessTags(Loudness):
    """The same, and whether it is calm or loud."""

    info = replace(Loudness.info, name="loudness-tags", digest="20" * 32)
    tags = ("calm", "loud")

    def embed_and_tag(self, pcm: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        found = self.embed(pcm)
        loud = np.clip(found[:, :1], 0, 1)
        return found, np.concatenate([1 - loud, loud], axis=1)
