"""Changes of a sound that leave its emotion as it is: gain, equalizer, noise and a lossy codec.

Evaluation measures how far they move predictions; preparation makes training clips with them.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from sentio_mobile.audio.decode import decode

Pcm = NDArray[np.float32]
ChangePcm = Callable[[Pcm, int], Pcm]
"""Maps PCM and its sample rate to changed PCM."""


def gain(decibels: float) -> ChangePcm:
    """A gain. Samples beyond full scale are clipped, as a converter does."""
    return lambda pcm, _: np.clip(pcm * np.float32(10 ** (decibels / 20)), -1, 1)


def tilt(decibels: float) -> ChangePcm:
    """An equalizer from -`decibels` at 100 Hz to +`decibels` at 8 kHz, linear in dB over log frequency."""

    def change(pcm: Pcm, rate: int) -> Pcm:
        frequency = np.fft.rfftfreq(len(pcm), 1 / rate)
        position = np.log(np.clip(frequency, 100, 8000) / 100) / np.log(80)
        factor = 10 ** (decibels * (2 * position - 1) / 20)
        return np.asarray(np.fft.irfft(np.fft.rfft(pcm) * factor, len(pcm)), dtype=np.float32)

    return change


def white_noise(decibels: float) -> ChangePcm:
    """White noise at a signal-to-noise ratio of `decibels`. Clips of equal length get the same noise."""

    def change(pcm: Pcm, _: int) -> Pcm:
        noise = np.random.default_rng(0).standard_normal(len(pcm), dtype=np.float32)
        level = np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) * 10 ** (-decibels / 20)
        return pcm + noise * np.float32(level)

    return change


def mp3(kilobits: int, mp3_rate: int = 44100) -> ChangePcm:
    """Encode as MP3 and decode again: constant bit rate of 32 to 320 kbit/s, stereo, 44.1 kHz by default."""
    # libsndfile counts down from 320 to 32 kbit/s for this sample rate, and rejects the end itself.
    level = min(0.99, (320 - kilobits) / (320 - 32))

    def change(pcm: Pcm, rate: int) -> Pcm:
        import soundfile
        import soxr

        stream = io.BytesIO()
        stereo = np.repeat(soxr.resample(pcm, rate, mp3_rate)[:, None], 2, axis=1)
        soundfile.write(stream, stereo, mp3_rate, format="MP3", bitrate_mode="CONSTANT", compression_level=level)
        return decode(stream.getvalue(), rate)

    return change
