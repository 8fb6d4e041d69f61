"""Made-up songs for a teacher to learn from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentio_mobile._internal.progress import NoProgress, Progress
from sentio_mobile._internal.records import from_plain
from sentio_mobile.data.gan_samples import SampleBatch, Sampling, write_gan_samples
from sentio_mobile.errors import CheckpointError, InputError
from sentio_mobile.spec import DataOrigin
from sentio_mobile.teacher.gan.checkpoint import GanCheckpoint
from sentio_mobile.teacher.gan.vicinity import Near

Labels = Literal["density", "uniform"]

_AT_ONCE = 16
_MOST_TRIES = 30
"""Candidates for each sample that is asked for, on the average, before the filter is called too strict."""


def write_samples(
    gan: GanCheckpoint,
    name: str,
    *,
    n: int,
    out: Path,
    labels: Labels = "density",
    threshold: float = 0.3,
    seed: int = 0,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> Sampling:
    """Make samples, drop those that the discriminator does not believe, and write the others as a folder.

    Args:
        gan: what makes them.
        name: what the folder calls it.
        n: how many are kept.
        out: the folder to write, see `sentio_mobile.data.gan_samples`.
        labels: `uniform` over the square, or of the `density` of the songs that it learnt from.
        threshold: the least score that is kept, from 0 (all) to 1.
        seed: of labels and noise.
        progress: shown sample by sample.
        overwrite: an existing `out` gives way.

    Returns:
        How they were generated, as the folder states it.

    Raises:
        InputError: it was trained on classes, or the discriminator believes hardly any.
        OutputError: `out` cannot be written.
    """
    if gan.classes:
        raise InputError(f"{name}: was trained on classes; songs to learn from have valence and arousal")
    origin = from_plain(DataOrigin, gan.data, f"{name}: data", CheckpointError)
    asked: list[NDArray[np.float32]] = []

    def sampling() -> Sampling:
        valence, arousal = np.concatenate(asked).mean(axis=0).round(4).tolist()
        tried = sum(map(len, asked))
        return Sampling(
            generator=name,
            trained_on=origin,
            labels=labels,
            threshold=threshold,
            seed=seed,
            tried=tried,
            accepted=round(n / tried, 4),
            mean_label=(valence, arousal),
        )

    batches = _batches(
        gan, n, labels=labels, threshold=threshold, seed=seed, progress=progress or NoProgress(), asked=asked
    )
    return write_gan_samples(out, gan.audio, batches=batches, sampling=sampling, overwrite=overwrite).sampling


def _batches(
    gan: GanCheckpoint,
    n: int,
    *,
    labels: Labels,
    threshold: float,
    seed: int,
    progress: Progress,
    asked: list[NDArray[np.float32]],
) -> Iterator[SampleBatch]:
    random = np.random.default_rng(seed)
    progress.start("making samples", n)
    kept = tried = 0
    while kept < n:
        if tried >= _MOST_TRIES * n:
            progress.finish()
            raise InputError(
                f"the discriminator gave {threshold:g} or more to {kept} of {tried} samples only; lower --filter, or "
                "train the GAN longer"
            )
        wanted = draw_labels(labels, gan.labels, _AT_ONCE, random)
        mels = gan.sample(wanted, int(random.integers(2**31)), _AT_ONCE)
        scores = gan.scores(mels, wanted)
        tried += len(wanted)
        asked.append(wanted)
        good = np.flatnonzero(scores >= threshold)[: n - kept]
        kept += len(good)
        progress.advance(len(good), note=f"{kept / tried:.0%} kept")
        yield mels[good], wanted[good], scores[good]
    progress.finish()


def draw_labels(kind: Labels, known: NDArray[np.float32], n: int, random: np.random.Generator) -> NDArray[np.float32]:
    """Labels to make samples for [n, 2].

    Args:
        kind: `uniform` over the square, or `density`: those of songs, each moved a little (a kernel estimate).
        known: valence and arousal of songs [m, 2].
        n: how many.
        random: what is drawn depends on this alone.
    """
    if kind == "uniform":
        return random.uniform(-1, 1, (n, 2)).astype(np.float32)
    return Near(known, is_soft=True).about(n, random)
