"""Which clips, with which labels, the discriminator is shown: the vicinal losses of CcGAN (Ding et al. 2021).

Of one valence and arousal there is one song, or none. A discriminator that sees each label with its one song learns
songs by heart; so it is shown, as a song of a label, one of a label near by, and as labels also those between songs.

CcGAN weighs clips by their nearness (its hard and soft vicinal discriminator losses); here they are drawn with these
weights as probabilities. That has the same expectation, and each step costs a batch. Two dimensions take the place of
CcGAN's one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from sentio_mobile.teacher.gan.config import Vicinity

_NEIGHBOURS = 5
"""Of how many nearest songs the farthest is still near: enough to choose from, on the average over songs."""


@dataclass(frozen=True)
class Drawn:
    """One batch of draws.

    Attributes:
        songs: indices of real clips [batch].
        labels: what the discriminator is told of real and made-up clips alike [batch, numbers].
        asked: what the generator is asked for [batch, numbers].
    """

    songs: NDArray[np.int64]
    labels: NDArray[np.float32]
    asked: NDArray[np.float32]


class Exact:
    """Each clip with its own label; the generator is asked for the same. The only way for classes.

    Args:
        labels: of the training clips [n, numbers].
    """

    def __init__(self, labels: NDArray[np.float32]) -> None:
        self.known = labels

    def draw(self, batch: int, random: np.random.Generator) -> Drawn:
        """Draw one batch."""
        songs = random.integers(len(self.known), size=batch)
        return Drawn(songs, self.known[songs], self.known[songs])


class Near:
    """Labels drawn about those of songs, and for each a song, and a label to ask for, in its vicinity.

    Args:
        labels: valence and arousal of the training clips [n, 2].
        is_soft: whether the nearer is the likelier (soft vicinity), or all within `radius` alike (hard vicinity).

    Attributes:
        spread: standard deviation of the noise on labels [2]: the labels' own, times n^(-1/6), Silverman's rule for two
            dimensions (1986, section 4.3.2) as CcGAN's rule of thumb is the one for one.
        radius: of the hard vicinity; the soft one has the standard deviation radius / sqrt 2 (nu = 1 / radius^2).
    """

    def __init__(self, labels: NDArray[np.float32], is_soft: bool) -> None:
        self.known, self.is_soft = labels, is_soft
        different = np.unique(labels, axis=0)
        self.spread = labels.std(axis=0) * len(labels) ** (-1 / 6)
        count = min(_NEIGHBOURS + 1, len(different))
        distances, _ = cKDTree(different).query(different, k=[count])
        self.radius = max(float(np.mean(distances)), 1e-6)

    def about(self, n: int, random: np.random.Generator) -> NDArray[np.float32]:
        """Labels of songs, each moved a little [n, 2]: draws of a kernel estimate of their density."""
        songs = self.known[random.integers(len(self.known), size=n)]
        return np.clip(songs + random.normal(size=songs.shape) * self.spread, -1, 1).astype(np.float32)

    def draw(self, batch: int, random: np.random.Generator) -> Drawn:
        """Draw one batch. A label with no song within reach takes the nearest."""
        labels = self.about(batch, random)
        squared = ((labels[:, None] - self.known[None]) ** 2).sum(axis=2) / self.radius**2
        nearest = squared.min(axis=1, keepdims=True)
        if self.is_soft:
            weights = np.exp(-(squared - nearest))
            away = random.normal(size=labels.shape) * self.radius / np.sqrt(2)
        else:
            weights = (squared <= np.maximum(nearest, 1)).astype(float)
            turn, far = random.uniform(0, 2 * np.pi, batch), self.radius * np.sqrt(random.uniform(size=batch))
            away = np.stack([np.cos(turn) * far, np.sin(turn) * far], axis=1)
        edges = np.cumsum(weights, axis=1)
        songs = (edges < random.uniform(size=(batch, 1)) * edges[:, -1:]).sum(axis=1)
        asked = np.clip(labels + away, -1, 1).astype(np.float32)
        return Drawn(songs.astype(np.int64), labels, asked)


def vicinity_of(kind: Vicinity, labels: NDArray[np.float32]) -> Exact | Near:
    """What draws batches for a recipe's `vicinity`, of labels [n, numbers]."""
    return Exact(labels) if kind == "exact" else Near(labels, is_soft=kind == "soft")
