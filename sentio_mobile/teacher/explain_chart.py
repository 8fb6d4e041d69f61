"""The picture of an explanation: the spectrogram in grey, and in colour over it how much of each patch is heard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from sentio_mobile._internal.charts import LIGHT
from sentio_mobile._internal.picture import write_picture
from sentio_mobile.audio.logmel import mel_bank
from sentio_mobile.spec import AudioSpec
from sentio_mobile.teacher.explain import Explanation

Colour = str | tuple[float, float, float, float]

_HERTZ: tuple[int, ...] = (100, 250, 500, 1000, 2000, 4000, 8000, 16000)
"""Frequencies that get a tick where the spectrogram has them."""

_STRONGEST = 0.9
"""Opacity of the most heard patch: what is heard stays to be seen."""

_GREY = "#757a84"
"""The loudest cell: light enough for the colour over it to keep its hue."""


def plot_explanation(place: Path, explanation: Explanation) -> None:
    """Draw the log-mel of a clip and, over it, the rollout from its patches to the class token.

    The colour of a patch is its share in multiples of the average patch's. Patches up to the average are clear, so that
    the colour says where the model looks more than elsewhere; how much more stands at the bar.

    Args:
        place: a .png or .svg file to write.
        explanation: what to draw.

    Raises:
        OutputError: the file cannot be written.
    """

    def draw(axes: Axes) -> None:
        audio, found = explanation.audio, explanation
        first, last = found.start, found.start + audio.seconds
        axes.imshow(
            found.levels,
            cmap=_between("white", _GREY),
            origin="lower",
            extent=(first, last, 0, audio.n_mels),
            aspect="auto",
            interpolation="antialiased",
        )
        height, width = found.covered
        shares = relative(found.rollout)
        overlay = axes.imshow(
            shares,
            cmap=_between(to_rgba(LIGHT.second, 0), to_rgba(LIGHT.second, _STRONGEST)),
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
        axes.set_title(_title(found), loc="left", fontsize=9, parse_math=False)

    write_picture(place, (8, 3.4), draw)


def relative(rollout: NDArray[np.float32]) -> NDArray[np.float32]:
    """Shares [rows, columns] in multiples of their mean."""
    return rollout / rollout.mean()


def band_of(hertz: NDArray[np.float64], audio: AudioSpec) -> NDArray[np.float64]:
    """Where frequencies lie on the axis of mel bands, the first of which reaches from 0 to 1; NaN beyond the bands."""
    bank, bins = mel_bank(audio)
    weight = bank.sum(axis=1)
    heard = weight > 0
    middles = (bank @ (np.arange(bins) * audio.sample_rate / audio.n_fft))[heard] / weight[heard]
    edges = (np.concatenate([[audio.f_min], middles, [audio.f_max]]), np.arange(audio.n_mels)[heard] + 0.5)
    return np.interp(hertz, edges[0], [0, *edges[1], audio.n_mels], left=np.nan, right=np.nan)


def _between(first: Colour, last: Colour) -> LinearSegmentedColormap:
    return LinearSegmentedColormap.from_list("two colours", [first, last])


def _title(found: Explanation) -> str:
    name = " ".join(Path(found.song).name.split())
    short = name if len(name) <= 40 else "…" + name[-39:]
    end = found.start + found.audio.seconds
    return (
        f"{short}, {found.start:g} to {end:g} s: valence {found.valence:+.2f}, arousal {found.arousal:+.2f}\n"
        f"attention rollout through {_blocks(found.blocks)}"
    )


def _blocks(numbers: tuple[int, ...]) -> str:
    """`block 3`, `blocks 0 to 11`, or `blocks 2, 5`."""
    if len(numbers) == 1:
        return f"block {numbers[0]}"
    if numbers == tuple(range(numbers[0], numbers[-1] + 1)):
        return f"blocks {numbers[0]} to {numbers[-1]}"
    return f"blocks {', '.join(map(str, numbers))}"
