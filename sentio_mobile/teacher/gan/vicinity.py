"""Which clips the discriminator sees with which labels: the vicinal losses of CcGAN (Ding et al. 2021).

Few songs share one valence and arousal, and a discriminator that sees each label with its one song memorizes songs. It
is therefore shown labels between those of songs too, each with a song whose label is near.

CcGAN weights clips by their nearness (its hard and soft vicinal discriminator losses). Here clips are drawn with these
weights as probabilities, which has the same expectation and costs a batch per step. CcGAN's one dimension becomes two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from sentio_mobile.teacher.gan.config import Vicinity

_NEAREST_LABELS = 5
"""The radius is the mean distance from a label to this many nearest labels: enough songs to choose from on average."""


@dataclass(frozen=True, kw_only=True)
class LabelledBatch:
    """One batch of draws.

    Attributes:
        clips: Indices of real clips [batch].
        labels: Labels that the discriminator sees with real and generated clips alike [batch, numbers].
        generator_labels: Labels that the generator generates for [batch, numbers].
    """

    clips: NDArray[np.int64]
    labels: NDArray[np.float32]
    generator_labels: NDArray[np.float32]


class ExactLabels:
    """Draws each clip with its own label, for both networks. The only choice for classes.

    Args:
        labels: Labels of the training clips [n, numbers].
    """

    def __init__(self, labels: NDArray[np.float32]) -> None:
        self.known = labels

    def draw(self, batch: int, random: np.random.Generator) -> LabelledBatch:
        """Draw one batch."""
        clips = random.integers(len(self.known), size=batch)
        return LabelledBatch(clips=clips, labels=self.known[clips], generator_labels=self.known[clips])


class VicinalLabels:
    """Draws labels near those of songs, and for each a song and a label for the generator in its vicinity.

    Args:
        labels: Valence and arousal of the training clips [n, 2].
        is_soft: Whether nearer clips are likelier (soft vicinity), or all within the radius are equally likely (hard
            vicinity).

    Attributes:
        noise_sd: Standard deviation of the noise on labels [2]: that of the labels times n^(-1/6), Silverman's rule
            for two dimensions (1986, section 4.3.2). CcGAN uses the rule for one dimension.
        radius: Radius of the hard vicinity. The soft one has the standard deviation radius / sqrt 2, from
            nu = 1 / radius^2.
    """

    def __init__(self, labels: NDArray[np.float32], is_soft: bool) -> None:
        self.known, self.is_soft = labels, is_soft
        distinct = np.unique(labels, axis=0)
        self.noise_sd = labels.std(axis=0) * len(labels) ** (-1 / 6)
        count = min(_NEAREST_LABELS + 1, len(distinct))
        distances, _ = cKDTree(distinct).query(distinct, k=[count])
        self.radius = max(float(np.mean(distances)), 1e-6)

    def draw_labels(self, n: int, random: np.random.Generator) -> NDArray[np.float32]:
        """Draw labels [n, 2] from a kernel estimate of the songs' density: labels of songs, each moved a little."""
        centres = self.known[random.integers(len(self.known), size=n)]
        return np.clip(centres + random.normal(size=centres.shape) * self.noise_sd, -1, 1).astype(np.float32)

    def draw(self, batch: int, random: np.random.Generator) -> LabelledBatch:
        """Draw one batch. A label with no song within the radius gets the nearest song."""
        labels = self.draw_labels(batch, random)
        squared = ((labels[:, None] - self.known[None]) ** 2).sum(axis=2) / self.radius**2
        nearest = squared.min(axis=1, keepdims=True)
        if self.is_soft:
            weights = np.exp(-(squared - nearest))
            offsets = random.normal(size=labels.shape) * self.radius / np.sqrt(2)
        else:
            weights = (squared <= np.maximum(nearest, 1)).astype(float)
            angle = random.uniform(0, 2 * np.pi, batch)
            distance = self.radius * np.sqrt(random.uniform(size=batch))
            offsets = np.stack([np.cos(angle) * distance, np.sin(angle) * distance], axis=1)
        edges = np.cumsum(weights, axis=1)
        clips = (edges < random.uniform(size=(batch, 1)) * edges[:, -1:]).sum(axis=1)
        generator_labels = np.clip(labels + offsets, -1, 1).astype(np.float32)
        return LabelledBatch(clips=clips.astype(np.int64), labels=labels, generator_labels=generator_labels)


def vicinity_of(kind: Vicinity, labels: NDArray[np.float32]) -> ExactLabels | VicinalLabels:
    """The way to draw batches for a recipe's `vicinity`, from labels [n, numbers]."""
    return ExactLabels(labels) if kind == "exact" else VicinalLabels(labels, is_soft=kind == "soft")
