"""The perturbations of `evaluate`: what phones, codecs and rooms do to music without changing its emotion."""

from __future__ import annotations

from sentio_mobile.audio.perturb import gain, mp3, tilt, white_noise
from sentio_mobile.evaluation.predictions import Perturbation

PERTURBATIONS: tuple[Perturbation, ...] = (
    Perturbation(name="gain -12 dB", meaning="softer", change=gain(-12)),
    Perturbation(name="gain +12 dB", meaning="louder, clipped at full scale", change=gain(12)),
    Perturbation(name="bright", meaning="equalizer: -6 dB at 100 Hz to +6 dB at 8 kHz", change=tilt(6)),
    Perturbation(name="dark", meaning="equalizer: +6 dB at 100 Hz to -6 dB at 8 kHz", change=tilt(-6)),
    Perturbation(name="noise 30 dB", meaning="white noise 30 dB below the music", change=white_noise(30)),
    Perturbation(name="noise 20 dB", meaning="white noise 20 dB below the music", change=white_noise(20)),
    Perturbation(name="mp3 64 kbit/s", meaning="encoded as MP3 and decoded again", change=mp3(64)),
    Perturbation(name="0.5 s later", meaning="the clip starts half a second later", offset=0.5),
    Perturbation(name="5 s later", meaning="the clip starts five seconds later", offset=5.0),
)
"""Strengths are our choice: each change is clearly audible, and none makes another piece of music."""
