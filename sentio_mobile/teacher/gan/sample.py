"""Write GAN samples for a teacher's training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile.data.gan_samples import SampleBatch, Sampling, write_gan_samples
from sentio_mobile.errors import InputError
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
from sentio_mobile.teacher.gan.vicinity import VicinalLabels

LabelDistribution = Literal["density", "uniform"]

_BATCH = 16
_MAX_TRIES = 30
"""Mean number of candidates for each accepted sample above which the filter counts as too strict."""


def write_samples(
    gan: GanCheckpoint,
    name: str,
    *,
    n: int,
    out: Path,
    labels: LabelDistribution = "density",
    threshold: float = 0.3,
    seed: int = 0,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Sampling:
    """Generate samples, reject those with a low discriminator score, and write the others as a folder.

    Args:
        gan: The GAN.
        name: What the folder calls the GAN.
        n: Number of samples to write.
        out: Folder to write, see `sentio_mobile.data.gan_samples`.
        labels: Distribution of labels: `uniform` over the square, or the `density` of the GAN's training songs.
        threshold: Lowest accepted score, from 0 (accepts all) to 1.
        seed: Random seed for labels and noise.
        progress: Progress, sample by sample.
        overwrite: Whether an existing `out` is overwritten.

    Returns:
        How the samples were generated.

    Raises:
        InputError: The GAN was trained on classes, or hardly any sample is accepted.
        OutputError: `out` cannot be written.
    """
    if gan.classes:
        raise InputError(f"{name}: was trained on classes; a teacher's songs need valence and arousal")
    drawn: list[NDArray[np.float32]] = []

    def sampling() -> Sampling:
        valence, arousal = np.concatenate(drawn).mean(axis=0).round(4).tolist()
        tried = sum(map(len, drawn))
        return Sampling(
            generator=name,
            trained_on=gan.data,
            labels=labels,
            threshold=threshold,
            seed=seed,
            tried=tried,
            accepted=round(n / tried, 4),
            mean_label=(valence, arousal),
        )

    batches = _accepted_batches(
        gan, n, labels=labels, threshold=threshold, seed=seed, progress=progress or NoProgress(), drawn=drawn
    )
    return write_gan_samples(out, gan.audio, batches=batches, sampling=sampling, overwrite=overwrite).sampling


def _accepted_batches(
    gan: GanCheckpoint,
    n: int,
    *,
    labels: LabelDistribution,
    threshold: float,
    seed: int,
    progress: Progress,
    drawn: list[NDArray[np.float32]],
) -> Iterator[SampleBatch]:
    """Accepted samples batch by batch. The labels of all candidates are appended to `drawn`."""
    random = np.random.default_rng(seed)
    progress.start("generating samples", n)
    accepted = tried = 0
    while accepted < n:
        if tried >= _MAX_TRIES * n:
            progress.finish()
            raise InputError(
                f"only {accepted} of {tried} samples have a discriminator score of {threshold:g} or more; lower "
                "--filter, or train the GAN longer"
            )
        batch_labels = draw_labels(labels, gan.labels, _BATCH, random)
        mels = gan.sample(batch_labels, int(random.integers(2**31)), _BATCH)
        scores = gan.scores(mels, batch_labels)
        tried += len(batch_labels)
        drawn.append(batch_labels)
        good = np.flatnonzero(scores >= threshold)[: n - accepted]
        accepted += len(good)
        progress.advance(len(good), note=f"{accepted / tried:.0%} accepted")
        yield mels[good], batch_labels[good], scores[good]
    progress.finish()


def draw_labels(
    distribution: LabelDistribution, known: NDArray[np.float32], n: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Draw labels for samples [n, 2].

    Args:
        distribution: `uniform` over the square, or `density`: labels of songs, each moved a little (a kernel estimate).
        known: Valence and arousal of songs [m, 2].
        n: Number of labels.
        random: Source of randomness.
    """
    if distribution == "uniform":
        return random.uniform(-1, 1, (n, 2)).astype(np.float32)
    return VicinalLabels(known, is_soft=True).draw_labels(n, random)
