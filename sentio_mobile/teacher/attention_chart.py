"""The chart of an explanation: the spectrogram in grey, overlaid in colour with each patch's attention share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sentio_mobile._internal.charts import LIGHT, write_chart
from sentio_mobile.audio.logmel import mel_bank
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.attention_rollout import Explanation

Colour = str | tuple[float, float, float, float]

_HERTZ: tuple[int, ...] = (100, 250, 500, 1000, 2000, 4000, 8000, 16000)
"""Frequencies with a tick, if the spectrogram covers them."""

_MAX_OPACITY = 0.9
"""Opacity of the patch with the largest share: the spectrogram stays visible under it."""

_GREY = "#757a84"
"""Shade of the loudest cell, light enough for the overlay to keep its hue."""


def plot_explanation(path: Path, explanation: Explanation) -> None:
    """Draw the log-mel of a clip, overlaid with the rollout from its patches to the class token.

    A patch's colour is its share in multiples of the average share. Patches up to the average are transparent, so that
    colour marks where the model looks more than elsewhere; the colour bar says how much more.

    Args:
        path: The .png or .svg file to write.
        explanation: The explanation to draw.

    Raises:
        OutputError: The file cannot be written.
    """

    def draw(axes: Axes) -> None:
        audio = explanation.audio
        first, last = explanation.start, explanation.start + audio.seconds
        axes.imshow(
            explanation.levels,
            cmap=_colour_map("white", _GREY),
            origin="lower",
            extent=(first, last, 0, audio.n_mels),
            aspect="auto",
            interpolation="antialiased",
        )
        height, width = explanation.covered
        shares = relative(explanation.rollout)
        overlay = axes.imshow(
            shares,
            cmap=_colour_map(to_rgba(LIGHT.second, 0), to_rgba(LIGHT.second, _MAX_OPACITY)),
            origin="lower",
            extent=(first, first + width * audio.seconds, 0, height * audio.n_mels),
            aspect="auto",
            interpolation="bilinear",
            vmin=1,
            vmax=max(float(shares.max()), 1.01),
        )
        heights = band_of(np.array(_HERTZ, dtype=np.float64), audio)
        ticks = [(y, hz) for y, hz in zip(heights, _HERTZ, strict=True) if np.isfinite(y)]
        axes.set_yticks([y for y, _ in ticks], [f"{hz:,}" for _, hz in ticks])
        axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))
        axes.set(xlim=(first, last), ylim=(0, audio.n_mels), xlabel="time (s)", ylabel="frequency (Hz, mel scale)")
        bar = axes.figure.colorbar(overlay, ax=axes, pad=0.015, aspect=30)
        bar.set_label("rollout, times the average patch")
        bar.outline.set_visible(False)
        axes.set_title(_title(explanation), loc="left", fontsize=9, parse_math=False)

    write_chart(path, (8, 3.4), draw)


def relative(rollout: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares [rows, columns] in multiples of their mean."""
    return rollout / rollout.mean()


def band_of(hertz: NDArray[np.float64], audio: AudioSpec) -> NDArray[np.float64]:
    """Positions of frequencies on the axis of mel bands, whose first band spans 0 to 1; NaN outside of the bands."""
    bank, bins = mel_bank(audio)
    weight = bank.sum(axis=1)
    has_bins = weight > 0
    centres = (bank @ (np.arange(bins) * audio.sample_rate / audio.n_fft))[has_bins] / weight[has_bins]
    edges = (np.concatenate([[audio.f_min], centres, [audio.f_max]]), np.arange(audio.n_mels)[has_bins] + 0.5)
    return np.interp(hertz, edges[0], [0, *edges[1], audio.n_mels], left=np.nan, right=np.nan)


def _colour_map(first: Colour, last: Colour) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("two colours", [first, last])


def _title(explanation: Explanation) -> str:
    name = " ".join(Path(explanation.song).name.split())
    short = name if len(name) <= 40 else "…" + name[-39:]
    end = explanation.start + explanation.audio.seconds
    return (
        f"{short}, {explanation.start:g} to {end:g} s: "
        f"valence {explanation.valence:+.2f}, arousal {explanation.arousal:+.2f}\n"
        f"attention rollout through {_blocks(explanation.blocks)}"
    )


def _blocks(numbers: tuple[int, ...]) -> str:
    """`block 3`, `blocks 0 to 11`, or `blocks 2, 5`."""
    if len(numbers) == 1:
        return f"block {numbers[0]}"
    if numbers == tuple(range(numbers[0], numbers[-1] + 1)):
        return f"blocks {numbers[0]} to {numbers[-1]}"
    return f"blocks {', '.join(map(str, numbers))}"
