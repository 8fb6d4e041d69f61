"""Intervals in the pictures of answers."""

from pathlib import Path

import matplotlib.image
import numpy as np

from sentio_mobile._internal.records import replace
from sentio_mobile.inference.chart import plot_plane, plot_trajectory
from sentio_mobile.inference.emotion import Emotion
from sentio_mobile.spec import Uncertainty

WIDE = Uncertainty(0.9, (0.4, 0.2), 60)
ANSWERS = [
    Emotion(song="song.mp3", valence=0.1 * i - 0.3, arousal=0.2, start=5.0 * i, end=5.0 * i + 30) for i in range(8)
]


def inked(place: Path) -> float:
    """The share of the paper that is not white."""
    return float((matplotlib.image.imread(place)[..., :3] < 0.995).any(axis=2).mean())


def test_intervals_are_drawn_as_wide_as_they_are(tmp_path: Path) -> None:
    for draw in (plot_trajectory, plot_plane):
        drawn = []
        for i, known in enumerate((None, replace(WIDE, half_width=(0.1, 0.05)), WIDE)):
            place = tmp_path / f"{draw.__name__}{i}.png"
            draw(place, [replace(answer, uncertainty=known) for answer in ANSWERS])
            drawn.append(inked(place))
        assert drawn == sorted(drawn)
        assert np.diff(drawn).min() > 0.001
