"""How the generator's spectrograms are drawn, wherever they are shown: one scale of colours, so that they compare."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sentio_mobile.audio.logmel import mel_bank
from sentio_mobile.spec import AudioSpec

COLOURS = "magma"
"""Perceptually even, and dark where it is silent."""

_MOST_FRAMES = 324
_SHADES = 32
"""Frames and colours in a picture: more than an eye tells apart would only make pages heavy."""
_HZ: tuple[int, ...] = (100, 500, 1000, 2000, 4000, 8000)


def draw_spectrogram(axes: Axes, unit: NDArray[np.float32], audio: AudioSpec) -> None:
    """Draw levels in [0, 1] [bands, frames] over seconds and hertz; 0 is black and 1 the brightest in every picture."""
    step = -(-unit.shape[1] // _MOST_FRAMES)
    frames = unit.shape[1] // step * step
    shown = np.round(unit[:, :frames].reshape(len(unit), -1, step).mean(axis=2) * _SHADES) / _SHADES
    seconds = frames * audio.hop_length / audio.sample_rate
    axes.imshow(
        shown,
        aspect="auto",
        origin="lower",
        cmap=COLOURS,
        vmin=0,
        vmax=1,
        interpolation="none",
        extent=(0, seconds, -0.5, len(unit) - 0.5),
    )
    bank, bins = mel_bank(audio)
    centres = (bank @ np.arange(bins)) / np.maximum(bank.sum(axis=1), 1e-12) * audio.sample_rate / audio.n_fft
    ticks = [hz for hz in _HZ if hz <= audio.f_max]
    places = np.interp(ticks, centres, np.arange(len(centres)))
    axes.set_yticks(places.tolist(), [f"{hz:g}" for hz in ticks])
    axes.set(xlabel="seconds", ylabel="Hz")
