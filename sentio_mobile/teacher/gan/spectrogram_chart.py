"""Spectrogram charts, all with one colour scale so that they can be compared."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sentio_mobile._internal.charts import Chart, make_chart
from sentio_mobile.audio.logmel import mel_bank
from sentio_mobile.spec import AudioSpec

COLOUR_MAP = "magma"
"""Perceptually even, and dark for silence."""

_MAX_FRAMES, _SHADES = 324, 32
"""Frames and shades of a chart; more would make pages larger and look the same."""

_HZ: tuple[int, ...] = (100, 500, 1000, 2000, 4000, 8000)


def draw_spectrogram(axes: Axes, mel: NDArray[np.float32], audio: AudioSpec) -> None:
    """Draw a normalized log-mel [bands, frames] over seconds and hertz; 0 is always black and 1 always brightest."""
    step = -(-mel.shape[1] // _MAX_FRAMES)
    frames = mel.shape[1] // step * step
    shades = np.round(mel[:, :frames].reshape(len(mel), -1, step).mean(axis=2) * _SHADES) / _SHADES
    seconds = frames * audio.hop_length / audio.sample_rate
    axes.imshow(
        shades,
        aspect="auto",
        origin="lower",
        cmap=COLOUR_MAP,
        vmin=0,
        vmax=1,
        interpolation="none",
        extent=(0, seconds, -0.5, len(mel) - 0.5),
    )
    bank, bins = mel_bank(audio)
    centres = (bank @ np.arange(bins)) / np.maximum(bank.sum(axis=1), 1e-12) * audio.sample_rate / audio.n_fft
    ticks = [hz for hz in _HZ if hz <= audio.f_max]
    positions = np.interp(ticks, centres, np.arange(len(centres)))
    axes.set_yticks(positions.tolist(), [f"{hz:g}" for hz in ticks])
    axes.set(xlabel="seconds", ylabel="Hz")


def spectrogram_chart(mel: NDArray[np.float32], audio: AudioSpec, alt: str) -> Chart:
    """A chart of a normalized log-mel [bands, frames], for a page."""
    return make_chart(lambda axes: draw_spectrogram(axes, mel, audio), (4.4, 2.1), alt)
