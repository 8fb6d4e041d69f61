"""What a phone, a codec or a room does to music, and what should not change how it feels."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np

from sentio_mobile.evaluation.predictions import Disturbance, Pcm


def louder(decibels: float) -> Callable[[Pcm, int], Pcm]:
    """Another gain; what comes to lie beyond full scale is cut off there, as a converter does."""
    return lambda pcm, _: np.clip(pcm * np.float32(10 ** (decibels / 20)), -1, 1)


def tilted(decibels: float) -> Callable[[Pcm, int], Pcm]:
    """An equalizer whose gain goes from -`decibels` at 100 Hz to +`decibels` at 8 kHz, straight over log frequency."""

    def change(pcm: Pcm, rate: int) -> Pcm:
        frequency = np.fft.rfftfreq(len(pcm), 1 / rate)
        place = np.log(np.clip(frequency, 100, 8000) / 100) / np.log(80)
        gain = 10 ** (decibels * (2 * place - 1) / 20)
        return np.asarray(np.fft.irfft(np.fft.rfft(pcm) * gain, len(pcm)), dtype=np.float32)

    return change


def noisy(decibels: float) -> Callable[[Pcm, int], Pcm]:
    """White noise whose power lies so many decibels under the clip's; the same draws for every clip of a length."""

    def change(pcm: Pcm, _: int) -> Pcm:
        noise = np.random.default_rng(0).standard_normal(len(pcm), dtype=np.float32)
        level = np.sqrt(np.mean(pcm.astype(np.float64) ** 2)) * 10 ** (-decibels / 20)
        return pcm + noise * np.float32(level)

    return change


def mp3(kilobits: int, rate_of_mp3: int = 44100) -> Callable[[Pcm, int], Pcm]:
    """Through an MP3 of a constant rate from 32 to 320 kbit/s, stereo at 44.1 kHz as people have them."""
    # libsndfile counts down from 320 to 32 kbit/s for this sample rate, and refuses the end itself.
    level = min(0.99, (320 - kilobits) / (320 - 32))

    def change(pcm: Pcm, rate: int) -> Pcm:
        import soundfile
        import soxr

        stream = io.BytesIO()
        wide = np.repeat(soxr.resample(pcm, rate, rate_of_mp3)[:, None], 2, axis=1)
        soundfile.write(stream, wide, rate_of_mp3, format="MP3", bitrate_mode="CONSTANT", compression_level=level)
        stream.seek(0)
        again = soundfile.read(stream, dtype="float32")[0].mean(axis=1)
        return np.asarray(soxr.resample(again, rate_of_mp3, rate))

    return change


DISTURBANCES: tuple[Disturbance, ...] = (
    Disturbance("gain -12 dB", "softer", louder(-12)),
    Disturbance("gain +12 dB", "louder, clipped at full scale", louder(12)),
    Disturbance("bright", "equalizer: -6 dB at 100 Hz to +6 dB at 8 kHz", tilted(6)),
    Disturbance("dark", "equalizer: +6 dB at 100 Hz to -6 dB at 8 kHz", tilted(-6)),
    Disturbance("noise 30 dB", "white noise 30 dB under the music", noisy(30)),
    Disturbance("noise 20 dB", "white noise 20 dB under the music", noisy(20)),
    Disturbance("mp3 64 kbit/s", "encoded again", mp3(64)),
    Disturbance("0.5 s later", "the clip starts half a second later", offset=0.5),
    Disturbance("5 s later", "the clip starts five seconds later", offset=5.0),
)
"""Their sizes are ours: each is heard at once, and none makes another piece of music."""
