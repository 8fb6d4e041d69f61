"""Samples of a decoded frame as mono PCM, and the check that they are sound at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.errors import AudioError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

Pcm: TypeAlias = NDArray[np.float32]

MAX_SAMPLE = 1e9
"""Absolute sample above which a file does not hold sound: full scale is 1, and 2^31 for integers taken as floats.

Squares of larger values would leave the range of 32-bit floats in the power spectrum."""

_SCALES = {"i2": 2.0**-15, "i4": 2.0**-31, "i8": 2.0**-63}
"""Factor from integers of each size to full scale at 1."""


def check_pcm(pcm: Pcm, name: str) -> None:
    """Check that PCM holds sound or silence.

    Args:
        pcm: PCM [samples].
        name: Name of the sound, with which the message begins.

    Raises:
        AudioError: It is empty, or a sample is not a number or far above full scale.
    """
    if not len(pcm):
        raise AudioError(f"{name}: holds no samples; give a file with sound in it")
    loudest = np.maximum(pcm.max(), -pcm.min())
    if not np.isfinite(loudest):
        raise AudioError(f"{name}: holds samples that are not numbers; decode it again from its source")
    if loudest > MAX_SAMPLE:
        raise AudioError(
            f"{name}: holds samples of {loudest:.0e} where full scale is 1; decode it again from its source"
        )


def to_mono(frame: AudioFrame, path: Path) -> Pcm:
    """The mean over the channels, with full scale at 1, column by column: many times faster than numpy's over rows."""
    values = frame.to_ndarray()
    channels = values if frame.format.is_planar else values.reshape(-1, frame.layout.nb_channels).T
    scale = _SCALES.get(values.dtype.str[1:])
    mono = np.zeros(channels.shape[1], dtype=np.float32)
    for channel in channels:
        if values.dtype == np.uint8:
            mono += (channel.astype(np.float32) - 128) / 128
        elif scale is None:
            mono += channel
        else:
            mono += channel.astype(np.float32) * np.float32(scale)
    if len(channels) > 1:
        mono /= len(channels)
    check_pcm(mono, str(path))
    return mono
